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

from tidewatch import aws, clock
from tidewatch.aws import Connection, sessions
from tidewatch.items import error_code, error_message
from tidewatch.operator import caller
from tidewatch.traffic import Clients, Held, Place, Split, TrafficController, TrafficError

WAIT_SECONDS = 14_400 + 3600
"""How long a change waits for another that is in progress: what an UpdateEndpoint may take."""

Props = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")

_making_clients = threading.Lock()


class AwsProvider(ResourceProvider):
    """A provider that speaks to AWS as the stack's config says.

    One instance serves several calls at once, so it holds nothing but where it was configured for.
    """

    serialize_as_secret_always = False
    connection = Connection()

    def configure(self, req: ConfigureRequest) -> None:
        """Takes the AWS provider's settings from the stack's config, and makes of an error a sentence, no traceback."""
        sys.tracebacklimit = 0
        use_the_environments_clock()
        self.connection = Connection.of({key: req.config.get(key) for key in aws.KEYS})

    def client(self, service: str) -> Any:
        """The process's client of a service."""
        return client(self.connection, service, os.environ.get("AWS_ENDPOINT_URL", ""))


class TrafficProvider(AwsProvider):
    """A provider that speaks to one endpoint through a TrafficController."""

    def controller(self, props: Mapping[str, Any]) -> TrafficController:
        """The controller of the endpoint that these inputs or outputs name."""
        return TrafficController(
            clients(self.connection, os.environ.get("AWS_ENDPOINT_URL", "")),
            place(props),
            wait_seconds=WAIT_SECONDS,
            guardrails={k: v for k, v in (props.get("guardrails") or {}).items() if not isinstance(v, Unknown)},
        )

    def judged(self, olds: Mapping[str, Any], news: Props) -> CheckResult:
        """The inputs, or the refusal of what changed in them: only then, so that a rollback fails no later `up`."""
        try:
            if self.asks(olds, news):
                self.ask(olds, news)
        except Exception as error:
            if (said := sentence(error)) is None:
                raise
            return refused(news, said)
        return accepted(news)

    def asks(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Whether anything is to be done that the rules of the endpoint are about."""
        acknowledges = bool(news.get("acknowledged")) and differs(olds, news, "acknowledged")
        return acknowledges or not same_declaration(olds, news) or differs(olds, news, "configuration")

    def ask(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        """Raises TrafficError where an `up` would meet a rule of the endpoint that does not allow this declaration.

        Writes nothing, as a preview asks it too: a live split that nobody declared is refused as what it will be.
        """
        declared = split(news)
        if declared is None:
            return
        self.controller(news).refuse_unless_allowed(
            declared=declared,
            previously=split(olds),
            held=held(news),
            acknowledged=news.get("acknowledged") or None,
            champion=news["champion"],
            champion_before=olds.get("champion"),
            config=self.wanted(news),
            instances=edited_counts(olds, news),
            settles=settles,
        )

    def wanted(self, news: Props) -> str | None:
        """The configuration that is to be live, by its name or by its content; "" is one that is not there yet."""
        return news.get("configuration")

    def acknowledge(self, olds: Mapping[str, Any], news: Props) -> None:
        """Appends the acknowledgement that the config names, once: an `up` may have this resource alone as its target.

        The incident of a ledger that is gone is no business of one that begins.
        """
        incident = str(news.get("acknowledged") or "")
        if incident and incident != olds.get("acknowledged"):
            self.controller(news).acknowledge(incident, self.who())

    def who(self) -> str:
        """Who runs this `up`, for the ledger."""
        return f"pulumi ({caller(self.client)})"


def told(method: Callable[P, R]) -> Callable[P, R]:
    """A provider's method whose error reaches people as one sentence.

    The SDK's server prints an exception as Python does: its class, then its words. A class of no module that is called
    like the sentence, and says nothing more, is printed as the sentence alone.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            if (said := sentence(error)) is None:
                raise
            raise type(said, (Told,), {"__module__": "builtins"})() from None

    return call


def say(note: str) -> None:
    """Tells people what an `up` that succeeded leaves to them: what this process prints stands in its diagnostics."""
    print(note, file=sys.stderr, flush=True)


class Told(Exception):
    """An error that was put into one sentence, which is the name of its class."""


def sentence(error: Exception) -> str | None:
    """What people are told of an error; None for one that nobody foresaw, whose class is worth knowing."""
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {error_message(error)} ({error_code(error)})"
    return str(error) if isinstance(error, TrafficError | BotoCoreError | Told) else None


def client(connection: Connection, service: str, endpoint_url: str) -> Any:
    """One client of a process; see `clients`."""
    with _making_clients:
        return _client(connection, service, endpoint_url)


@functools.cache
def _client(connection: Connection, service: str, endpoint_url: str) -> Any:
    del endpoint_url  # as in _clients
    return sessions.client(connection, service)


def clients(connection: Connection, endpoint_url: str) -> Clients:
    """The clients of a process: making them is slow and, unlike using them, not safe from several threads."""
    with _making_clients:
        return _clients(connection, endpoint_url)


@functools.cache
def _clients(connection: Connection, endpoint_url: str) -> Clients:
    del endpoint_url  # boto3 reads it from the environment; here it tells one rehearsal's clients from another's
    return Clients(
        sagemaker=sessions.client(connection, "sagemaker"),
        dynamodb=sessions.client(connection, "dynamodb"),
        cloudwatch=sessions.client(connection, "cloudwatch"),
        autoscaling=sessions.client(connection, "application-autoscaling"),
    )


def place(props: Mapping[str, Any]) -> Place:
    """Where the endpoint and its tables are; what a first preview cannot know yet is ""."""
    return Place(**{key: known(props["place"].get(key), "") for key in ("key", "endpoint", "ledger", "control")})


def known(value: Any, otherwise: Any) -> Any:
    """`value`, or `otherwise` where a preview does not know it."""
    return otherwise if value is None or isinstance(value, Unknown) else value


def split(props: Mapping[str, Any]) -> Split | None:
    """The declared split in inputs or outputs; None where there are none, as before the first create."""
    declared = props.get("declared")
    return Split.of({slot: float(weight) for slot, weight in declared.items()}) if declared else None


def held(props: Mapping[str, Any]) -> dict[str, Held]:
    """What each declared slot holds."""
    return {slot: Held.from_json(value) for slot, value in (props.get("slots") or {}).items()}


def same_split(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether both declare the same split, however their numbers are written, or both that nothing serves."""
    declared, before = split(news), split(olds)
    return declared.close_to(before) if declared is not None else before is None and "declared" in olds


def same_models(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether each slot holds the model that it held, however it is run."""
    before, after = held(olds), held(news)
    return before.keys() == after.keys() and all(after[slot].same_model(before[slot]) for slot in after)


def same_contents(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether each slot holds the model that it held, run as it was."""
    before, after = held(olds), held(news)
    return before.keys() == after.keys() and all(after[slot].same_declared(before[slot]) for slot in after)


def same_declaration(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether nothing changed that the rules of the endpoint are about."""
    return same_split(olds, news) and same_contents(olds, news) and olds.get("champion") == news["champion"]


def accepted(news: Props) -> CheckResult:
    """The inputs as they are."""
    return CheckResult(news, [])


def refused(news: Props, sentence: str) -> CheckResult:
    """A refusal without a property's name: with one, the message would show the engine's own syntax."""
    return CheckResult(news, [CheckFailure("", sentence)])


def edited_counts(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, int]:
    """The instances of the slots whose declared count changed, which are set before the traffic moves."""
    before: Mapping[str, float] = olds.get("counts") or {}
    after: Mapping[str, float] = news.get("counts") or {}
    return {slot: int(count) for slot, count in after.items() if before.get(slot) != count}


def changed(*paths: bool) -> DiffResult:
    """An update if any of these changed; never a replacement."""
    return DiffResult(changes=any(paths), replaces=[])


def differs(olds: Mapping[str, Any], news: Mapping[str, Any], key: str) -> bool:
    """Whether an input differs; one that a preview does not know yet does."""
    return isinstance(news.get(key), Unknown) or olds.get(key) != news.get(key)


def elsewhere(olds: Mapping[str, Any], news: Props) -> bool:
    """Whether it is another physical endpoint: it was replaced, and has nothing of what the old one was given."""
    return place(olds).endpoint != place(news).endpoint


def moved(olds: Mapping[str, Any], news: Props) -> bool:
    """Whether it is another endpoint, or the tables are others: deleted by hand, and made again after a refresh."""
    return place(olds) != place(news)


def taking_turns(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """The options of what has a name of its own: replaced, the new one would go with the old one, which is deleted last
    and by its name."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True))


def gone() -> ReadResult:
    """The answer of a refresh that finds no endpoint: the next `up` makes it again."""
    return ReadResult("", {})


def live(controller: TrafficController, declared: Split | None) -> Props:
    """The outputs that a refresh brings up to date; raises EndpointMissing."""
    now = controller.state().split
    return {"live": now.to_json() if now else {}, "in_sync": now is not None and now.close_to(declared)}


def use_the_environments_clock() -> None:
    """A rehearsal's environment names its clock, so that every process of it reads the same time."""
    if named := os.environ.get(clock.VARIABLE):
        clock.install(clock.named(named))
