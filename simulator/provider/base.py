"""One AWS resource type as the bridged provider handles it, described by a table row (`Spec`) and run by `AwsType`."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from simulator.provider.errors import Gone, InitFailed, absent
from simulator.provider.naming import Autonaming, Naming, automatic
from simulator.provider.settings import Settings
from simulator.provider.values import Props, Unsupported, answer, differ, known, request, same, whole


@dataclass(frozen=True)
class Call:
    """What a row of the table works on: the properties, the live object's id, and the client."""

    spec: Spec
    settings: Settings
    props: Props
    """Inputs to create or update with; the last known outputs for read and delete."""
    id: str = ""
    olds: Props = field(default_factory=dict)
    """The last known outputs, in an update."""

    def __getitem__(self, key: str) -> Any:
        return self.props[key]

    def get(self, key: str, default: Any = None) -> Any:
        value = self.props.get(key)
        return default if value is None else value

    @property
    def region(self) -> str:
        return str(self.props.get("region") or self.settings.region)

    @cached_property
    def client(self) -> Any:
        return self.settings.client(self.spec.service, self.region)

    def changed(self, *keys: str) -> bool:
        return any(differ(self.olds.get(k), self.props.get(k)) for k in keys)

    def params(self, operation: str, props: Mapping[str, Any], renames: Mapping[str, str] | None = None) -> Props:
        """The parameters of an API operation (PascalCase name) from properties."""
        return request(self.client.meta.service_model.operation_model(operation).input_shape, props, renames)

    def answer(self, operation: str, said: Mapping[str, Any], renames: Mapping[str, str] | None = None) -> Props:
        """An API operation's answer as properties."""
        shape = self.client.meta.service_model.operation_model(operation).output_shape
        return answer(shape, {k: v for k, v in said.items() if k != "ResponseMetadata"}, renames)

    def arn(self, resource: str, service: str = "") -> str:
        return f"arn:aws:{service or self.spec.service}:{self.region}:{self.settings.account}:{resource}"


@dataclass(frozen=True)
class Spec:
    """A row of the table: one AWS type."""

    service: str
    create: Callable[[Call], Props]
    """Makes the object, in one call; returns outputs, `id` among them unless it is the name."""
    read: Callable[[Call], Props]
    """Live properties; raises what `absent` recognises."""
    delete: Callable[[Call], object]
    finish: Callable[[Call], Props] | None = None
    """Waits for the object and sets what its making leaves open; returns more outputs.

    It sees what `create` returned among the properties. Where it fails the object stays, with the error.
    """
    update: Callable[[Call], Props] | None = None
    """Changes the object in place; without it everything but tags replaces."""
    inputs: frozenset[str] = frozenset()
    """The arguments that are honoured; any other is refused."""
    naming: Naming | None = field(default_factory=Naming)
    replace: frozenset[str] = frozenset()
    """Inputs that cannot change in place, the name aside."""
    replace_when: Callable[[Props, Props], list[str]] | None = None
    """Inputs whose change replaces only in some cases, from old and new inputs."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the provider's schema fills in."""
    complete: Callable[[Props], Props] | None = None
    """Schema defaults inside blocks."""
    validate: Callable[[Props], dict[str, str]] | None = None
    """{property: what is wrong with it} for what the provider's schema refuses before any call."""
    computed: tuple[str, ...] = ("arn",)
    """Outputs that are not inputs."""
    moving: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Outputs that an update of these inputs makes unknown in preview."""
    retag: Callable[[Call, dict[str, str], list[str]], object] | None = None
    """Puts and removes tags; a type without it has no tags."""
    identify: Callable[[Call], str] | None = None
    """The id an object made from these inputs has, where it is not the name."""


class AwsType(ResourceProvider):
    """One resource of an AWS type, with the bridged provider's names, default tags, replacements and outputs."""

    def __init__(self, token: str, spec: Spec, settings: Settings, name: str = "") -> None:
        self.token, self.spec, self.settings, self.name = token, spec, settings, name

    @property
    def computed(self) -> tuple[str, ...]:
        """Outputs that are no inputs."""
        return (*self.spec.computed, "region", *(("tagsAll",) if self.spec.retag else ()))

    def check(self, olds: Props, news: Props, seed: bytes = b"", autonaming: Autonaming | None = None) -> CheckResult:
        """Completes the inputs (name, defaults, default tags) and says what the schema would refuse.

        `olds` are the old checked inputs, empty on create and on replacement.
        """
        s = self.spec
        news = {k: v for k, v in news.items() if v is not None}
        failures = [CheckFailure("", self._unsupported(key)) for key in sorted(self._strange(news))]
        news = {**s.defaults, **news}
        if s.complete:
            news = s.complete(news)
        if s.naming and s.naming.key not in news:
            try:
                news[s.naming.key] = self._automatic(s.naming, olds, news, seed, autonaming)
            except ValueError as error:
                return CheckResult(news, [*failures, CheckFailure("", str(error))])
        if s.naming and (fault := s.naming.fault(news[s.naming.key])):
            failures.append(CheckFailure(s.naming.key, fault))
        if s.retag and known(news.get("tags")) and (self.settings.default_tags or "tags" in news):
            news["tags"] = {**self.settings.default_tags, **(news.get("tags") or {})}
        if s.validate:
            failures += [CheckFailure(key, fault) for key, fault in s.validate(news).items()]
        return CheckResult(news, failures)

    def replaces(self, changed: list[str], olds: Props | None = None, news: Props | None = None) -> list[str]:
        """Which of these changed inputs AWS cannot change in place; olds and news are checked inputs."""
        s = self.spec
        if s.update is None:
            return [key for key in changed if not (key == "tags" and s.retag)]
        sometimes = s.replace_when(olds or {}, news or {}) if s.replace_when else []
        fixed = {*s.replace, *sometimes, "region", *({s.naming.key} if s.naming else ())}
        return [key for key in changed if key in fixed]

    def delete_first(self, olds: Props, news: Props) -> bool:
        """Whether a replacement deletes before it creates: only when both would have one explicit name."""
        if not (naming := self.spec.naming):
            return False
        name = news.get(naming.key)
        return naming.automatic and isinstance(name, str) and name == olds.get(naming.key) and not automatic(name)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """What Pulumi cannot see from the inputs alone; which of them changed is its own business."""
        return DiffResult(delete_before_replace=self.delete_first(olds, news))

    def preview(self, olds: Props | None, news: Props) -> Props:
        """The outputs as far as they are known before the call is made; olds are the last outputs."""
        tags = {"tagsAll": news.get("tags") or {}} if self.spec.retag else {}
        region = {"region": news.get("region") or self.settings.region}
        if olds is None:
            return {**{k: Unknown() for k in self.spec.computed}, **tags, **region, **news}
        kept = {k: olds[k] for k in self.spec.computed if k in olds}
        for key, causes in self.spec.moving.items():
            if any(not known(news.get(c)) or differ(olds.get(c), news.get(c)) for c in causes):
                kept[key] = Unknown()
        return {**kept, **tags, **region, **news}

    def create(self, props: Props) -> CreateResult:
        outs = self.spec.create(self._call(whole(props)))
        id_ = outs.pop("id", None) or self._name(props)
        if self.spec.finish:
            with self._kept(id_, props):
                outs |= self.spec.finish(self._call({**whole(props), **outs}, id_))
        return CreateResult(id_, self._outs(props, outs))

    def find(self, props: Props) -> ReadResult:
        """The live object that a create which was cut off may have left behind."""
        call = self._call(whole(props))
        id_ = self.spec.identify(call) if self.spec.identify else self._name(props)
        return self.read(id_, props) if id_ else ReadResult("", {})

    def read(self, id_: str, props: Props, inputs: Props | None = None) -> ReadResult:
        """The live object; an empty id when it is gone.

        `inputs`, when given, are the last checked inputs: the result's inputs are those, with what is
        no longer so in the cloud as it is there. Without `props` (an import) all that can be read is returned.
        """
        call = self._call(whole(props), id_)
        try:
            live = self.spec.read(call)
        except KeyError as error:
            if props:
                raise
            raise Unsupported(f"{self.token} {id_!r} cannot be read by its id alone: {error} is needed too") from None
        except Exception as error:
            if not absent(error):
                raise
            return ReadResult("", {})
        kept = {k: props[k] for k in live if k in props and same(whole(props[k]), live[k])}
        outs = self._outs(props, {**live, **kept})
        if not props:
            naming = self.spec.naming.key if self.spec.naming else ""
            seen = {k: v for k, v in live.items() if k in self.spec.inputs and (v or k == naming)}
            return ReadResult(id_, outs, {**self.spec.defaults, **seen})
        drifted = {k: v for k, v in live.items() if k not in kept and k in (inputs or {}) and k in self.spec.inputs}
        return ReadResult(id_, outs, {**inputs, **drifted} if inputs is not None and drifted else None)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        kept = {k: olds[k] for k in self.spec.computed if k in olds}
        with self._kept(id_, {**kept, **news}):
            outs = self._changed(self._call(whole(news), id_, olds))
        return UpdateResult({**kept, **self._outs(news, outs)})

    def look(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """An update in which nothing changed, as after a create or update that failed: it reads and makes no change.

        Raises Gone in the words of the bridge where the object is not there any more.
        """
        live = self.read(id_, olds)
        if not live.id:
            raise Gone(
                f"Resource provider reported that the resource did not exist while updating {self.token} {id_}.\n\n"
                "This is usually a result of the resource having been deleted outside of Pulumi, and can often be "
                "fixed by running `pulumi refresh` before updating."
            )
        seen = {k: v for k, v in (live.outs or {}).items() if k in self.spec.computed}
        return UpdateResult(self._outs(news, seen))

    @contextlib.contextmanager
    def _kept(self, id_: str, props: Props) -> Iterator[None]:
        """What fails inside leaves an object, whose outputs are what it was asked to be: nothing was read back."""
        try:
            yield
        except Exception as error:
            raise InitFailed(id_, self._outs(props, {}), str(error) or repr(error)) from error

    def _changed(self, call: Call) -> Props:
        olds = call.olds
        if self.spec.retag and call.changed("tags"):
            before, after = olds.get("tags") or {}, call.props.get("tags") or {}
            put = {k: v for k, v in after.items() if before.get(k) != v}
            self.spec.retag(call, put, [k for k in before if k not in after])
        return self.spec.update(call) if self.spec.update else {}

    def delete(self, id_: str, props: Props) -> None:
        """Deletes the object; that it is gone already is no error."""
        try:
            self.spec.delete(self._call(whole(props), id_))
        except Exception as error:
            if not absent(error):
                raise

    def _call(self, props: Props, id_: str = "", olds: Props | None = None) -> Call:
        return Call(self.spec, self.settings, props, id_, olds or {})

    def _name(self, props: Props) -> str:
        return str(props[self.spec.naming.key]) if self.spec.naming else ""

    def _strange(self, news: Props) -> set[str]:
        tags = {"tags"} if self.spec.retag else set()
        named = {self.spec.naming.key} if self.spec.naming else set()
        return (
            {k for k in news if not k.startswith("__")}
            - self.spec.inputs
            - self.spec.replace
            - tags
            - named
            - {"region"}
        )

    def _unsupported(self, key: str) -> str:
        return f"the simulator's {self.token} does not take {key!r}: leave it out, or rehearse without this resource"

    def _automatic(self, naming: Naming, olds: Props, news: Props, seed: bytes, asked: Autonaming | None) -> str:
        if not naming.automatic or (asked and asked.mode == "DISABLE"):
            raise ValueError(
                f"Missing required argument: The argument {naming.key!r} is required, but no definition was found"
            )
        if automatic(olds.get(naming.key)):
            return str(olds[naming.key])
        if asked and asked.proposed and (asked.mode == "ENFORCE" or not naming.fault(asked.proposed)):
            return asked.proposed
        digest = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(4)
        return naming.propose(self.name, digest[:7], fifo=bool(news.get("fifoQueue") or news.get("fifoTopic")))

    def _outs(self, props: Props, outs: Props) -> Props:
        tags = outs.get("tags", props.get("tags")) or {}
        region = props.get("region") or self.settings.region
        return {"region": region, **props, **outs, **({"tagsAll": tags} if self.spec.retag else {})}


def pairs(tags: Mapping[str, str] | None, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags in the list form most services take."""
    return [{key: k, value: str(v)} for k, v in (tags or {}).items()]


def unpaired(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags from the list form, AWS's own left out."""
    return {t[key]: t[value] for t in tags or [] if not t[key].startswith("aws:")}


__all__ = [
    "Autonaming",
    "AwsType",
    "Call",
    "Gone",
    "InitFailed",
    "Naming",
    "Settings",
    "Spec",
    "Unsupported",
    "pairs",
    "unpaired",
]
