"""Processes a registered resource: the decisions of the engine's step generator."""

from __future__ import annotations

import copy
import uuid
from dataclasses import replace
from typing import Any

from rehearsal.engine.asset_hashes import to_comparable
from rehearsal.engine.deletion import UNPROTECT, delete_before_replace
from rehearsal.engine.policy_checks import check_resource
from rehearsal.engine.property_changes import describe_changes
from rehearsal.engine.property_paths import covers, parse_path, reset
from rehearsal.engine.provider_resolver import CallResult, ResourceDiff
from rehearsal.engine.results import EngineError
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.serialization import PropertyMap, from_struct, mark_secrets
from rehearsal.engine.state import Resource

INIT_ERROR = "#initerror"
"""The key for errors of an earlier create or update among the changes of a resource."""
UNSUPPORTED = {
    "remote": "remote components",
    "deletedWith": "deleted_with",
    "replace_with": "replace_with",
    "transforms": "transforms",
    "packageRef": "parameterized packages",
}
UNSUPPORTED_MESSAGES = {"replacement_trigger": "replacement_trigger", "hooks": "resource hooks"}
"""Unsupported options whose request field is a message, which the SDK sends empty if the program sets nothing."""


def build_goal(run: DeploymentRun, request: Any, properties: Any, **more: Any) -> Resource:
    """The resource that the program requests."""
    parent = run.state.get_current(request.parent)
    return Resource(
        run.urn_builder.build_urn(request.parent, request.type, request.name),
        request.type,
        parent=request.parent,
        inputs=run.providers.hasher.hash_assets(from_struct(properties)),
        dependencies=sorted(request.dependencies),
        provider=run.get_provider_settings(request.provider) if request.type.startswith("aws:") else {},
        retain=bool(parent and parent.retain),
        **more,
    )


class Registration:
    """One registration request, from the program's arguments to the step."""

    def __init__(self, run: DeploymentRun, request: Any) -> None:
        self.run, self.request = run, request
        self.goal = build_goal(run, request, request.object, custom=request.custom, protect=request.protect)
        if request.HasField("retainOnDelete"):
            self.goal.retain = request.retainOnDelete
        self.goal.property_dependencies = {k: sorted(d.urns) for k, d in request.propertyDependencies.items() if d.urns}
        self.program_inputs = self.goal.inputs
        self.old: Resource | None = None

    def perform(self) -> Resource:
        """Performs the step and returns the resulting resource. Raises EngineError."""
        self._require_supported()
        with self.run.state.lock:
            self._claim_urn()
            self.old = self._find_previous()
        if not self.goal.is_managed:
            return self._record_component()
        self.provider = self.run.get_provider(self.goal)
        if self.old is None and self.request.importId:
            return self._import()
        return self._create_or_change()

    def _require_supported(self) -> None:
        unsupported = [label for name, label in UNSUPPORTED.items() if getattr(self.request, name)]
        unsupported += [label for name, label in UNSUPPORTED_MESSAGES.items() if getattr(self.request, name).ByteSize()]
        if unsupported:
            raise EngineError(f"the rehearsal's engine has no {', '.join(unsupported)}: leave them out of the program")

    def _claim_urn(self) -> None:
        if self.goal.urn in self.run.registered_urns:
            raise EngineError(f"duplicate resource URN '{self.goal.urn}'; try giving it a unique name")
        self.run.registered_urns.add(self.goal.urn)

    def _find_previous(self) -> Resource | None:
        """The resource from an earlier run, under its own URN or an alias."""
        urn, state = self.goal.urn, self.run.state
        for candidate in (urn, *self.run.urn_builder.iter_aliases(self.request, self.run.previous_urns)):
            old = state.get_previous(candidate)
            if old is None or old.external:
                continue
            if candidate != urn:
                self.run.previous_urns[urn] = candidate
            self.goal.serial = old.serial
            return old
        return None

    def _record_component(self) -> Resource:
        """Records a component or an explicit provider, which need no call."""
        goal, old = self.goal, self.old
        goal.id = old.id if old else str(uuid.uuid4()) if goal.custom else ""
        goal.outputs = old.outputs if old else {}
        self.run.state.put(goal)
        same = old is not None and to_comparable(old.inputs) == to_comparable(goal.inputs)
        self.run.record_step("create" if old is None else "same" if same else "update", goal.urn)
        return goal

    def _import(self) -> Resource:
        goal, id_ = self.goal, self.request.importId
        read_result = self.provider.read(id_, self.program_inputs)
        if not read_result.id:
            raise EngineError(f"{id_!r} cannot be imported: it does not exist")
        goal.id, goal.outputs = (
            read_result.id,
            self._mark_secret_outputs(self.provider.to_outputs(read_result.outs, goal)),
        )
        goal.inputs = self.provider.check({}, goal)
        live = to_comparable(goal.outputs)
        if other := sorted(k for k, v in to_comparable(goal.inputs).items() if k in live and live[k] != v):
            raise EngineError(f"{id_!r} cannot be imported: it has other values of {', '.join(other)} than the program")
        self.run.state.put(goal)
        self.run.record_step("import", goal.urn)
        return goal

    def _create_or_change(self) -> Resource:
        """Checks the inputs, then creates or changes the resource."""
        goal, old = self.goal, self.old
        recreated = old is not None and old.pending_replacement
        if old is not None and not recreated:
            goal.inputs = self._apply_ignore_changes(old.inputs)
        goal.inputs = self.provider.check(old.inputs if old and not recreated else {}, goal)
        check_resource(self.run, goal, tuple(self.request.ignoreChanges))
        if old is None:
            return self._create("create")
        if recreated:
            return self._create("replace")
        return self._change(old)

    def _change(self, old: Resource) -> Resource:
        diff = self.provider.diff(old, self.goal.inputs, list(self.request.replaceOnChanges))
        regions = self.run.providers.get_region(old), self.run.providers.get_region(self.goal)
        if regions[0] != regions[1]:
            diff = diff.with_replace_keys("provider")
        if old.init_errors and any(covers(parse_path(path), (INIT_ERROR,)) for path in self.request.replaceOnChanges):
            diff = diff.with_replace_keys(INIT_ERROR)
        if diff.has_changes and diff.replace_keys:
            return self._replace(old, diff)
        self.goal.id, self.goal.outputs = old.id, old.outputs
        if diff.has_changes or old.interrupted or old.init_errors:
            return self._update(old, diff.changed_keys, changed=diff.has_changes or old.interrupted)
        self.run.state.put(self.goal)
        self.run.record_step("same", self.goal.urn)
        return self.goal

    def _update(self, old: Resource, keys: tuple[str, ...], *, changed: bool) -> Resource:
        goal, run = self.goal, self.run
        seconds = 0.0
        if run.dry:
            goal.outputs = self._mark_secret_outputs(self.provider.preview(old, goal))
        else:
            began = run.start_step("update", goal.urn, keys)
            with run.journal_operation("update", old):
                self._record_result(self.provider.update(old, goal, changed=changed))
            seconds = run.get_elapsed(began)
        run.state.put(goal)
        run.record_step("update", goal.urn, keys, seconds, describe_changes(old.inputs, goal.inputs, keys))
        return goal

    def _replace(self, old: Resource, diff: ResourceDiff) -> Resource:
        if old.protect and self.goal.protect:
            raise EngineError(
                f"unable to replace resource {self.goal.urn!r} as it is currently marked for protection; {UNPROTECT}"
            )
        # `ignore_changes` and the old name do not apply to a new object: it is checked without the old inputs.
        self.goal.inputs = self.provider.check({}, replace(self.goal, inputs=self.program_inputs))
        request = self.request
        if request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else diff.delete_first:
            delete_before_replace(self.run, old)
            return self._create("replace", diff.replace_keys)
        self.goal.serial = 0
        return self._create("replace", diff.replace_keys, in_place_of=old)

    def _create(self, op: str, keys: tuple[str, ...] = (), in_place_of: Resource | None = None) -> Resource:
        goal, run = self.goal, self.run
        goal.id, seconds = "", 0.0
        if run.dry:
            goal.outputs = self._mark_secret_outputs(self.provider.preview(None, goal))
        else:
            began = run.start_step(op, goal.urn, keys)
            with run.journal_operation("create", goal):
                self._record_result(self.provider.create(goal), in_place_of)
            seconds = run.get_elapsed(began)
        run.state.put(goal, in_place_of=in_place_of)
        run.record_step(op, goal.urn, keys, seconds)
        return goal

    def _record_result(self, result: CallResult, in_place_of: Resource | None = None) -> None:
        """Records the result of a call. A partly failed object is recorded with the error, which is then raised."""
        goal = self.goal
        goal.id, goal.outputs = result.id, self._mark_secret_outputs(result.outputs)
        if result.failure is not None:
            goal.init_errors = [result.failure.reason]
            self.run.state.put(goal, in_place_of=in_place_of)
            raise result.failure

    def _apply_ignore_changes(self, old: PropertyMap) -> PropertyMap:
        """The requested inputs, with the old values at ignored paths."""
        inputs = copy.deepcopy(self.program_inputs)
        for path in self.request.ignoreChanges:
            if not reset(parse_path(path), old, inputs):
                self.run.notes.append(
                    f"{self.goal.urn}: cannot ignore changes in added or removed elements of the path: {path!r}"
                )
        return inputs

    def _mark_secret_outputs(self, outs: PropertyMap) -> PropertyMap:
        return mark_secrets(outs, self.request.additionalSecretOutputs)
