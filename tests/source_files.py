"""The repository's files, as git lists them, and their syntax trees."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def list_tracked(*patterns: str) -> list[Path]:
    """The files that git knows and that exist; all of them without a pattern."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@cache
def list_nodes(file: Path) -> tuple[ast.AST, ...]:
    """Every node of a Python file's syntax tree."""
    return tuple(ast.walk(ast.parse(file.read_text())))
