"""An AWS resource type with the bridged provider's behaviour, described by a row of the table (`ResourceSpec`)."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator

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

from rehearsal.engine.providers.autonaming import Autonaming, Naming, is_generated
from rehearsal.engine.providers.errors import InitFailed, NotFound, is_not_found
from rehearsal.engine.providers.properties import (
    Props,
    Unsupported,
    is_different,
    is_known,
    is_same,
    restore_integers,
)
from rehearsal.engine.providers.provider_settings import ProviderSettings
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec


class AwsResourceType(ResourceProvider):
    """One resource of an AWS type, with the bridged provider's names, default tags, replacements and outputs."""

    def __init__(self, token: str, spec: ResourceSpec, settings: ProviderSettings, name: str = "") -> None:
        self.token, self.spec, self.settings, self.name = token, spec, settings, name

    def check(self, olds: Props, news: Props, seed: bytes = b"", autonaming: Autonaming | None = None) -> CheckResult:
        """Completes the inputs (name, defaults, default tags) and reports errors of the schema.

        `olds` are the old checked inputs, empty for a create or a replacement.
        """
        s = self.spec
        news = {k: v for k, v in news.items() if v is not None}
        failures = [CheckFailure("", self._format_unsupported(key)) for key in sorted(self._find_unsupported(news))]
        news = {**s.defaults, **news}
        if s.apply_defaults:
            news = s.apply_defaults(news)
        if s.naming and s.naming.key not in news:
            try:
                news[s.naming.key] = self._generate_name(s.naming, olds, news, seed, autonaming)
            except ValueError as error:
                return CheckResult(news, [*failures, CheckFailure("", str(error))])
        if s.naming and (fault := s.naming.validate(news[s.naming.key])):
            failures.append(CheckFailure(s.naming.key, fault))
        if s.retag and is_known(news.get("tags")) and (self.settings.default_tags or "tags" in news):
            news["tags"] = {**self.settings.default_tags, **(news.get("tags") or {})}
        if s.validate:
            failures += [CheckFailure(key, fault) for key, fault in s.validate(news).items()]
        return CheckResult(news, failures)

    def find_replace_keys(self, changed: list[str], olds: Props | None = None, news: Props | None = None) -> list[str]:
        """The changed inputs that AWS cannot change in place; `olds` and `news` are checked inputs."""
        s = self.spec
        if s.update is None:
            return [key for key in changed if not (key == "tags" and s.retag)]
        conditional = s.force_new_when(olds or {}, news or {}) if s.force_new_when else []
        immutable = {*s.force_new, *conditional, "region", *({s.naming.key} if s.naming else ())}
        return [key for key in changed if key in immutable]

    def should_delete_first(self, olds: Props, news: Props) -> bool:
        """Whether a replacement deletes before it creates: only if both objects have the same explicit name."""
        if not (naming := self.spec.naming):
            return False
        name = news.get(naming.key)
        return naming.automatic and isinstance(name, str) and name == olds.get(naming.key) and not is_generated(name)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """The differences that Pulumi cannot derive from the inputs; it compares the inputs itself."""
        return DiffResult(delete_before_replace=self.should_delete_first(olds, news))

    def preview(self, olds: Props | None, news: Props) -> Props:
        """The outputs that are known before the call; `olds` are the last outputs."""
        tags = {"tagsAll": news.get("tags") or {}} if self.spec.retag else {}
        region = {"region": news.get("region") or self.settings.region}
        if olds is None:
            return {**{k: Unknown() for k in self.spec.computed}, **tags, **region, **news}
        previous = {k: olds[k] for k in self.spec.computed if k in olds}
        for key, triggers in self.spec.recomputed.items():
            if any(not is_known(news.get(c)) or is_different(olds.get(c), news.get(c)) for c in triggers):
                previous[key] = Unknown()
        return {**previous, **tags, **region, **news}

    def create(self, props: Props) -> CreateResult:
        outs = self.spec.create(self._build_context(restore_integers(props)))
        id_ = outs.pop("id", None) or self._get_name(props)
        if self.spec.finish:
            with self._wrap_init_failure(id_, props):
                outs |= self.spec.finish(self._build_context({**restore_integers(props), **outs}, id_))
        return CreateResult(id_, self._build_outputs(props, outs))

    def find(self, props: Props) -> ReadResult:
        """The live object that an interrupted create may have left."""
        call = self._build_context(restore_integers(props))
        id_ = self.spec.identify(call) if self.spec.identify else self._get_name(props)
        return self.read(id_, props) if id_ else ReadResult("", {})

    def read(self, id_: str, props: Props, inputs: Props | None = None) -> ReadResult:
        """Reads the live object; the id is empty if it no longer exists.

        With the last checked inputs in `inputs`, the result's inputs are those, with live values where the cloud
        differs. Without `props` (an import) it returns all readable properties.
        """
        call = self._build_context(restore_integers(props), id_)
        try:
            live = self.spec.read(call)
        except KeyError as error:
            if props:
                raise
            raise Unsupported(f"{self.token} {id_!r} cannot be read by its id alone: {error} is needed too") from None
        except Exception as error:
            if not is_not_found(error):
                raise
            return ReadResult("", {})
        unchanged = {k: props[k] for k in live if k in props and is_same(restore_integers(props[k]), live[k])}
        outs = self._build_outputs(props, {**live, **unchanged})
        if not props:
            naming = self.spec.naming.key if self.spec.naming else ""
            imported_inputs = {k: v for k, v in live.items() if k in self.spec.inputs and (v or k == naming)}
            return ReadResult(id_, outs, {**self.spec.defaults, **imported_inputs})
        drifted = {
            k: v for k, v in live.items() if k not in unchanged and k in (inputs or {}) and k in self.spec.inputs
        }
        return ReadResult(id_, outs, {**inputs, **drifted} if inputs is not None and drifted else None)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        previous = {k: olds[k] for k in self.spec.computed if k in olds}
        with self._wrap_init_failure(id_, {**previous, **news}):
            outs = self._apply_changes(self._build_context(restore_integers(news), id_, olds))
        return UpdateResult({**previous, **self._build_outputs(news, outs)})

    def read_unchanged(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Reads the object in an update without a change, as after a failed create or update.

        Raises NotFound with the bridge's message if the object no longer exists.
        """
        live = self.read(id_, olds)
        if not live.id:
            raise NotFound(
                f"Resource provider reported that the resource did not exist while updating {self.token} {id_}.\n\n"
                "This is usually a result of the resource having been deleted outside of Pulumi, and can often be "
                "fixed by running `pulumi refresh` before updating."
            )
        live_outputs = {k: v for k, v in (live.outs or {}).items() if k in self.spec.computed}
        return UpdateResult(self._build_outputs(news, live_outputs))

    @contextlib.contextmanager
    def _wrap_init_failure(self, id_: str, props: Props) -> Iterator[None]:
        """Converts an error into InitFailed; the outputs are the requested properties, since nothing was read back."""
        try:
            yield
        except Exception as error:
            raise InitFailed(id_, self._build_outputs(props, {}), str(error) or repr(error)) from error

    def _apply_changes(self, call: ResourceContext) -> Props:
        olds = call.olds
        if self.spec.retag and call.has_changed("tags"):
            before, after = olds.get("tags") or {}, call.props.get("tags") or {}
            put = {k: v for k, v in after.items() if before.get(k) != v}
            self.spec.retag(call, put, [k for k in before if k not in after])
        return self.spec.update(call) if self.spec.update else {}

    def delete(self, id_: str, props: Props) -> None:
        """Deletes the object; a missing object is no error."""
        try:
            self.spec.delete(self._build_context(restore_integers(props), id_))
        except Exception as error:
            if not is_not_found(error):
                raise

    def _build_context(self, props: Props, id_: str = "", olds: Props | None = None) -> ResourceContext:
        return ResourceContext(self.spec, self.settings, props, id_, olds or {})

    def _get_name(self, props: Props) -> str:
        return str(props[self.spec.naming.key]) if self.spec.naming else ""

    def _find_unsupported(self, news: Props) -> set[str]:
        tags = {"tags"} if self.spec.retag else set()
        name_keys = {self.spec.naming.key} if self.spec.naming else set()
        return (
            {k for k in news if not k.startswith("__")}
            - self.spec.inputs
            - self.spec.force_new
            - tags
            - name_keys
            - {"region"}
        )

    def _format_unsupported(self, key: str) -> str:
        return f"the simulator's {self.token} does not take {key!r}: leave it out, or rehearse without this resource"

    def _generate_name(
        self, naming: Naming, olds: Props, news: Props, seed: bytes, autonaming: Autonaming | None
    ) -> str:
        if not naming.automatic or (autonaming and autonaming.mode == "DISABLE"):
            raise ValueError(
                f"Missing required argument: The argument {naming.key!r} is required, but no definition was found"
            )
        if is_generated(olds.get(naming.key)):
            return str(olds[naming.key])
        if (
            autonaming
            and autonaming.proposed
            and (autonaming.mode == "ENFORCE" or not naming.validate(autonaming.proposed))
        ):
            return autonaming.proposed
        digest = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(4)
        return naming.propose(self.name, digest[:7], fifo=bool(news.get("fifoQueue") or news.get("fifoTopic")))

    def _build_outputs(self, props: Props, outs: Props) -> Props:
        tags = outs.get("tags", props.get("tags")) or {}
        region = props.get("region") or self.settings.region
        return {"region": region, **props, **outs, **({"tagsAll": tags} if self.spec.retag else {})}
