"""A msgspec struct that renames a field which it does not have renames nothing, and says nothing about it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _find_unknown_renames(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
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
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    assert [each for file in files for each in _find_unknown_renames(file)] == []
