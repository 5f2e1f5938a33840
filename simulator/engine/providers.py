"""Who makes a resource: the simulator's AWS types, or the program's own dynamic providers."""

from __future__ import annotations

import base64
import contextlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any, Protocol, cast

import dill
from pulumi.dynamic import Config, ConfigureRequest, ReadResult, ResourceProvider, UpdateResult

from simulator.engine.assets import Hashes, comparable
from simulator.engine.paths import Path, changes, covers, parse
from simulator.engine.report import Refused
from simulator.engine.state import Resource
from simulator.engine.wire import Wire, reveal, sealed_like, to_python, to_wire
from simulator.provider.errors import InitFailed

CODE = "__provider"
"""The input in which a dynamic resource carries its pickled provider."""


class AwsType(Protocol):
    """What an AWS type adds to Pulumi's own ResourceProvider."""

    def replaces(self, changed: list[str], olds: dict[str, Any], news: dict[str, Any]) -> list[str]: ...
    def read(self, id_: str, props: dict[str, Any], inputs: dict[str, Any]) -> ReadResult: ...
    def preview(self, olds: dict[str, Any] | None, news: dict[str, Any]) -> dict[str, Any]: ...
    def find(self, props: dict[str, Any]) -> ReadResult | None: ...
    def look(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult: ...


class Types(Protocol):
    """The table of AWS types and functions: the module simulator.provider, or a part of it in a test."""

    Settings: Any

    def aws_type(self, token: str, settings: Any, name: str) -> Any: ...
    def call(self, token: str, settings: Any, args: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Difference:
    """What an update would do. `changed` are the paths of the inputs; `replaces` the keys that force a new object."""

    differs: bool
    changed: tuple[Path, ...]
    replaces: tuple[str, ...]
    delete_first: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(sorted({path[0] for path in self.changed if path}))

    def replacing(self, *keys: str) -> Difference:
        return Difference(True, self.changed, tuple(dict.fromkeys((*self.replaces, *keys))), self.delete_first)


@dataclass(frozen=True)
class Made:
    """What a create or update left: the object, and why it is not as it should be, where it is not."""

    id: str
    outputs: Wire
    failure: InitFailed | None = None


@dataclass(frozen=True)
class Provider:
    """A provider's calls in terms of the state. `aws` is the same object as `code` where it is an AWS type."""

    code: ResourceProvider
    aws: AwsType | None
    hashes: Hashes

    def check(self, olds: Wire, goal: Resource) -> Wire:
        """The inputs as the provider wants them, secrets kept; what it leaves alone stays as the program sent it, with
        the nulls inside, as the CLI has it.

        Raises Refused with the provider's own sentences.
        """
        asked = to_python(goal.inputs)
        got = self.code.check(to_python(olds), dict(asked))
        if got.failures:
            told = (f"property {f.property}: {f.reason}" if f.property else f.reason for f in got.failures)
            raise Refused("; ".join(told))
        checked = self.outputs(got.inputs, goal)
        as_sent = {key for key, value in asked.items() if key in checked and got.inputs[key] == value}
        return {key: goal.inputs[key] if key in as_sent else value for key, value in checked.items()}

    def difference(self, old: Resource, inputs: Wire, replace_on: list[str]) -> Difference:
        """What changed from old to these inputs, and whether the provider or `replace_on_changes` wants a new object.

        A dynamic provider that says itself what differs names no paths, so that `replace_on_changes` has nothing to
        match, as in the engine.
        """
        changed = changes(comparable(reveal(old.inputs)), comparable(reveal(inputs)))
        said = self.code.diff(old.id, to_python(old.outputs), to_python(inputs))
        keys = sorted({path[0] for path in changed})
        replaces = list(said.replaces or [])
        if not replaces and self.aws is not None and changed:
            replaces = self.aws.replaces(keys, to_python(old.inputs), to_python(inputs))
        patterns = [parse(path) for path in replace_on] if self.aws is not None or said.changes is None else []
        replaces += [path[0] for path in changed if any(covers(pattern, path) for pattern in patterns)]
        differs = bool(changed) if said.changes is None else said.changes
        return Difference(differs, tuple(changed), tuple(dict.fromkeys(replaces)), bool(said.delete_before_replace))

    def foreseen(self, old: Resource | None, goal: Resource) -> Wire:
        """The outputs as a preview knows them. Of a dynamic resource that is its inputs: the rest is unknown."""
        news = to_python(goal.inputs)
        outs = self.aws.preview(to_python(old.outputs) if old else None, news) if self.aws is not None else news
        return self.outputs(outs, goal)

    def create(self, goal: Resource) -> Made:
        try:
            made = self.code.create(to_python(goal.inputs))
        except InitFailed as failure:
            return Made(failure.id, self.outputs(failure.outs, goal), failure)
        return Made(made.id, self.outputs(made.outs, goal))

    def update(self, old: Resource, goal: Resource, *, changed: bool = True) -> Made:
        """Without a change an AWS type only looks; a dynamic provider is asked to update whatever the reason."""
        olds, news = to_python(old.outputs), to_python(goal.inputs)
        try:
            if self.aws is not None and not changed:
                return Made(old.id, self.outputs(self.aws.look(old.id, olds, news).outs, goal))
            return Made(old.id, self.outputs(self.code.update(old.id, olds, news).outs, goal))
        except InitFailed as failure:
            return Made(old.id, self.outputs(failure.outs, goal), failure)

    def delete(self, resource: Resource) -> None:
        self.code.delete(resource.id, to_python(resource.outputs))

    def read(self, id_: str, known: Wire, inputs: Wire | None = None) -> ReadResult:
        """The live object. With the last inputs, an AWS type also tells which of them are no longer so."""
        if self.aws is not None and inputs is not None:
            return self.aws.read(id_, to_python(known), to_python(inputs))
        return self.code.read(id_, to_python(known))

    def find(self, resource: Resource) -> ReadResult | None:
        """The object that a create which was cut off may have left; None where there is none to be found."""
        found = self.aws.find(to_python(resource.inputs)) if self.aws is not None else None
        return found if found and found.id else None

    def outputs(self, outs: Mapping[str, Any] | None, goal: Resource) -> Wire:
        """What a call returned, as secret as its inputs, with the provider's code where a delete will look for it."""
        return sealed_like(self.hashes.added(to_wire(outs or {})), goal.inputs) | _code_of(goal)


class Printed:
    """A dynamic provider as the CLI's process of them answers: of an error it prints what Python prints, class and
    all.

    Source: pulumi/dynamic/__main__.py of the SDK, `_abort_with_traceback`, with sys.tracebacklimit at 0.
    """

    def __init__(self, code: ResourceProvider) -> None:
        self._code = code

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._code, name)

        def call(*args: Any) -> Any:
            try:
                return method(*args)
            except Exception as error:
                raise Refused("".join(traceback.format_exception_only(error)).strip()) from error

        return call


class Providers:
    """Finds the provider of a resource. A dynamic provider is unpickled and configured once in a run, and shared."""

    def __init__(self, types: Types, project: str, config: Mapping[str, str]) -> None:
        self._types, self._project, self._config = types, project, dict(config)
        self._dynamic: dict[str, ResourceProvider] = {}
        self._lock = RLock()
        self.hashes = Hashes()

    def of(self, resource: Resource) -> Provider:
        if resource.type.startswith("pulumi-python:"):
            printed = cast("ResourceProvider", Printed(self._unpickled(resource)))
            return Provider(printed, None, self.hashes)
        if not resource.type.startswith("aws:"):
            raise Refused(f"the rehearsal has no {resource.type}: it knows aws types and dynamic resources")
        settings = self._types.Settings.of(resource.provider)
        made = self._types.aws_type(resource.type, settings, resource.name)
        return Provider(made, cast("AwsType", made), self.hashes)

    def region(self, resource: Resource) -> str:
        """Where an AWS resource lies; empty for others."""
        return self._types.Settings.of(resource.provider).region if resource.type.startswith("aws:") else ""

    def call(self, token: str, settings: Wire, args: Wire) -> Wire:
        """The result of a function such as getCallerIdentity."""
        return to_wire(self._types.call(token, self._types.Settings.of(settings), to_python(args)))

    def _unpickled(self, resource: Resource) -> ResourceProvider:
        code = reveal((resource.inputs if CODE in resource.inputs else resource.outputs)[CODE])
        with self._lock:
            if code not in self._dynamic:
                provider = dill.loads(base64.b64decode(code))  # nosec B301 # our own program's, as Pulumi reads it
                with _tracebacks_kept():
                    provider.configure(ConfigureRequest(Config(self._config, self._project)))
                self._dynamic[code] = provider
            return self._dynamic[code]


@contextlib.contextmanager
def _tracebacks_kept() -> Iterator[None]:
    """A provider may set sys.tracebacklimit for the CLI's process of dynamic providers; here the SDK shares it."""
    limit = getattr(sys, "tracebacklimit", None)
    yield
    if limit is not None:
        sys.tracebacklimit = limit
    elif hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit


def _code_of(goal: Resource) -> Wire:
    return {CODE: goal.inputs[CODE]} if CODE in goal.inputs else {}
