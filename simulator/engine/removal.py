"""Taking resources away: at the end of an update, before a replacement, and all of them in a destroy."""

from __future__ import annotations

import time

from simulator.engine.report import Refused
from simulator.engine.run import Run
from simulator.engine.state import Resource
from simulator.engine.wire import UNKNOWN

UNPROTECT = "remove the `protect` flag from the resource in the program and run `up`"


def delete(run: Run, doomed: list[Resource]) -> None:
    """Deletes in the reverse of the order in which they were made.

    Raises Refused, before anything is touched, when one of them is protected.
    """
    guarded = [r.urn for r in doomed if r.protect and not r.replaced]
    run.errors += [f"resource {urn!r} cannot be deleted because it is protected; {UNPROTECT}" for urn in guarded]
    if guarded:
        raise Refused(run.errors[-1])
    for resource in reversed(doomed):
        with run.reported(resource.label):
            _delete(run, resource)
            run.state.drop(resource)


def delete_before(run: Run, old: Resource) -> None:
    """Deletes an object whose replacement cannot stand beside it, and first what must be replaced along with it."""
    along = _replaced_along(run, old)
    if guarded := [r.urn for r in along if r.protect]:
        raise Refused(
            f"unable to replace resource {guarded[0]!r} as it is currently marked for protection; {UNPROTECT}"
        )
    for resource in (*reversed(along), old):
        _delete(run, resource, "delete-replaced")
        resource.gone = True
        run.state.amend(resource)


def _delete(run: Run, resource: Resource, op: str = "") -> None:
    if resource.gone:
        return
    op = op or _op(resource)
    left = ("retain",) if resource.retain and resource.managed else ()
    started = time.perf_counter()
    if resource.managed and not (left or resource.external or run.dry):
        started = run.started(op, resource.urn)
        with run.calling("delete", resource):
            run.provider(resource).delete(resource)
    run.step(op, resource.urn, left, time.perf_counter() - started)


def _op(resource: Resource) -> str:
    if resource.replaced:
        return "delete-replaced"
    return "discard" if resource.external else "delete"


def _replaced_along(run: Run, root: Resource) -> list[Resource]:
    """Resources of which an input comes from one to be deleted and whose provider replaces them if that input changes.

    The engine's rule: such an input counts as unknown, and the provider is asked for its diff.
    """
    doomed, found = {root.urn}, list[Resource]()
    for resource in run.state.before:
        if not resource.managed or resource.external or resource.replaced or resource.gone:
            continue
        from_doomed = {k for k, urns in resource.property_dependencies.items() if doomed & set(urns)}
        if not from_doomed & set(resource.inputs):
            continue
        inputs = {k: UNKNOWN if k in from_doomed else v for k, v in resource.inputs.items()}
        if run.provider(resource).difference(resource, inputs, []).replaces:
            doomed.add(resource.urn)
            found.append(resource)
    return found
