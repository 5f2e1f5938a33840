"""Taking resources away: at the end of an update, before a replacement, and all of them in a destroy."""

from __future__ import annotations

import time

from simulator.engine.report import Refused
from simulator.engine.run import Run
from simulator.engine.state import Resource
from simulator.engine.wire import UNKNOWN

UNPROTECT = "remove the `protect` flag from the resource in the program and run `up`"


def delete(run: Run, doomed: list[Resource]) -> None:
    """Deletes what nothing depends on any more, chain after chain, as the engine does.

    A protected resource is passed over and with it all that it depends on; whatever else there is goes. Raises Refused
    at the end if there was one, the error of a delete at once.
    """
    needs = _needs(doomed)
    left, refused = set[int](), list[str]()
    try:
        for place in _chained(needs):
            resource = doomed[place]
            if place in left:
                continue
            if resource.protect and not resource.replaced:
                refused.append(f"resource {resource.urn!r} cannot be deleted because it is protected; {UNPROTECT}")
                left |= _transitive(place, needs)
                continue
            with run.reported(resource.label):
                _delete(run, resource)
                run.state.drop(resource)
    finally:
        run.errors += refused
    if refused:
        raise Refused(refused[-1])


def _needs(doomed: list[Resource]) -> list[set[int]]:
    """For each resource the places of those that it depends on: by option or property, also what is inside a component
    that it names, and its parent. All of them were made before it."""
    places, inside = dict[str, set[int]](), dict[str, set[int]]()
    parents = {resource.urn: resource.parent for resource in doomed}
    needs = list[set[int]]()
    for place, resource in enumerate(doomed):
        named = {*resource.dependencies, *(urn for urns in resource.property_dependencies.values() for urn in urns)}
        found = set(places.get(resource.parent, ()))
        for urn in named:
            found |= places.get(urn, set()) | inside.get(urn, set())
        needs.append(found)
        places.setdefault(resource.urn, set()).add(place)
        above = resource.parent
        while above:
            inside.setdefault(above, set()).add(place)
            above = parents.get(above, "")
    return needs


def _chained(needs: list[set[int]]) -> list[int]:
    """The places in the order in which the engine deletes: first what is furthest from having no needs."""
    depth = list[int]()
    for found in needs:
        depth.append(1 + max((depth[place] for place in found), default=0))
    return sorted(range(len(needs)), key=lambda place: (depth[place], place), reverse=True)


def _transitive(place: int, needs: list[set[int]]) -> set[int]:
    found, ahead = set[int](), [place]
    while ahead:
        new = needs[ahead.pop()] - found
        found |= new
        ahead += new
    return found


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
