"""Deletes resources: at the end of an update, before a replacement, and all of them in a destroy."""

from __future__ import annotations

import time

from rehearsal.engine.results import EngineError
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.serialization import UNKNOWN
from rehearsal.engine.state import Resource

UNPROTECT = "remove the `protect` flag from the resource in the program and run `up`"


def delete_resources(run: DeploymentRun, resources: list[Resource]) -> None:
    """Deletes resources, dependents before their dependencies, as the engine does.

    It skips a protected resource and everything that the resource depends on, and deletes all others. Raises
    EngineError at the end if a resource was protected, and the error of a failed delete at once.
    """
    dependencies = _find_dependencies(resources)
    skipped, messages = set[int](), list[str]()
    try:
        for index in _order_deletions(dependencies):
            resource = resources[index]
            if index in skipped:
                continue
            if resource.protect and not resource.replaced:
                messages.append(f"resource {resource.urn!r} cannot be deleted because it is protected; {UNPROTECT}")
                skipped |= _find_transitive_dependencies(index, dependencies)
                continue
            with run.record_error(resource.label):
                _delete_resource(run, resource)
                run.state.drop(resource)
    finally:
        run.errors += messages
    if messages:
        raise EngineError(messages[-1])


def _find_dependencies(resources: list[Resource]) -> list[set[int]]:
    """For each resource the indexes of its dependencies, which were all created before it.

    Dependencies come from options and properties, include the members of a named component, and include the parent.
    """
    indexes_by_urn, indexes_by_ancestor = dict[str, set[int]](), dict[str, set[int]]()
    parents = {resource.urn: resource.parent for resource in resources}
    dependencies = list[set[int]]()
    for index, resource in enumerate(resources):
        referenced_urns = {
            *resource.dependencies,
            *(urn for urns in resource.property_dependencies.values() for urn in urns),
        }
        found = set(indexes_by_urn.get(resource.parent, ()))
        for urn in referenced_urns:
            found |= indexes_by_urn.get(urn, set()) | indexes_by_ancestor.get(urn, set())
        dependencies.append(found)
        indexes_by_urn.setdefault(resource.urn, set()).add(index)
        ancestor = resource.parent
        while ancestor:
            indexes_by_ancestor.setdefault(ancestor, set()).add(index)
            ancestor = parents.get(ancestor, "")
    return dependencies


def _order_deletions(dependencies: list[set[int]]) -> list[int]:
    """The indexes in the engine's order of deletion: the longest chain of dependencies first."""
    depth = list[int]()
    for found in dependencies:
        depth.append(1 + max((depth[index] for index in found), default=0))
    return sorted(range(len(dependencies)), key=lambda index: (depth[index], index), reverse=True)


def _find_transitive_dependencies(index: int, dependencies: list[set[int]]) -> set[int]:
    found, ahead = set[int](), [index]
    while ahead:
        new = dependencies[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def delete_before_replace(run: DeploymentRun, old: Resource) -> None:
    """Deletes an object that cannot coexist with its replacement, after the dependents that it also replaces."""
    dependents = _find_replaced_dependents(run, old)
    if protected_urns := [r.urn for r in dependents if r.protect]:
        raise EngineError(
            f"unable to replace resource {protected_urns[0]!r} as it is currently marked for protection; {UNPROTECT}"
        )
    for resource in (*reversed(dependents), old):
        _delete_resource(run, resource, "delete-replaced")
        resource.pending_replacement = True
        run.state.amend(resource)


def _delete_resource(run: DeploymentRun, resource: Resource, op: str = "") -> None:
    if resource.pending_replacement:
        return
    op = op or _choose_op(resource)
    keys = ("retain",) if resource.retain and resource.is_managed else ()
    started = time.perf_counter()
    if resource.is_managed and not (keys or resource.external or run.dry):
        started = run.start_step(op, resource.urn)
        with run.journal_operation("delete", resource):
            run.get_provider(resource).delete(resource)
    run.record_step(op, resource.urn, keys, time.perf_counter() - started)


def _choose_op(resource: Resource) -> str:
    if resource.replaced:
        return "delete-replaced"
    return "discard" if resource.external else "delete"


def _find_replaced_dependents(run: DeploymentRun, root: Resource) -> list[Resource]:
    """Resources with an input from a deleted resource whose provider replaces them if that input changes.

    This is the engine's rule: the input counts as unknown, and the provider computes the diff.
    """
    deleted_urns, found = {root.urn}, list[Resource]()
    for resource in run.state.previous:
        if not resource.is_managed or resource.external or resource.replaced or resource.pending_replacement:
            continue
        affected_keys = {k for k, urns in resource.property_dependencies.items() if deleted_urns & set(urns)}
        if not affected_keys & set(resource.inputs):
            continue
        inputs = {k: UNKNOWN if k in affected_keys else v for k, v in resource.inputs.items()}
        if run.get_provider(resource).diff(resource, inputs, []).replace_keys:
            deleted_urns.add(resource.urn)
            found.append(resource)
    return found
