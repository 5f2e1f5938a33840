"""A msgspec struct that renames a field which it does not have renames nothing, and says nothing about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.source_files import ROOT, list_nodes, list_tracked


def _find_unknown_renames(file: Path) -> Iterator[str]:
    for node in list_nodes(file):
        if not isinstance(node, ast.ClassDef):
            continue
        fields = {
            each.target.id
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        }
        for keyword in node.keywords:
            if keyword.arg == "rename" and isinstance(keyword.value, ast.Dict):
                keys = [ast.literal_eval(key) for key in keyword.value.keys if key is not None]
                yield from (f"{file.relative_to(ROOT)}:{node.lineno} {key}" for key in keys if key not in fields)


def test_a_struct_renames_fields_that_it_has() -> None:
    assert [each for file in list_tracked("*.py") for each in _find_unknown_renames(file)] == []
