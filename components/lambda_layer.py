"""The layer with the third-party packages that a function imports, built reproducibly from the lock file.

Running this module builds the layers that are missing, so that a first `up` does not wait for them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.12"
PLATFORM = "aarch64-manylinux_2_28"
"""The runtime's Amazon Linux 2023 has glibc 2.34. Source: AWS Lambda developer guide, "Lambda runtimes"."""

EXCLUDED_FOLDERS = frozenset({"__pycache__", "bin", "include", "tests"})
EXCLUDED_FILES = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Files that an installer writes; like the scripts in bin, they differ between machines."""
EXCLUDED_SUFFIXES = frozenset({".a", ".c", ".cpp", ".h", ".pxd", ".pyc", ".pyi", ".pyx"})

_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r'name = "([^"]+)"')


class LayerNotBuilt(RuntimeError):
    """A layer is missing and cannot be built. The message explains what to do."""


def build_layer(purpose: str, root: Path = ROOT) -> Path:
    """Returns the zip file of the dependency group `{purpose}-layer`; builds it from uv.lock if it does not exist.

    The file's name contains a hash of the locked packages, so an edited lock file gives another file. Raises
    LayerNotBuilt.
    """
    file = root / "build" / "layers" / f"{purpose}-{compute_digest(f'{purpose}-layer', root / 'uv.lock')}.zip"
    if not file.is_file():
        _build_zip(f"{purpose}-layer", file, root)
    return file


def compute_digest(group: str, lock: Path) -> str:
    """Returns 12 hex digits that identify a dependency group: a hash of its lock entries and of how they are packed."""
    entries = dict[str, list[str]]()
    for block in lock.read_text(encoding="utf-8").split("[[package]]\n")[1:]:
        if found := _NAME.match(block):
            entries.setdefault(found[1], []).append(block)
    recipe = [PYTHON, PLATFORM, *(sorted(names) for names in (EXCLUDED_FOLDERS, EXCLUDED_FILES, EXCLUDED_SUFFIXES))]
    content = hashlib.sha256(repr(recipe).encode())
    for name in sorted(_resolve_closure(_find_members(group, entries, lock), entries)):
        content.update("".join(entries[name]).encode())
    return content.hexdigest()[:12]


def _find_members(group: str, entries: dict[str, list[str]], lock: Path) -> set[str]:
    for block in entries.get("tidewatch", ()):
        groups = tomllib.loads(block).get("package", {}).get("dev-dependencies", {})
        if group in groups:
            return {member["name"] for member in groups[group]}
    raise LayerNotBuilt(f"{lock} has no dependency group {group}: declare it in pyproject.toml and run `uv lock`")


def _resolve_closure(names: set[str], entries: dict[str, list[str]]) -> set[str]:
    found, todo = set[str](), list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        todo += [
            dependency["name"] for block in entries[name] for dependency in tomllib.loads(block).get("dependencies", ())
        ]
    return found


def _build_zip(group: str, file: Path, root: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Built in a temporary folder and renamed in one step, because another process may be building the same file.
    with tempfile.TemporaryDirectory(prefix=".building-", dir=file.parent) as scratch:
        install_folder, partial_file = Path(scratch) / "installed", Path(scratch) / file.name
        _install(group, install_folder, Path(scratch) / "requirements.txt", root)
        _pack(install_folder, partial_file)
        partial_file.replace(file)


def _install(group: str, target: Path, requirements: Path, root: Path) -> None:
    export_arguments = (
        *("export", "--quiet", "--frozen", "--project", str(root), "--only-group", group),
        *("--no-emit-project", "--no-header", "--no-annotate", "--output-file", str(requirements)),
    )
    install_arguments = (
        *("pip", "install", "--quiet", "--target", str(target), "--requirements", str(requirements)),
        *("--python-version", PYTHON, "--python-platform", PLATFORM, "--only-binary", ":all:"),
        *("--require-hashes", "--no-deps", "--link-mode", "copy"),
    )
    for arguments in (export_arguments, install_arguments):
        command = [_find_uv(root), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)  # nosec B603 # no shell
        if result.returncode:
            raise LayerNotBuilt(
                f"The layer of {group} cannot be built: {result.stderr.strip() or 'uv gave no reason'}. It is made of "
                f"the locked packages for {PLATFORM}, which come from the package index: reach it and try again."
            )


def _find_uv(root: Path) -> str:
    bundled_uv = root / ".venv-uv" / "bin" / "uv"
    executable = shutil.which("uv") or (str(bundled_uv) if os.access(bundled_uv, os.X_OK) else None)
    if executable is None:
        raise LayerNotBuilt(f"uv is neither on PATH nor at {bundled_uv}: run `make install`, or install uv")
    return executable


def _pack(install_folder: Path, file: Path) -> None:
    """Packs the packages where Lambda looks for them. Source: developer guide, "Packaging your layer content"."""
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(_iterate_packaged_files(install_folder), key=str):
            info = zipfile.ZipInfo(f"python/{path}", _EPOCH)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(info, (install_folder / path).read_bytes(), compresslevel=6)


def _iterate_packaged_files(install_folder: Path) -> Iterator[PurePosixPath]:
    for path in install_folder.rglob("*"):
        name = PurePosixPath(path.relative_to(install_folder).as_posix())
        if path.is_file() and not (
            EXCLUDED_FOLDERS & set(name.parts[:-1]) or name.name in EXCLUDED_FILES or name.suffix in EXCLUDED_SUFFIXES
        ):
            yield name


if __name__ == "__main__":
    print(build_layer("drift").relative_to(ROOT))
