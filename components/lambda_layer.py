"""The layer with the third-party packages that a function imports, built reproducibly from the lock file.

`uv export` lists the locked packages, and `uv pip install` fetches them by their hashes. `make install` runs this
module, which builds what is missing. An `up` after that needs neither uv nor the package index: the export is kept
under a hash of uv.lock, and the layer under a hash of the export.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
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


class LayerNotBuilt(RuntimeError):
    """A layer is missing and cannot be built. The message explains what to do."""


def build_layer(purpose: str, root: Path = ROOT) -> Path:
    """Returns the zip file of the dependency group `{purpose}-layer`; builds it from uv.lock if it does not exist.

    The file's name contains a hash of the locked packages, so an edited lock file gives another file. Raises
    LayerNotBuilt.
    """
    requirements = export_requirements(f"{purpose}-layer", root)
    file = requirements.with_name(f"{purpose}-{compute_digest(requirements)}.zip")
    if not file.is_file():
        _write_whole(file, lambda scratch: _build_zip(requirements, scratch, root))
    return file


def export_requirements(group: str, root: Path = ROOT) -> Path:
    """Returns the file with the locked versions of a dependency group and their hashes, as uv exports them.

    Raises LayerNotBuilt.
    """
    lock_digest = hashlib.sha256((root / "uv.lock").read_bytes()).hexdigest()[:12]
    file = root / "build" / "layers" / f"{group}-{lock_digest}.txt"
    if not file.is_file():
        _write_whole(file, lambda scratch: _export(group, scratch, root))
    return file


def compute_digest(requirements: Path) -> str:
    """Returns 12 hex digits that identify a layer: a hash of its locked requirements and of how they are packed."""
    recipe = [PYTHON, PLATFORM, *(sorted(names) for names in (EXCLUDED_FOLDERS, EXCLUDED_FILES, EXCLUDED_SUFFIXES))]
    return hashlib.sha256(repr(recipe).encode() + requirements.read_bytes()).hexdigest()[:12]


def _write_whole(file: Path, create: Callable[[Path], Path]) -> None:
    """Creates a file whole or not at all; `create` gets a temporary folder and returns the file in it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Built in a temporary folder and renamed in one step, because another process may be building the same file.
    with tempfile.TemporaryDirectory(prefix=".building-", dir=file.parent) as scratch:
        create(Path(scratch)).replace(file)


def _export(group: str, scratch: Path, root: Path) -> Path:
    file = scratch / "requirements.txt"
    arguments = (
        *("export", "--quiet", "--frozen", "--offline", "--project", str(root), "--only-group", group),
        *("--no-emit-project", "--no-header", "--no-annotate", "--output-file", str(file)),
    )
    if error := _run_uv(arguments, root):
        raise LayerNotBuilt(
            f"The locked packages of {group} cannot be listed: {error}. Declare the dependency group in "
            "pyproject.toml, run `uv lock`, and try again."
        )
    return file


def _build_zip(requirements: Path, scratch: Path, root: Path) -> Path:
    install_folder, file = scratch / "installed", scratch / "layer.zip"
    arguments = (
        *("pip", "install", "--quiet", "--target", str(install_folder), "--requirements", str(requirements)),
        *("--python-version", PYTHON, "--python-platform", PLATFORM, "--only-binary", ":all:"),
        *("--require-hashes", "--no-deps", "--link-mode", "copy"),
    )
    if error := _run_uv(arguments, root):
        raise LayerNotBuilt(
            f"The layer of {requirements.stem} cannot be built: {error}. It needs the locked packages "
            f"for {PLATFORM} from the package index: connect to the index and try again."
        )
    _pack(install_folder, file)
    return file


def _run_uv(arguments: tuple[str, ...], root: Path) -> str:
    """Why uv failed; "" where it did not."""
    command = [_find_uv(root), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)  # nosec B603 # no shell
    return (result.stderr.strip() or "uv gave no reason") if result.returncode else ""


def _find_uv(root: Path) -> str:
    """The uv that `make install` brought, which is of the locked version, or the one on PATH."""
    bundled_uv = root / ".venv-uv" / "bin" / "uv"
    executable = str(bundled_uv) if os.access(bundled_uv, os.X_OK) else shutil.which("uv")
    if executable is None:
        raise LayerNotBuilt(f"uv is neither at {bundled_uv} nor on PATH: run `make install`, or install uv")
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
