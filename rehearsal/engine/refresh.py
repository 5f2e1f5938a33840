"""Compares the state with the cloud: a refresh, and the pending calls of a killed run."""

from __future__ import annotations

from rehearsal.engine.asset_hashes import to_comparable
from rehearsal.engine.property_changes import describe_changes, find_changed_keys
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.state import PendingOperation, Resource


def refresh(run: DeploymentRun, *, before_update: bool = False) -> None:
    """Reads every resource and updates the state; a missing resource is dropped from it.

    As the first part of an update its steps are called `refresh`, with the detected change as their key.
    """
    for resource in run.state.previous:
        if resource.is_managed and not (resource.replaced or resource.pending_replacement):
            with run.record_error(resource.label):
                known = to_comparable(resource.outputs)
                change = _refresh_resource(run, resource)
                found = to_comparable(resource.outputs)
                changes = describe_changes(known, found, find_changed_keys(known, found))
                _record_refresh_step(run, resource, change, changes, before_update)


def _record_refresh_step(
    run: DeploymentRun, resource: Resource, change: str, changes: tuple[str, ...], before_update: bool
) -> None:
    if before_update:
        run.record_step("refresh", resource.urn, () if change == "same" else (change,), changes=changes)
    else:
        run.record_step(change, resource.urn)


def _refresh_resource(run: DeploymentRun, resource: Resource) -> str:
    provider = run.get_provider(resource)
    got = provider.read(resource.id, resource.outputs, resource.inputs)
    if not got.id:
        run.state.drop(resource)
        return "delete"
    previous = to_comparable([resource.inputs, resource.outputs])
    if got.inputs is not None:
        resource.inputs = provider.to_outputs(got.inputs, resource)
    resource.outputs = provider.to_outputs(got.outs, resource)
    same = previous == to_comparable([resource.inputs, resource.outputs])
    if not same or resource.init_errors:
        # A resource that can be read counts as initialized, as after RefreshStep in the CLI's engine.
        resource.init_errors = []
        run.state.amend(resource)
    return "same" if same else "update"


def resolve_pending(run: DeploymentRun) -> None:
    """Resolves the calls of a killed run whose results are unknown.

    A create is adopted if the object is found by its name, and dropped otherwise. The next `up` repeats an update. A
    delete is done if the object can no longer be read.
    """
    for pending in list(run.state.pending.values()):
        with run.record_error(pending.resource.label):
            run.notes.append(f"{pending.resource.urn}: {_resolve(run, pending)}")


def _resolve(run: DeploymentRun, pending: PendingOperation) -> str:
    if pending.kind == "create":
        return _resolve_create(run, pending.resource, run.state.get_previous(pending.resource.urn))
    old = run.state.get_by_serial(pending.resource.serial)
    if old is None:
        run.state.abandon(pending.resource.urn)
        return f"an interrupted {pending.kind} was over"
    if pending.kind == "delete" and not run.get_provider(old).read(old.id, old.outputs).id:
        run.state.drop(old)
        return "an interrupted delete had deleted it"
    old.interrupted = pending.kind == "update"
    run.state.amend(old)
    return f"an interrupted {pending.kind} will be made again"


def _resolve_create(run: DeploymentRun, resource: Resource, old: Resource | None) -> str:
    provider = run.get_provider(resource)
    found = provider.find(resource)
    if found is None or found.id is None or _is_in_state(run, resource.type, found.id):
        run.state.abandon(resource.urn)
        return "an interrupted create left nothing that can be found"
    if old is not None:
        resource.serial = old.serial if old.pending_replacement else 0
        old.replaced = not old.pending_replacement
        run.state.amend(old)
    resource.id, resource.outputs, resource.interrupted = found.id, provider.to_outputs(found.outs, resource), True
    run.state.amend(resource)
    return f"found {found.id!r}, left by an interrupted create"


def _is_in_state(run: DeploymentRun, kind: str, id_: str) -> bool:
    """Whether the state already holds an object that was found by name, for instance one that was being replaced."""
    return any(r.type == kind and r.id == id_ and not r.pending_replacement for r in run.state)
