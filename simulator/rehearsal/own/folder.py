"""A user's folder, read whole before anything starts: what is wrong with it is one sentence that tells what to do."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from simulator.aws import triton
from simulator.rehearsal.home import Home
from simulator.rehearsal.material import FIRST, SECOND
from simulator.rehearsal.own import made, requests, stackfile
from simulator.rehearsal.own.material import Files, Own
from simulator.rehearsal.own.refusal import OwnRefused
from stacks.written import NotYaml, parsed
from tidewatch.drift.errors import DriftError
from tidewatch.drift.reference import decode
from tidewatch.registry import Description, RegistryError, describe
from tidewatch.registry.archive import check_archive

ARTIFACT, CHALLENGER = "model.tar.gz", "challenger.tar.gz"
REFERENCE, LINEAGE, CARD = "reference.json", "lineage.json", "card.md"
GUIDE = "docs/rehearsing-your-own.md"
FRAMEWORKS = {triton.FIL: "lightgbm", triton.ONNX: "onnx"}
"""What a lineage that is made calls the framework of a backend's models."""


def read(folder: Path, root: Path) -> Own:
    """What is in `folder`, for a rehearsal of the checkout `root`. Raises OwnRefused."""
    try:
        return _read(folder.resolve(), root)
    except OSError as error:
        raise OwnRefused(f"cannot read {error.filename or folder}: {(error.strerror or str(error)).lower()}") from error


def _read(folder: Path, root: Path) -> Own:
    files = _files(folder, root)
    try:
        reference = decode(files.reference.read_bytes(), str(files.reference))
        description = _description(files.lineage) if files.lineage else None
    except (DriftError, RegistryError) as wrong:
        raise OwnRefused(str(wrong)) from wrong
    name = _name(files.artifact)
    stack = stackfile.read(folder, root, name)
    model = _model(files.artifact, name, description)
    asked = requests.read(files.requests, model, reference)
    requests.refuse_what_the_model_refuses(model, files.artifact, asked)
    requests.refuse_what_drift_would_not_count(reference, asked)
    if files.challenger is None:
        _check_second(files.artifact, name, description)
        second = model
    else:
        second = _challenger(files.challenger, files.artifact, name, description, asked)
    return Own(
        name, files, stack, reference, [one.request for one in asked],
        {FIRST: FRAMEWORKS[model.backend], SECOND: FRAMEWORKS[second.backend]},
        description is not None and description.image is not None,
    )  # fmt: skip


def _files(folder: Path, root: Path) -> Files:
    if not folder.is_dir():
        raise OwnRefused(f"there is no folder {folder}: make one as {GUIDE} says")
    home = Home.of(root).folder.resolve()
    if folder == home or home in folder.parents:
        raise OwnRefused(f"{folder} lies in {home}, which every rehearsal empties: put it elsewhere")
    missing = [name for name in (ARTIFACT, REFERENCE) if not (folder / name).is_file()]
    there = [name for name in requests.NAMES if (folder / name).exists()]
    if not there:
        missing.append(f"requests ({', '.join(requests.NAMES[:-1])} or the folder {requests.NAMES[-1]})")
    if missing:
        raise OwnRefused(f"{folder} lacks {' and '.join(missing)}: {GUIDE} says how each is made")
    if len(there) > 1:
        raise OwnRefused(f"{folder} holds {' and '.join(there)}: keep the one whose requests are to be replayed")

    def optional(name: str) -> Path | None:
        return folder / name if (folder / name).is_file() else None

    challenger, lineage, card = (optional(name) for name in (CHALLENGER, LINEAGE, CARD))
    return Files(folder / ARTIFACT, folder / REFERENCE, folder / there[0], challenger, lineage, card)


def _description(path: Path) -> Description:
    try:
        value: Any = parsed(path.read_text(), YAML(typ="safe", pure=True))  # JSON is YAML
    except (UnicodeDecodeError, NotYaml) as wrong:
        raise OwnRefused(f"{path} is neither JSON nor YAML: {wrong}") from wrong
    return describe(value, str(path))


def _name(artifact: Path) -> str:
    """The model's name: that of the folder in the archive."""
    try:
        names = triton.models(artifact.read_bytes())
    except triton.ModelRefused as refused:
        raise OwnRefused(f"{artifact}: {refused}; Triton's layout is in {GUIDE}") from refused
    if len(names) != 1:
        raise OwnRefused(f"{artifact} holds the models {', '.join(names)}, and a version is one: pack one of them")
    return names[0]


def _model(artifact: Path, name: str, description: Description | None) -> triton.ServedModel:
    """The model as it will be served, held to what `tidewatch publish` asks of it."""
    try:
        model = triton.load(artifact.read_bytes(), {triton.DEFAULT_MODEL: name})
        check_archive(artifact, description.framework if description else FRAMEWORKS[model.backend], name)
    except triton.ModelRefused as refused:
        raise OwnRefused(f"{artifact}: {refused}; Triton's layout is in {GUIDE}") from refused
    except RegistryError as wrong:
        raise OwnRefused(str(wrong)) from wrong
    return model


def _check_second(artifact: Path, name: str, description: Description | None) -> None:
    """The archive that will be made of the artifact, tried here: the story would find out in its middle."""
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / CHALLENGER
        try:
            made.same_again(artifact, name, again)
            _model(again, name, description)
        except (OwnRefused, RegistryError, tarfile.TarError) as wrong:
            raise OwnRefused(
                f"{artifact} cannot be packed again with one file more, as the canary: {wrong}. Bring a {CHALLENGER}"
            ) from wrong


def _challenger(
    challenger: Path, artifact: Path, name: str, description: Description | None, asked: list[requests.Placed]
) -> triton.ServedModel:  # fmt: skip
    if made.digest(challenger) == made.digest(artifact):
        raise OwnRefused(f"{challenger} is {artifact.name} to the byte: leave it out, and a copy is the canary")
    if (other := _name(challenger)) != name:
        raise OwnRefused(f"{challenger} holds {other}/, and {artifact.name} {name}/: both are versions of one model")
    model = _model(challenger, name, description)
    requests.refuse_what_the_model_refuses(model, challenger, asked)
    return model
