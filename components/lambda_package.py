"""A function's code: its handler and the modules of this repository that it imports, found by reading the imports."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pulumi

ROOT = Path(__file__).resolve().parent.parent
OWN_PACKAGES = ("lambdas", "tidewatch")

_TYPE_CHECKING_BLOCK = re.compile(r"^([ \t]*)if TYPE_CHECKING:\n(?:\1[ \t]+.*\n|[ \t]*\n)*", re.MULTILINE)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+[.\w]+[ \t]+import[ \t]+(?:\([^)]*\)|[\w*][^\n]*)|import[ \t]+\w[^\n]*)", re.MULTILINE
)


def build_archive(module: str) -> pulumi.AssetArchive:
    """Returns the archive of a handler's module, such as lambdas.rollback.handler, with only the files that it imports.

    Files are added one by one, so that the archive's hash depends on their content and not on a folder.
    """
    return pulumi.AssetArchive({path: pulumi.FileAsset(str(ROOT / path)) for path in find_sources(module)})


@functools.cache
def find_sources(module: str) -> tuple[str, ...]:
    """Returns the files of `module` and of everything in this repository that it imports, relative to the root.

    Raises FileNotFoundError if the module does not exist.
    """
    if _find_file(module) is None:
        raise FileNotFoundError(f"there is no module {module} under {ROOT}: name a function's handler by its module")
    found: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        file = _find_file(name)
        if file is None or name in found:
            continue
        found[name] = file
        todo += [name.rpartition(".")[0], *_find_imports(name, file)]
    return tuple(sorted(str(file.relative_to(ROOT)) for file in found.values()))


def _find_file(module: str) -> Path | None:
    if module.split(".")[0] not in OWN_PACKAGES:
        return None
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


@functools.cache
def _find_imports(module: str, file: Path) -> tuple[str, ...]:
    """Returns what a module imports at run time: modules, and names from packages, which may be modules too."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return tuple(_iterate_imports(package, file))


def _iterate_imports(package: str, file: Path) -> Iterator[str]:
    for node in ast.parse(_extract_import_statements(file.read_text(encoding="utf-8")), str(file)).body:
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=source, names=names, level=level):
                base = ".".join([*package.split(".")[: len(package.split(".")) - level + 1]]) if level else ""
                origin = ".".join(part for part in (base, source) if part)
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in names)
            case _:
                pass


def _extract_import_statements(source: str) -> str:
    """Returns the import statements of a module, without those under TYPE_CHECKING.

    Every `up` reads about a hundred modules, and parsing them whole takes most of the time.
    """
    runtime_source = _TYPE_CHECKING_BLOCK.sub("", source)
    return "\n".join(found.group().strip() for found in _IMPORT.finditer(runtime_source))
