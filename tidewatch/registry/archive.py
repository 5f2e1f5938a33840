"""Checks that a model.tar.gz has the layout of Triton's FIL backend before it is published."""

from __future__ import annotations

import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from tidewatch.registry.archive_members import read_members
from tidewatch.registry.errors import InvalidArchive

FIL_FRAMEWORKS = frozenset({"lightgbm", "fil"})
_CONFIG_SIZE = 1 << 20
_NAME = re.compile(r'^\s*name:\s*"([^"]*)"', re.MULTILINE)


def require_valid_archive(path: Path, framework: str, model: str) -> None:
    """Raises InvalidArchive unless SageMaker and the framework's server can load `path`.

    Every framework needs a gzipped tar whose members stay within its folder, which `read_members` checks. For FIL
    frameworks the archive's root is the model repository with MODEL/config.pbtxt and MODEL/1/model.txt, where MODEL is
    the registry's model: SageMaker starts the server with that name.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deploy-models-frameworks-triton.html
    """
    if not path.is_file():
        raise InvalidArchive(f"there is no file {path}")
    try:
        files, configured_name = _read_archive(path, model)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise InvalidArchive(
            f"{path} is not a gzipped tar archive ({error}): pack the model with `tar czf model.tar.gz {model}`"
        ) from error
    if framework in FIL_FRAMEWORKS:
        _require_model_repository(files, configured_name, path, model)
    elif not files:
        raise InvalidArchive(f"{path} is an empty archive: put the model's files into it")


def _read_archive(path: Path, model: str) -> tuple[set[str], str | None]:
    """Returns the files of an archive, and the name in the model's configuration, or None."""
    files: set[str] = set()
    configured_name: str | None = None
    for archive, member in read_members(path):
        member_path = str(PurePosixPath(member.name))
        if member.isdir():
            continue
        files.add(member_path)
        if member_path == f"{model}/config.pbtxt" and member.isreg():
            configured_name = _parse_model_name(archive, member)
    return files, configured_name


def _require_model_repository(files: set[str], configured_name: str | None, path: Path, model: str) -> None:
    if "config.pbtxt" in files:
        raise InvalidArchive(
            f"{path} has config.pbtxt at its root, but SageMaker's Triton does not read it there: move it and the "
            f"version's folder into {model}/"
        )
    missing = [f"{model}/{file}" for file in ("config.pbtxt", "1/model.txt") if f"{model}/{file}" not in files]
    if missing:
        raise InvalidArchive(f"{path} lacks {' and '.join(missing)}: it holds {_format_sample(files)}")
    if configured_name not in {None, model}:
        raise InvalidArchive(
            f'{model}/config.pbtxt in {path} has name: "{configured_name}": write "{model}", its folder\'s name'
        )


def _parse_model_name(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str | None:
    content = archive.extractfile(member)
    text = content.read(_CONFIG_SIZE).decode(errors="replace") if content else ""
    found = _NAME.search(text)
    return found.group(1) if found else None


def _format_sample(files: set[str]) -> str:
    sample = sorted(files)[:5]
    return (", ".join(sample) + (" and more" if len(files) > len(sample) else "")) or "nothing"
