"""A function's archive: all of ours that it imports, nothing else, and enough to be imported alone."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.lambda_layer import build_layer
from components.lambda_package import OWN_PACKAGES, ROOT, _extract_import_statements, build_archive, find_sources
from rehearsal.aws.lambda_.function_worker import RUNTIME

DRIFT = "lambdas.drift.handler"
HANDLER = "lambdas.rollback.handler"


def test_it_holds_the_handler_and_what_it_imports():
    found = find_sources(HANDLER)
    assert {"lambdas/__init__.py", "lambdas/rollback/handler.py", "tidewatch/traffic/__init__.py"} <= set(found)
    assert all(path.endswith(".py") for path in found)
    assert not [path for path in found if path.startswith("tidewatch/registry")]
    assert set(build_archive(HANDLER).assets) == set(found)


@pytest.mark.parametrize("handler", [DRIFT, HANDLER])
def test_no_function_verifies_or_signs(handler: str):
    """A rollback needs no KMS, and no function loads cryptography."""
    assert not [path for path in find_sources(handler) if path.startswith("tidewatch/signatures")]


def test_a_handler_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"no module lambdas\.nothing\.handler"):
        find_sources("lambdas.nothing.handler")


def test_whatever_else_it_imports_is_in_the_runtime_or_in_its_layer():
    modules = {name.split("/")[1].partition(".")[0] for name in zipfile.ZipFile(build_layer("drift")).namelist()}
    there = {*OWN_PACKAGES, *sys.stdlib_module_names, *RUNTIME, *modules}
    assert {name for path in find_sources(DRIFT) for name in _find_imports(ROOT / path)} <= there
    assert {name for path in find_sources(HANDLER) for name in _find_imports(ROOT / path)} <= there - modules


def _find_imports(file: Path) -> set[str]:
    """The top-level modules that a file's import statements name."""
    found: set[str] = set()
    for node in _running(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("room", OWN_PACKAGES)
def test_the_import_statements_are_those_of_the_whole_module(room: str):
    for file in sorted((ROOT / room).rglob("*.py")):
        source = file.read_text()
        whole, cut = (
            [ast.unparse(node) for node in _imports_of(text)] for text in (source, _extract_import_statements(source))
        )
        assert cut == whole, file


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement but those that only a type checker sees. No expression holds one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            continue
        yield node
        yield from _running(node)


def _imports_of(source: str) -> list[ast.Import | ast.ImportFrom]:
    found = [node for node in _running(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return sorted(found, key=lambda node: node.lineno)


def test_it_can_be_imported_alone(tmp_path: Path):
    packed = tmp_path / "function.zip"
    with zipfile.ZipFile(packed, "w") as target:
        for path in find_sources(HANDLER):
            target.write(ROOT / path, path)
    code = (
        "import sys, json, importlib\n"
        f"sys.path[:] = [{str(packed)!r}] + [p for p in sys.path if 'site-packages' not in p and p]\n"
        f"importlib.import_module({HANDLER!r})\n"
        "ours = [m for n, m in sys.modules.items() if n.split('.')[0] in ('lambdas', 'tidewatch')]\n"
        f"assert ours and all({str(packed)!r} in m.__file__ for m in ours if m.__file__), ours\n"
    )
    done = subprocess.run([sys.executable, "-S", "-E", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
