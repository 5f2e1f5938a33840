"""Packages say their place, and the rooms outside take public names from the package, not from the module behind it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.source_files import ROOT, list_nodes, list_tracked

ROOMS = ("cli", "components", "lambdas", "rehearsal", "stacks", "tidewatch")


PACKAGES = [file for room in ROOMS for file in list_tracked(f"{room}/**/__init__.py", f"{room}/__init__.py")]


def _read_exports(package: Path) -> frozenset[str]:
    for statement in ast.parse(package.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(statement.value))
    return frozenset()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_a_package_says_its_place_in_a_sentence_or_two(package: Path) -> None:
    assert ast.get_docstring(ast.parse(package.read_text()))


def test_other_rooms_import_public_names_from_the_package() -> None:
    exports = {".".join(file.parent.relative_to(ROOT).parts): _read_exports(file) for file in PACKAGES}
    found: list[str] = []
    for file in list_tracked(*(f"{room}/**/*.py" for room in (*ROOMS, "bench", "tests"))):
        room = file.relative_to(ROOT).parts[0]
        for node in list_nodes(file):
            if not isinstance(node, ast.ImportFrom) or not node.module or node.module in exports:
                continue
            package = node.module.rpartition(".")[0]
            public = exports.get(package, frozenset())
            if package.partition(".")[0] != room:
                found += [f"{file.relative_to(ROOT)}:{node.lineno} {node.module}.{each.name}"
                          for each in node.names if each.name in public]  # fmt: skip
    assert found == []
