"""What becomes of one resource that the program registers: the decisions of the engine's step generator."""

from __future__ import annotations

import copy
import uuid
from dataclasses import replace
from typing import Any

from simulator.engine.assets import comparable
from simulator.engine.paths import covers, parse, reset
from simulator.engine.providers import Difference, Made
from simulator.engine.removal import UNPROTECT, delete_before
from simulator.engine.report import Refused
from simulator.engine.run import Run
from simulator.engine.state import Resource
from simulator.engine.wire import Wire, from_struct, sealing

INIT_ERROR = "#initerror"
"""The key that stands for errors of an earlier create or update among the changes of a resource."""
UNSUPPORTED = {
    "remote": "remote components",
    "deletedWith": "deleted_with",
    "replace_with": "replace_with",
    "transforms": "transforms",
    "packageRef": "parameterized packages",
}
UNSUPPORTED_MESSAGES = {"replacement_trigger": "replacement_trigger", "hooks": "resource hooks"}
"""Options whose request field is a message, which is sent empty where the program sets nothing."""


def goal_of(run: Run, request: Any, properties: Any, **more: Any) -> Resource:
    """The resource as the program wants it."""
    above = run.state.live(request.parent)
    return Resource(
        run.names.urn(request.parent, request.type, request.name),
        request.type,
        parent=request.parent,
        inputs=run.providers.hashes.added(from_struct(properties)),
        dependencies=sorted(request.dependencies),
        provider=run.settings(request.provider) if request.type.startswith("aws:") else {},
        retain=bool(above and above.retain),
        **more,
    )


class Registration:
    """One request, from what the program asks to the step that it takes."""

    def __init__(self, run: Run, request: Any) -> None:
        self.run, self.request = run, request
        self.goal = goal_of(run, request, request.object, custom=request.custom, protect=request.protect)
        if request.HasField("retainOnDelete"):
            self.goal.retain = request.retainOnDelete
        self.goal.property_dependencies = {k: sorted(d.urns) for k, d in request.propertyDependencies.items() if d.urns}
        self.asked = self.goal.inputs
        self.old: Resource | None = None

    def perform(self) -> Resource:
        """Takes the step and returns the resource as it is then. Raises Refused."""
        self._refuse_unsupported()
        with self.run.state.lock:
            self._claim()
            self.old = self._previous()
        if not self.goal.managed:
            return self._record()
        self.provider = self.run.provider(self.goal)
        if self.old is None and self.request.importId:
            return self._import()
        return self._make_or_change()

    def _refuse_unsupported(self) -> None:
        lacking = [said for name, said in UNSUPPORTED.items() if getattr(self.request, name)]
        lacking += [said for name, said in UNSUPPORTED_MESSAGES.items() if getattr(self.request, name).ByteSize()]
        if lacking:
            raise Refused(f"the rehearsal's engine has no {', '.join(lacking)}: leave them out of the program")

    def _claim(self) -> None:
        if self.goal.urn in self.run.claimed:
            raise Refused(f"duplicate resource URN '{self.goal.urn}'; try giving it a unique name")
        self.run.claimed.add(self.goal.urn)

    def _previous(self) -> Resource | None:
        """The resource as an earlier run left it, under its own URN or an alias."""
        urn, state = self.goal.urn, self.run.state
        for candidate in (urn, *self.run.names.aliases(self.request, self.run.renamed)):
            old = state.earlier(candidate)
            if old is None or old.external:
                continue
            if candidate != urn:
                self.run.renamed[urn] = candidate
            self.goal.serial = old.serial
            return old
        return None

    def _record(self) -> Resource:
        """Components and explicit providers: nobody makes them."""
        goal, old = self.goal, self.old
        goal.id = old.id if old else str(uuid.uuid4()) if goal.custom else ""
        goal.outputs = old.outputs if old else {}
        self.run.state.put(goal)
        same = old is not None and comparable(old.inputs) == comparable(goal.inputs)
        self.run.step("create" if old is None else "same" if same else "update", goal.urn)
        return goal

    def _import(self) -> Resource:
        goal, id_ = self.goal, self.request.importId
        got = self.provider.read(id_, self.asked)
        if not got.id:
            raise Refused(f"{id_!r} cannot be imported: it does not exist")
        goal.id, goal.outputs = got.id, self._as_outputs(self.provider.outputs(got.outs, goal))
        goal.inputs = self.provider.check({}, goal)
        live = comparable(goal.outputs)
        if other := sorted(k for k, v in comparable(goal.inputs).items() if k in live and live[k] != v):
            raise Refused(f"{id_!r} cannot be imported: it has other values of {', '.join(other)} than the program")
        self.run.state.put(goal)
        self.run.step("import", goal.urn)
        return goal

    def _make_or_change(self) -> Resource:
        """A policy pack would be asked about `goal.inputs` between check and the call."""
        goal, old = self.goal, self.old
        recreated = old is not None and old.gone
        if old is not None and not recreated:
            goal.inputs = self._ignoring(old.inputs)
        goal.inputs = self.provider.check(old.inputs if old and not recreated else {}, goal)
        if old is None:
            return self._create("create")
        if recreated:
            return self._create("replace")
        return self._change(old)

    def _change(self, old: Resource) -> Resource:
        said = self.provider.difference(old, self.goal.inputs, list(self.request.replaceOnChanges))
        regions = self.run.providers.region(old), self.run.providers.region(self.goal)
        if regions[0] != regions[1]:
            said = said.replacing("provider")
        if old.init_errors and any(covers(parse(path), (INIT_ERROR,)) for path in self.request.replaceOnChanges):
            said = said.replacing(INIT_ERROR)
        if said.differs and said.replaces:
            return self._replace(old, said)
        self.goal.id, self.goal.outputs = old.id, old.outputs
        if said.differs or old.interrupted or old.init_errors:
            return self._update(old, said.keys, changed=said.differs or old.interrupted)
        self.run.state.put(self.goal)
        self.run.step("same", self.goal.urn)
        return self.goal

    def _update(self, old: Resource, keys: tuple[str, ...], *, changed: bool) -> Resource:
        goal, run = self.goal, self.run
        seconds = 0.0
        if run.dry:
            goal.outputs = self._as_outputs(self.provider.foreseen(old, goal))
        else:
            began = run.started("update", goal.urn, keys)
            with run.calling("update", old):
                self._take(self.provider.update(old, goal, changed=changed))
            seconds = run.since(began)
        run.state.put(goal)
        run.step("update", goal.urn, keys, seconds)
        return goal

    def _replace(self, old: Resource, said: Difference) -> Resource:
        if old.protect and self.goal.protect:
            raise Refused(
                f"unable to replace resource {self.goal.urn!r} as it is currently marked for protection; {UNPROTECT}"
            )
        # Ignored changes and the old name end here: the new object is checked as if there had been none.
        self.goal.inputs = self.provider.check({}, replace(self.goal, inputs=self.asked))
        request = self.request
        if request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else said.delete_first:
            delete_before(self.run, old)
            return self._create("replace", said.replaces)
        self.goal.serial = 0
        return self._create("replace", said.replaces, in_place_of=old)

    def _create(self, op: str, keys: tuple[str, ...] = (), in_place_of: Resource | None = None) -> Resource:
        goal, run = self.goal, self.run
        goal.id, seconds = "", 0.0
        if run.dry:
            goal.outputs = self._as_outputs(self.provider.foreseen(None, goal))
        else:
            began = run.started(op, goal.urn, keys)
            with run.calling("create", goal):
                self._take(self.provider.create(goal), in_place_of)
            seconds = run.since(began)
        run.state.put(goal, in_place_of=in_place_of)
        run.step(op, goal.urn, keys, seconds)
        return goal

    def _take(self, made: Made, in_place_of: Resource | None = None) -> None:
        """What a call left. Where it failed all the same that is kept, with the reason, which is raised."""
        goal = self.goal
        goal.id, goal.outputs = made.id, self._as_outputs(made.outputs)
        if made.failure is not None:
            goal.init_errors = [made.failure.reason]
            self.run.state.put(goal, in_place_of=in_place_of)
            raise made.failure

    def _ignoring(self, old: Wire) -> Wire:
        """The inputs asked for, with the values of ignored paths as they were."""
        inputs = copy.deepcopy(self.asked)
        for path in self.request.ignoreChanges:
            if not reset(parse(path), old, inputs):
                self.run.notes.append(
                    f"{self.goal.urn}: cannot ignore changes in added or removed elements of the path: {path!r}"
                )
        return inputs

    def _as_outputs(self, outs: Wire) -> Wire:
        return sealing(outs, self.request.additionalSecretOutputs)
