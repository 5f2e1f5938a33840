"""Looking at what is really there: a refresh, and what a killed run left behind."""

from __future__ import annotations

from simulator.engine.assets import comparable
from simulator.engine.run import Run
from simulator.engine.state import Pending, Resource


def refresh(run: Run, *, first: bool = False) -> None:
    """Reads every resource and takes the answer into the state; what is not there any more is forgotten.

    As the first part of an update its steps are called `refresh`, with what was found as their key.
    """
    for resource in run.state.before:
        if resource.managed and not (resource.replaced or resource.gone):
            with run.reported(resource.label):
                _report(run, resource, _read(run, resource), first)


def _report(run: Run, resource: Resource, found: str, first: bool) -> None:
    if first:
        run.step("refresh", resource.urn, () if found == "same" else (found,))
    else:
        run.step(found, resource.urn)


def _read(run: Run, resource: Resource) -> str:
    provider = run.provider(resource)
    got = provider.read(resource.id, resource.outputs, resource.inputs)
    if not got.id:
        run.state.drop(resource)
        return "delete"
    was = comparable([resource.inputs, resource.outputs])
    if got.inputs is not None:
        resource.inputs = provider.outputs(got.inputs, resource)
    resource.outputs = provider.outputs(got.outs, resource)
    same = was == comparable([resource.inputs, resource.outputs])
    if not same or resource.init_errors:
        # What could be read is initialized as far as the engine knows, as after RefreshStep in the CLI's.
        resource.init_errors = []
        run.state.amend(resource)
    return "same" if same else "update"


def settle(run: Run) -> None:
    """Ends the calls of a killed run whose answer nobody saw.

    A create is adopted when the object is found by its name, else forgotten. An update is made again by the next
    `up`. A delete is done when the object cannot be read any more.
    """
    for pending in list(run.state.pending.values()):
        with run.reported(pending.resource.label):
            run.notes.append(f"{pending.resource.urn}: {_settle(run, pending)}")


def _settle(run: Run, pending: Pending) -> str:
    if pending.call == "create":
        return _settle_create(run, pending.resource, run.state.earlier(pending.resource.urn))
    old = run.state.saved(pending.resource.serial)
    if old is None:
        run.state.abandon(pending.resource.urn)
        return f"an interrupted {pending.call} was over"
    if pending.call == "delete" and not run.provider(old).read(old.id, old.outputs).id:
        run.state.drop(old)
        return "an interrupted delete had deleted it"
    old.interrupted = pending.call == "update"
    run.state.amend(old)
    return f"an interrupted {pending.call} will be made again"


def _settle_create(run: Run, made: Resource, old: Resource | None) -> str:
    provider = run.provider(made)
    found = provider.find(made)
    if found is None or found.id is None or _known(run, made.type, found.id):
        run.state.abandon(made.urn)
        return "an interrupted create left nothing that can be found"
    if old is not None:
        made.serial = old.serial if old.gone else 0
        old.replaced = not old.gone
        run.state.amend(old)
    made.id, made.outputs, made.interrupted = found.id, provider.outputs(found.outs, made), True
    run.state.amend(made)
    return f"found {found.id!r}, left by an interrupted create"


def _known(run: Run, kind: str, id_: str) -> bool:
    """Whether an object found by its name is one the state holds already, such as the one that was being replaced."""
    return any(r.type == kind and r.id == id_ and not r.gone for r in run.state)
