"""Finds the provider of a resource: the simulator's AWS types, or the program's own dynamic providers."""

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

from rehearsal.engine.asset_hashes import AssetHasher, to_comparable
from rehearsal.engine.property_paths import PropertyPath, covers, find_changes, parse_path
from rehearsal.engine.providers.errors import InitFailed
from rehearsal.engine.results import EngineError
from rehearsal.engine.serialization import PropertyMap, copy_secrecy, reveal_secrets, to_property_map, to_python
from rehearsal.engine.state import Resource

PROVIDER_KEY = "__provider"
"""The input with the pickled provider of a dynamic resource."""


class AwsExtensions(Protocol):
    """The methods that an AWS type adds to Pulumi's ResourceProvider."""

    def find_replace_keys(self, changed: list[str], olds: dict[str, Any], news: dict[str, Any]) -> list[str]: ...
    def read(self, id_: str, props: dict[str, Any], inputs: dict[str, Any]) -> ReadResult: ...
    def preview(self, olds: dict[str, Any] | None, news: dict[str, Any]) -> dict[str, Any]: ...
    def find(self, props: dict[str, Any]) -> ReadResult | None: ...
    def read_unchanged(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult: ...


class ResourceTypes(Protocol):
    """The table of AWS types and functions: the module rehearsal.engine.providers, or a part of it in a test."""

    ProviderSettings: Any

    def resolve_type(self, token: str, settings: Any, name: str) -> Any: ...
    def invoke(self, token: str, settings: Any, args: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class ResourceDiff:
    """The changes that an update would make."""

    has_changes: bool
    changed_paths: tuple[PropertyPath, ...]
    """Paths of changed inputs."""
    replace_keys: tuple[str, ...]
    """Keys that force a new object."""
    delete_first: bool = False

    @property
    def changed_keys(self) -> tuple[str, ...]:
        return tuple(sorted({path[0] for path in self.changed_paths if path}))

    def with_replace_keys(self, *keys: str) -> ResourceDiff:
        return ResourceDiff(
            True, self.changed_paths, tuple(dict.fromkeys((*self.replace_keys, *keys))), self.delete_first
        )


@dataclass(frozen=True)
class CallResult:
    """The object after a create or update."""

    id: str
    outputs: PropertyMap
    failure: InitFailed | None = None
    """Why the object is incomplete; None if it is not."""


@dataclass(frozen=True)
class StateProvider:
    """Calls a provider with values of the state."""

    code: ResourceProvider
    aws: AwsExtensions | None
    """The same object as `code` for an AWS type."""
    hasher: AssetHasher

    def check(self, olds: PropertyMap, goal: Resource) -> PropertyMap:
        """The inputs after the provider's check, with secrets kept.

        An unchanged value stays as the program sent it, including nested nulls, as the CLI does it. Raises EngineError
        with the provider's own messages.
        """
        sent = to_python(goal.inputs)
        got = self.code.check(to_python(olds), dict(sent))
        if got.failures:
            reasons = (f"property {f.property}: {f.reason}" if f.property else f.reason for f in got.failures)
            raise EngineError("; ".join(reasons))
        checked = self.to_outputs(got.inputs, goal)
        unchanged_keys = {key for key, value in sent.items() if key in checked and got.inputs[key] == value}
        return {key: goal.inputs[key] if key in unchanged_keys else value for key, value in checked.items()}

    def diff(self, old: Resource, inputs: PropertyMap, replace_on: list[str]) -> ResourceDiff:
        """Compares the inputs, and decides whether the provider or `replace_on_changes` requires a new object.

        A dynamic provider that computes its own diff names no paths, so that `replace_on_changes` has nothing to match,
        as in the engine.
        """
        changed = find_changes(to_comparable(reveal_secrets(old.inputs)), to_comparable(reveal_secrets(inputs)))
        result = self.code.diff(old.id, to_python(old.outputs), to_python(inputs))
        keys = sorted({path[0] for path in changed})
        replaces = list(result.replaces or [])
        if not replaces and self.aws is not None and changed:
            replaces = self.aws.find_replace_keys(keys, to_python(old.inputs), to_python(inputs))
        patterns = [parse_path(path) for path in replace_on] if self.aws is not None or result.changes is None else []
        replaces += [path[0] for path in changed if any(covers(pattern, path) for pattern in patterns)]
        differs = bool(changed) if result.changes is None else result.changes
        return ResourceDiff(differs, tuple(changed), tuple(dict.fromkeys(replaces)), bool(result.delete_before_replace))

    def preview(self, old: Resource | None, goal: Resource) -> PropertyMap:
        """The outputs that a preview knows. For a dynamic resource these are its inputs: the rest is unknown."""
        news = to_python(goal.inputs)
        outs = self.aws.preview(to_python(old.outputs) if old else None, news) if self.aws is not None else news
        return self.to_outputs(outs, goal)

    def create(self, goal: Resource) -> CallResult:
        try:
            created = self.code.create(to_python(goal.inputs))
        except InitFailed as failure:
            return CallResult(failure.id, self.to_outputs(failure.outs, goal), failure)
        return CallResult(created.id, self.to_outputs(created.outs, goal))

    def update(self, old: Resource, goal: Resource, *, changed: bool = True) -> CallResult:
        """Updates the object.

        Without a change an AWS type only reads it; a dynamic provider is always called.
        """
        olds, news = to_python(old.outputs), to_python(goal.inputs)
        try:
            if self.aws is not None and not changed:
                return CallResult(old.id, self.to_outputs(self.aws.read_unchanged(old.id, olds, news).outs, goal))
            return CallResult(old.id, self.to_outputs(self.code.update(old.id, olds, news).outs, goal))
        except InitFailed as failure:
            return CallResult(old.id, self.to_outputs(failure.outs, goal), failure)

    def delete(self, resource: Resource) -> None:
        self.code.delete(resource.id, to_python(resource.outputs))

    def read(self, id_: str, outputs: PropertyMap, inputs: PropertyMap | None = None) -> ReadResult:
        """Reads the live object. With the last inputs, an AWS type also returns which of them have changed."""
        if self.aws is not None and inputs is not None:
            return self.aws.read(id_, to_python(outputs), to_python(inputs))
        return self.code.read(id_, to_python(outputs))

    def find(self, resource: Resource) -> ReadResult | None:
        """The object that an interrupted create may have left; None if there is none."""
        found = self.aws.find(to_python(resource.inputs)) if self.aws is not None else None
        return found if found and found.id else None

    def to_outputs(self, outs: Mapping[str, Any] | None, goal: Resource) -> PropertyMap:
        """The result of a call, with the secrecy of its inputs, and with the provider's code for a later delete."""
        return copy_secrecy(self.hasher.hash_assets(to_property_map(outs or {})), goal.inputs) | _get_provider_code(
            goal
        )


class DynamicProviderProxy:
    """A dynamic provider that reports errors like the CLI's process of dynamic providers: as Python prints them.

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
                raise EngineError("".join(traceback.format_exception_only(error)).strip()) from error

        return call


class ProviderResolver:
    """Finds the provider of a resource. It unpickles and configures a dynamic provider once in a run."""

    def __init__(self, types: ResourceTypes, project: str, config: Mapping[str, str]) -> None:
        self._types, self._project, self._config = types, project, dict(config)
        self._dynamic_providers: dict[str, ResourceProvider] = {}
        self._lock = RLock()
        self.hasher = AssetHasher()

    def resolve(self, resource: Resource) -> StateProvider:
        if resource.type.startswith("pulumi-python:"):
            proxy = cast("ResourceProvider", DynamicProviderProxy(self._load_dynamic_provider(resource)))
            return StateProvider(proxy, None, self.hasher)
        if not resource.type.startswith("aws:"):
            raise EngineError(
                f"unsupported type {resource.type}: the rehearsal supports aws types and dynamic resources"
            )
        settings = self._types.ProviderSettings.from_config(resource.provider)
        resource_type = self._types.resolve_type(resource.type, settings, resource.name)
        return StateProvider(resource_type, cast("AwsExtensions", resource_type), self.hasher)

    def get_region(self, resource: Resource) -> str:
        """The region of an AWS resource; empty for others."""
        return (
            self._types.ProviderSettings.from_config(resource.provider).region
            if resource.type.startswith("aws:")
            else ""
        )

    def invoke(self, token: str, settings: PropertyMap, args: PropertyMap) -> PropertyMap:
        """The result of a function such as getCallerIdentity."""
        return to_property_map(
            self._types.invoke(token, self._types.ProviderSettings.from_config(settings), to_python(args))
        )

    def _load_dynamic_provider(self, resource: Resource) -> ResourceProvider:
        code = reveal_secrets((resource.inputs if PROVIDER_KEY in resource.inputs else resource.outputs)[PROVIDER_KEY])
        with self._lock:
            if code not in self._dynamic_providers:
                provider = dill.loads(base64.b64decode(code))  # nosec B301 # from our own program, as Pulumi reads it
                with _preserve_traceback_limit():
                    provider.configure(ConfigureRequest(Config(self._config, self._project)))
                self._dynamic_providers[code] = provider
            return self._dynamic_providers[code]


@contextlib.contextmanager
def _preserve_traceback_limit() -> Iterator[None]:
    """Restores sys.tracebacklimit.

    A provider may set it for the CLI's process of dynamic providers, but here the SDK shares it.
    """
    limit = getattr(sys, "tracebacklimit", None)
    yield
    if limit is not None:
        sys.tracebacklimit = limit
    elif hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit


def _get_provider_code(goal: Resource) -> PropertyMap:
    return {PROVIDER_KEY: goal.inputs[PROVIDER_KEY]} if PROVIDER_KEY in goal.inputs else {}
