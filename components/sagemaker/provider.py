"""What the dynamic providers share. They are thin: tidewatch.traffic makes every decision.

Their module paths are part of the state: a provider is pickled by reference. Moving or renaming one breaks refresh and
destroy of every stack that has it. An edit of their code is no change of a stack.
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
"""How long a change waits for another one in progress: as long as an UpdateEndpoint may take."""

Props = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")

_clients_lock = threading.Lock()


class AwsProvider(ResourceProvider):
    """A provider that calls AWS with the settings of the stack's config.

    One instance serves several calls at the same time, so its only state is its configuration.
    """

    serialize_as_secret_always = False
    connection = Connection()

    def configure(self, req: ConfigureRequest) -> None:
        """Reads the AWS provider's settings from the stack's config, and turns off tracebacks."""
        sys.tracebacklimit = 0
        install_environment_clock()
        self.connection = Connection.from_config({key: req.config.get(key) for key in PROVIDER_KEYS})

    def client(self, service: str) -> Any:
        """Returns the process's client of a service."""
        return get_client(self.connection, service, os.environ.get("AWS_ENDPOINT_URL", ""))


class TrafficProvider(AwsProvider):
    """A provider that works on one endpoint through a TrafficController."""

    def create_controller(self, props: Mapping[str, Any]) -> TrafficController:
        """Returns the controller of the endpoint that these inputs or outputs name."""
        return TrafficController(
            get_clients(self.connection, os.environ.get("AWS_ENDPOINT_URL", "")),
            read_resource_names(props),
            wait_seconds=WAIT_SECONDS,
            guardrails={k: v for k, v in (props.get("guardrails") or {}).items() if not isinstance(v, Unknown)},
        )

    def check_declaration(self, olds: Mapping[str, Any], news: Props) -> CheckResult:
        """Accepts the inputs, or rejects them if a rule forbids what changed.

        Unchanged inputs are always accepted, so that a rollback does not make a later `up` fail.
        """
        try:
            if self.needs_check(olds, news):
                self.require_allowed(olds, news)
        except Exception as error:
            if (message := describe_error(error)) is None:
                raise
            return reject(news, message)
        return accept(news)

    def needs_check(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Whether the declaration changes anything that the endpoint's rules are about."""
        acknowledges = bool(news.get("acknowledged")) and has_changed(olds, news, "acknowledged")
        return acknowledges or not has_same_declaration(olds, news) or has_changed(olds, news, "configuration")

    def require_allowed(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        """Raises TrafficError if an `up` would break a rule of the endpoint with this declaration.

        Writes nothing, because a preview calls it too. A live split that nobody declared is refused as the incident
        that it will become.
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
        """Returns the configuration that is to be live, by its name or its content; "" if it does not exist yet."""
        return news.get("configuration")

    def acknowledge(self, olds: Mapping[str, Any], news: Props) -> None:
        """Appends the acknowledgement that the config names, if the state does not have it yet.

        Each resource does this, because an `up` may have one of them as its only target. An incident of a deleted
        ledger is not acknowledged again in a new one.
        """
        incident = str(news.get("acknowledged") or "")
        if incident and incident != olds.get("acknowledged"):
            self.create_controller(news).acknowledge(incident, self.describe_actor())

    def describe_actor(self) -> str:
        """Returns who runs this `up`, for the ledger."""
        return f"pulumi ({get_caller_arn(self.client)})"


def report_as_sentence(method: Callable[P, R]) -> Callable[P, R]:
    """Wraps a provider's method so that its error is printed as one sentence.

    The SDK's server prints an exception as Python does: its class, then its message. An exception class without a
    module, with the sentence as its name and without a message, is printed as the sentence alone.
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
    """Prints what a successful `up` leaves for people to do; the CLI shows this process's output in its diagnostics."""
    print(note, file=sys.stderr, flush=True)


class ProviderError(Exception):
    """An error put into one sentence, which is the name of its class."""


def describe_error(error: Exception) -> str | None:
    """Returns an error's message for people; None for an unexpected error, whose class is worth showing."""
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {get_error_message(error)} ({get_error_code(error)})"
    return str(error) if isinstance(error, TrafficError | BotoCoreError | ProviderError) else None


def get_client(connection: Connection, service: str, endpoint_url: str) -> Any:
    """Returns one client of the process; see get_clients."""
    with _clients_lock:
        return _create_client(connection, service, endpoint_url)


@functools.cache
def _create_client(connection: Connection, service: str, endpoint_url: str) -> Any:
    del endpoint_url  # as in _create_clients
    return sessions.create_client(connection, service)


def get_clients(connection: Connection, endpoint_url: str) -> Clients:
    """Returns the process's clients: creating them is slow and, unlike using them, not thread-safe."""
    with _clients_lock:
        return _create_clients(connection, endpoint_url)


@functools.cache
def _create_clients(connection: Connection, endpoint_url: str) -> Clients:
    del endpoint_url  # boto3 reads it from the environment; here it separates the clients of different rehearsals
    return Clients(
        sagemaker=sessions.create_client(connection, "sagemaker"),
        dynamodb=sessions.create_client(connection, "dynamodb"),
        cloudwatch=sessions.create_client(connection, "cloudwatch"),
        autoscaling=sessions.create_client(connection, "application-autoscaling"),
    )


def read_resource_names(props: Mapping[str, Any]) -> ResourceNames:
    """Returns the names of the endpoint and its tables; "" for those that a first preview does not know yet."""
    return ResourceNames(
        **{
            key: resolve_or_default(props["resource_names"].get(key), "")
            for key in ("key", "endpoint", "ledger", "control")
        }
    )


def resolve_or_default(value: Any, default: Any) -> Any:
    """Returns `value`, or `default` if a preview does not know it."""
    return default if value is None or isinstance(value, Unknown) else value


def read_split(props: Mapping[str, Any]) -> Split | None:
    """Returns the declared split of inputs or outputs; None if there is none, as before the first create."""
    declared = props.get("split")
    return Split.of({variant: float(weight) for variant, weight in declared.items()}) if declared else None


def read_deployed_models(props: Mapping[str, Any]) -> dict[str, DeployedModel]:
    """Returns the model that each declared variant holds."""
    return {variant: DeployedModel.from_json(value) for variant, value in (props.get("variants") or {}).items()}


def has_same_split(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether both declare the same split, however their numbers are written, or both declare that nothing serves."""
    declared, before = read_split(news), read_split(olds)
    return declared.is_close_to(before) if declared is not None else before is None and "split" in olds


def has_same_models(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether each variant holds the same model as before, however it is run."""
    before, after = read_deployed_models(olds), read_deployed_models(news)
    return before.keys() == after.keys() and all(after[variant].is_same_model(before[variant]) for variant in after)


def has_same_contents(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether each variant holds the same model as before and runs it in the same way."""
    before, after = read_deployed_models(olds), read_deployed_models(news)
    return before.keys() == after.keys() and all(
        after[variant].is_same_declaration(before[variant]) for variant in after
    )


def has_same_declaration(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether nothing changed that the endpoint's rules are about."""
    return has_same_split(olds, news) and has_same_contents(olds, news) and olds.get("champion") == news["champion"]


def accept(news: Props) -> CheckResult:
    """Accepts the inputs unchanged."""
    return CheckResult(news, [])


def reject(news: Props, message: str) -> CheckResult:
    """Rejects the inputs without naming a property: with a name, the message would show the engine's own syntax."""
    return CheckResult(news, [CheckFailure("", message)])


def find_edited_counts(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, int]:
    """Returns the new instance counts of the variants whose declared count changed.

    They are set before the traffic moves.
    """
    before: Mapping[str, float] = olds.get("instance_counts") or {}
    after: Mapping[str, float] = news.get("instance_counts") or {}
    return {variant: int(count) for variant, count in after.items() if before.get(variant) != count}


def build_diff(*changes: bool) -> DiffResult:
    """Returns an update if any of these changed; never a replacement."""
    return DiffResult(changes=any(changes), replaces=[])


def has_changed(olds: Mapping[str, Any], news: Mapping[str, Any], key: str) -> bool:
    """Whether an input differs. An input that a preview does not know yet counts as changed."""
    return isinstance(news.get(key), Unknown) or olds.get(key) != news.get(key)


def is_other_endpoint(olds: Mapping[str, Any], news: Props) -> bool:
    """Whether the physical endpoint was replaced, so that the new one has nothing of what the old one was given."""
    return read_resource_names(olds).endpoint != read_resource_names(news).endpoint


def has_moved(olds: Mapping[str, Any], news: Props) -> bool:
    """Whether the endpoint or the tables are others than before.

    They are if somebody deleted them by hand and they were created again after a refresh.
    """
    return read_resource_names(olds) != read_resource_names(news)


def set_delete_before_replace(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Returns the options of a resource with a fixed name.

    The engine must delete it before it creates the replacement: it deletes by name, so a later delete would hit the
    replacement.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True))


def missing_result() -> ReadResult:
    """Returns the result of a refresh that finds nothing, so that the next `up` creates the resource again."""
    return ReadResult("", {})


def read_live_outputs(controller: TrafficController, declared: Split | None) -> Props:
    """Returns the outputs that a refresh updates; raises EndpointMissing."""
    live_split = controller.state().split
    return {
        "live": live_split.to_json() if live_split else {},
        "in_sync": live_split is not None and live_split.is_close_to(declared),
    }


def install_environment_clock() -> None:
    """Installs the clock that a rehearsal's environment names, so that all its processes read the same time."""
    if spec := os.environ.get(clock.ENVIRONMENT_VARIABLE):
        clock.install(clock.load_clock(spec))
