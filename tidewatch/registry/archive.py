"""The layout that Triton's FIL backend expects of a model.tar.gz, checked before it is published."""

from __future__ import annotations

import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from tidewatch.registry.errors import InvalidArchive
from tidewatch.registry.members import members

FIL_FRAMEWORKS = frozenset({"lightgbm", "fil"})
_CONFIG_SIZE = 1 << 20
_NAME = re.compile(r'^\s*name:\s*"([^"]*)"', re.MULTILINE)


def check_archive(path: Path, framework: str, model: str) -> None:
    """Raises InvalidArchive with a sentence unless SageMaker and the framework's server can load `path`.

    Every framework needs a gzipped tar whose members stay within its folder, as `members` has it. For FIL frameworks
    the archive's root is the model repository, and holds MODEL/config.pbtxt and MODEL/1/model.txt, MODEL being the
    registry's model: SageMaker starts the server with that name.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deploy-models-frameworks-triton.html
    """
    if not path.is_file():
        raise InvalidArchive(f"there is no file {path}")
    try:
        files, named = _read(path, model)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise InvalidArchive(
            f"{path} is not a gzipped tar archive ({error}): pack the model with `tar czf model.tar.gz {model}`"
        ) from error
    if framework in FIL_FRAMEWORKS:
        _check_repository(files, named, path, model)
    elif not files:
        raise InvalidArchive(f"{path} is an empty archive: put the model's files into it")


def _read(path: Path, model: str) -> tuple[set[str], str | None]:
    """The files of an archive, and the name that the model's configuration in it says."""
    files: set[str] = set()
    named: str | None = None
    for archive, member in members(path):
        place = str(PurePosixPath(member.name))
        if member.isdir():
            continue
        files.add(place)
        if place == f"{model}/config.pbtxt" and member.isreg():
            named = _declared_name(archive, member)
    return files, named


def _check_repository(files: set[str], named: str | None, path: Path, model: str) -> None:
    if "config.pbtxt" in files:
        raise InvalidArchive(
            f"{path} has config.pbtxt at its root, where SageMaker's Triton does not look: "
            f"move it and the version's folder into {model}/"
        )
    missing = [f"{model}/{file}" for file in ("config.pbtxt", "1/model.txt") if f"{model}/{file}" not in files]
    if missing:
        raise InvalidArchive(f"{path} lacks {' and '.join(missing)}: it holds {_some(files)}")
    if named not in {None, model}:
        raise InvalidArchive(
            f'{model}/config.pbtxt in {path} says name: "{named}": write "{model}", its folder\'s name'
        )


def _declared_name(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str | None:
    content = archive.extractfile(member)
    text = content.read(_CONFIG_SIZE).decode(errors="replace") if content else ""
    found = _NAME.search(text)
    return found.group(1) if found else None


def _some(files: set[str]) -> str:
    shown = sorted(files)[:5]
    return (", ".join(shown) + (" and more" if len(files) > len(shown) else "")) or "nothing"
