"""What the dynamic providers share: they are thin, and everything they decide is decided in tidewatch.traffic.

Their module paths are state format: a provider is pickled by reference, so moving or renaming one breaks refresh and
destroy of every stack that has it, and an edit of their code is no change of a stack.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import pulumi
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.dynamic import CheckFailure, CheckResult, ConfigureRequest, DiffResult, ReadResult, ResourceProvider
from pulumi.output import Unknown

from tidewatch import clock
from tidewatch.aws import sessions
from tidewatch.aws.connection import PROVIDER_KEYS, Connection
from tidewatch.aws.current_user import get_caller_arn
from tidewatch.aws.errors import get_error_code, get_error_message
from tidewatch.traffic import Clients, DeployedModel, ResourceNames, Split, TrafficController, TrafficError

WAIT_SECONDS = 14_400 + 3600
"""How long a change waits for another that is in progress: what an UpdateEndpoint may take."""

Props = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")

_clients_lock = threading.Lock()


class AwsProvider(ResourceProvider):
    """A provider that speaks to AWS as the stack's config says.

    One instance serves several calls at once, so it holds nothing but where it was configured for.
    """

    serialize_as_secret_always = False
    connection = Connection()

    def configure(self, req: ConfigureRequest) -> None:
        """Takes the AWS provider's settings from the stack's config, and makes of an error a sentence, no traceback."""
        sys.tracebacklimit = 0
        install_environment_clock()
        self.connection = Connection.from_config({key: req.config.get(key) for key in PROVIDER_KEYS})

    def client(self, service: str) -> Any:
        """The process's client of a service."""
        return get_client(self.connection, service, os.environ.get("AWS_ENDPOINT_URL", ""))


class TrafficProvider(AwsProvider):
    """A provider that speaks to one endpoint through a TrafficController."""

    def create_controller(self, props: Mapping[str, Any]) -> TrafficController:
        """The controller of the endpoint that these inputs or outputs name."""
        return TrafficController(
            get_clients(self.connection, os.environ.get("AWS_ENDPOINT_URL", "")),
            read_resource_names(props),
            wait_seconds=WAIT_SECONDS,
            guardrails={k: v for k, v in (props.get("guardrails") or {}).items() if not isinstance(v, Unknown)},
        )

    def check_declaration(self, olds: Mapping[str, Any], news: Props) -> CheckResult:
        """The inputs, or the refusal of what changed in them: only then, so that a rollback fails no later `up`."""
        try:
            if self.needs_check(olds, news):
                self.require_allowed(olds, news)
        except Exception as error:
            if (message := describe_error(error)) is None:
                raise
            return reject(news, message)
        return accept(news)

    def needs_check(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Whether anything is to be done that the rules of the endpoint are about."""
        acknowledges = bool(news.get("acknowledged")) and has_changed(olds, news, "acknowledged")
        return acknowledges or not has_same_declaration(olds, news) or has_changed(olds, news, "configuration")

    def require_allowed(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        """Raises TrafficError where an `up` would meet a rule of the endpoint that does not allow this declaration.

        Writes nothing, as a preview asks it too: a live split that nobody declared is refused as what it will be.
        """
        declared = read_split(news)
        if declared is None:
            return
        self.create_controller(news).require_update_allowed(
            declared=declared,
            previous=read_split(olds),
            models=read_deployed_models(news),
            acknowledged_incident=news.get("acknowledged") or None,
            champion=news["champion"],
            previous_champion=olds.get("champion"),
            config=self.find_target_configuration(news),
            instances=find_edited_counts(olds, news),
            restores_split=settles,
        )

    def find_target_configuration(self, news: Props) -> str | None:
        """The configuration that is to be live, by its name or by its content; "" is one that is not there yet."""
        return news.get("configuration")

    def acknowledge(self, olds: Mapping[str, Any], news: Props) -> None:
        """Appends the acknowledgement that the config names, once: an `up` may have this resource alone as its target.

        The incident of a ledger that is gone is no business of one that begins.
        """
        incident = str(news.get("acknowledged") or "")
        if incident and incident != olds.get("acknowledged"):
            self.create_controller(news).acknowledge(incident, self.describe_actor())

    def describe_actor(self) -> str:
        """Who runs this `up`, for the ledger."""
        return f"pulumi ({get_caller_arn(self.client)})"


def report_as_sentence(method: Callable[P, R]) -> Callable[P, R]:
    """A provider's method whose error reaches people as one sentence.

    The SDK's server prints an exception as Python does: its class, then its words. A class of no module that is called
    like the sentence, and says nothing more, is printed as the sentence alone.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            if (message := describe_error(error)) is None:
                raise
            raise type(message, (ProviderError,), {"__module__": "builtins"})() from None

    return call


def print_note(note: str) -> None:
    """Tells people what an `up` that succeeded leaves to them: what this process prints stands in its diagnostics."""
    print(note, file=sys.stderr, flush=True)


class ProviderError(Exception):
    """An error that was put into one sentence, which is the name of its class."""


def describe_error(error: Exception) -> str | None:
    """What people are told of an error; None for one that nobody foresaw, whose class is worth knowing."""
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {get_error_message(error)} ({get_error_code(error)})"
    return str(error) if isinstance(error, TrafficError | BotoCoreError | ProviderError) else None


def get_client(connection: Connection, service: str, endpoint_url: str) -> Any:
    """One client of a process; see `clients`."""
    with _clients_lock:
        return _create_client(connection, service, endpoint_url)


@functools.cache
def _create_client(connection: Connection, service: str, endpoint_url: str) -> Any:
    del endpoint_url  # as in _clients
    return sessions.create_client(connection, service)


def get_clients(connection: Connection, endpoint_url: str) -> Clients:
    """The clients of a process: making them is slow and, unlike using them, not safe from several threads."""
    with _clients_lock:
        return _create_clients(connection, endpoint_url)


@functools.cache
def _create_clients(connection: Connection, endpoint_url: str) -> Clients:
    del endpoint_url  # boto3 reads it from the environment; here it tells one rehearsal's clients from another's
    return Clients(
        sagemaker=sessions.create_client(connection, "sagemaker"),
        dynamodb=sessions.create_client(connection, "dynamodb"),
        cloudwatch=sessions.create_client(connection, "cloudwatch"),
        autoscaling=sessions.create_client(connection, "application-autoscaling"),
    )


def read_resource_names(props: Mapping[str, Any]) -> ResourceNames:
    """Where the endpoint and its tables are; what a first preview cannot know yet is ""."""
    return ResourceNames(
        **{key: resolve_or_default(props["place"].get(key), "") for key in ("key", "endpoint", "ledger", "control")}
    )


def resolve_or_default(value: Any, default: Any) -> Any:
    """`value`, or `otherwise` where a preview does not know it."""
    return default if value is None or isinstance(value, Unknown) else value


def read_split(props: Mapping[str, Any]) -> Split | None:
    """The declared split in inputs or outputs; None where there are none, as before the first create."""
    declared = props.get("declared")
    return Split.of({variant: float(weight) for variant, weight in declared.items()}) if declared else None


def read_deployed_models(props: Mapping[str, Any]) -> dict[str, DeployedModel]:
    """What each declared variant holds."""
    return {variant: DeployedModel.from_json(value) for variant, value in (props.get("variants") or {}).items()}


def has_same_split(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether both declare the same split, however their numbers are written, or both that nothing serves."""
    declared, before = read_split(news), read_split(olds)
    return declared.is_close_to(before) if declared is not None else before is None and "declared" in olds


def has_same_models(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether each variant holds the model that it held, however it is run."""
    before, after = read_deployed_models(olds), read_deployed_models(news)
    return before.keys() == after.keys() and all(after[variant].is_same_model(before[variant]) for variant in after)


def has_same_contents(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether each variant holds the model that it held, run as it was."""
    before, after = read_deployed_models(olds), read_deployed_models(news)
    return before.keys() == after.keys() and all(
        after[variant].is_same_declaration(before[variant]) for variant in after
    )


def has_same_declaration(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether nothing changed that the rules of the endpoint are about."""
    return has_same_split(olds, news) and has_same_contents(olds, news) and olds.get("champion") == news["champion"]


def accept(news: Props) -> CheckResult:
    """The inputs as they are."""
    return CheckResult(news, [])


def reject(news: Props, message: str) -> CheckResult:
    """A refusal without a property's name: with one, the message would show the engine's own syntax."""
    return CheckResult(news, [CheckFailure("", message)])


def find_edited_counts(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, int]:
    """The instances of the variants whose declared count changed, which are set before the traffic moves."""
    before: Mapping[str, float] = olds.get("counts") or {}
    after: Mapping[str, float] = news.get("counts") or {}
    return {variant: int(count) for variant, count in after.items() if before.get(variant) != count}


def build_diff(*changes: bool) -> DiffResult:
    """An update if any of these changed; never a replacement."""
    return DiffResult(changes=any(changes), replaces=[])


def has_changed(olds: Mapping[str, Any], news: Mapping[str, Any], key: str) -> bool:
    """Whether an input differs; one that a preview does not know yet does."""
    return isinstance(news.get(key), Unknown) or olds.get(key) != news.get(key)


def is_other_endpoint(olds: Mapping[str, Any], news: Props) -> bool:
    """Whether it is another physical endpoint: it was replaced, and has nothing of what the old one was given."""
    return read_resource_names(olds).endpoint != read_resource_names(news).endpoint


def has_moved(olds: Mapping[str, Any], news: Props) -> bool:
    """Whether it is another endpoint, or the tables are others: deleted by hand, and made again after a refresh."""
    return read_resource_names(olds) != read_resource_names(news)


def set_delete_before_replace(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """The options of what has a name of its own: replaced, the new one would go with the old one, which is deleted last
    and by its name."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True))


def missing_result() -> ReadResult:
    """The answer of a refresh that finds no endpoint: the next `up` makes it again."""
    return ReadResult("", {})


def read_live_outputs(controller: TrafficController, declared: Split | None) -> Props:
    """The outputs that a refresh brings up to date; raises EndpointMissing."""
    live_split = controller.state().split
    return {
        "live": live_split.to_json() if live_split else {},
        "in_sync": live_split is not None and live_split.is_close_to(declared),
    }


def install_environment_clock() -> None:
    """A rehearsal's environment names its clock, so that every process of it reads the same time."""
    if spec := os.environ.get(clock.ENVIRONMENT_VARIABLE):
        clock.install(clock.load_clock(spec))
