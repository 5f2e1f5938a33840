"""No module imports itself by way of others: what one file needs can be read from the top down."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("bench", "cli", "components", "examples", "lambdas", "rehearsal", "stacks", "tests", "tidewatch")


def find_circle(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one import circle, the first of them again at the end; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Each module with those that it imports anywhere: at the top, in a function, or for the type checker alone."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_import_circle_is_in_the_tree(imports: dict[str, set[str]]) -> None:
    assert find_circle(imports) == []


def test_a_circle_is_found_with_its_modules() -> None:
    assert set(find_circle({"stack": {"run"}, "run": {"state", "stack"}, "state": set()})) == {"stack", "run"}


def test_every_room_is_read(imports: dict[str, set[str]]) -> None:
    assert {module.partition(".")[0] for module in imports} == set(PACKAGES)
    assert "rehearsal.engine.run" in imports["rehearsal.engine.stack"]
    assert "tests.test_import_circles" in imports
