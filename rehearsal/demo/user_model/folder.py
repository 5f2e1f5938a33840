"""Reads and checks a user's whole folder before anything starts; each problem is a sentence with its remedy."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rehearsal.aws.inference import triton
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.user_model import defaults, requests, stack_config
from rehearsal.demo.user_model.errors import InvalidUserFolder
from rehearsal.demo.user_model.workload import UserFiles, UserWorkload
from rehearsal.demo.workload import FIRST_VERSION, SECOND_VERSION
from stacks.config.yaml_parser import InvalidYaml, parse_yaml
from tidewatch.drift.errors import DriftError
from tidewatch.drift.reference import decode_reference
from tidewatch.registry import ModelDescription, RegistryError, parse_description, require_valid_archive

ARTIFACT, CHALLENGER = "model.tar.gz", "challenger.tar.gz"
REFERENCE, LINEAGE, CARD = "reference.json", "lineage.json", "card.md"
GUIDE = "docs/rehearsing-your-own.md"
FRAMEWORK_BY_BACKEND = {triton.FIL: "lightgbm", triton.ONNX: "onnx"}
"""The framework that a generated lineage names, by Triton backend."""


def read_user_folder(folder: Path, root: Path) -> UserWorkload:
    """Reads `folder` for a rehearsal of the checkout `root`. Raises InvalidUserFolder."""
    try:
        return _read_folder(folder.resolve(), root)
    except OSError as error:
        raise InvalidUserFolder(
            f"cannot read {error.filename or folder}: {(error.strerror or str(error)).lower()}"
        ) from error


def _read_folder(folder: Path, root: Path) -> UserWorkload:
    files = _find_files(folder, root)
    try:
        reference = decode_reference(files.reference.read_bytes(), str(files.reference))
        description = _read_description(files.lineage) if files.lineage else None
    except (DriftError, RegistryError) as wrong:
        raise InvalidUserFolder(str(wrong)) from wrong
    name = _read_model_name(files.artifact)
    stack = stack_config.read_stack_config(folder, root, name)
    model = _load_model(files.artifact, name, description)
    user_requests = requests.read_requests(files.requests, model, reference)
    requests.require_model_answers(model, files.artifact, user_requests)
    requests.require_reference_columns(reference, user_requests)
    if files.challenger is None:
        _require_repackable(files.artifact, name, description)
        challenger_model = model
    else:
        challenger_model = _load_challenger(files.challenger, files.artifact, name, description, user_requests)
    return UserWorkload(
        name,
        files,
        stack,
        reference,
        [located.request for located in user_requests],
        {
            FIRST_VERSION: FRAMEWORK_BY_BACKEND[model.backend],
            SECOND_VERSION: FRAMEWORK_BY_BACKEND[challenger_model.backend],
        },
        description is not None and description.image is not None,
    )


def _find_files(folder: Path, root: Path) -> UserFiles:
    if not folder.is_dir():
        raise InvalidUserFolder(f"there is no folder {folder}: {GUIDE} describes how to make one")
    paths = RehearsalPaths.of(root).folder.resolve()
    if folder == paths or paths in folder.parents:
        raise InvalidUserFolder(f"{folder} is in {paths}, which every rehearsal empties: move it elsewhere")
    missing = [name for name in (ARTIFACT, REFERENCE) if not (folder / name).is_file()]
    request_sources = [name for name in requests.REQUEST_NAMES if (folder / name).exists()]
    if not request_sources:
        missing.append(
            f"requests ({', '.join(requests.REQUEST_NAMES[:-1])} or the folder {requests.REQUEST_NAMES[-1]})"
        )
    if missing:
        raise InvalidUserFolder(f"{folder} lacks {' and '.join(missing)}: {GUIDE} describes how to make each")
    if len(request_sources) > 1:
        raise InvalidUserFolder(f"{folder} holds {' and '.join(request_sources)}: keep the one to replay")

    def find_optional(name: str) -> Path | None:
        return folder / name if (folder / name).is_file() else None

    challenger, lineage, card = (find_optional(name) for name in (CHALLENGER, LINEAGE, CARD))
    return UserFiles(folder / ARTIFACT, folder / REFERENCE, folder / request_sources[0], challenger, lineage, card)


def _read_description(path: Path) -> ModelDescription:
    try:
        value: Any = parse_yaml(path.read_text(), YAML(typ="safe", pure=True))  # JSON is YAML
    except (UnicodeDecodeError, InvalidYaml) as wrong:
        raise InvalidUserFolder(f"{path} is neither JSON nor YAML: {wrong}") from wrong
    return parse_description(value, str(path))


def _read_model_name(artifact: Path) -> str:
    """The model's name: the name of the folder in the archive."""
    try:
        names = triton.list_models(artifact.read_bytes())
    except triton.ModelLoadError as refused:
        raise InvalidUserFolder(f"{artifact}: {refused}; Triton's layout is in {GUIDE}") from refused
    if len(names) != 1:
        raise InvalidUserFolder(
            f"{artifact} holds the models {', '.join(names)}, but a version has one model: pack one of them"
        )
    return names[0]


def _load_model(artifact: Path, name: str, description: ModelDescription | None) -> triton.ServedModel:
    """Loads the model as it will be served, with the checks of `tidewatch publish`."""
    try:
        model = triton.load_model(artifact.read_bytes(), {triton.DEFAULT_MODEL: name})
        require_valid_archive(
            artifact, description.framework if description else FRAMEWORK_BY_BACKEND[model.backend], name
        )
    except triton.ModelLoadError as refused:
        raise InvalidUserFolder(f"{artifact}: {refused}; Triton's layout is in {GUIDE}") from refused
    except RegistryError as wrong:
        raise InvalidUserFolder(str(wrong)) from wrong
    return model


def _require_repackable(artifact: Path, name: str, description: ModelDescription | None) -> None:
    """Repacks the artifact as a trial, so that an error appears now and not in the middle of the demo."""
    with tempfile.TemporaryDirectory() as folder:
        repacked = Path(folder) / CHALLENGER
        try:
            defaults.repack_model(artifact, name, repacked)
            _load_model(repacked, name, description)
        except (InvalidUserFolder, RegistryError, tarfile.TarError) as wrong:
            raise InvalidUserFolder(
                f"{artifact} cannot be packed again with an extra file, as the canary: {wrong}. Add a {CHALLENGER}"
            ) from wrong


def _load_challenger(
    challenger: Path,
    artifact: Path,
    name: str,
    description: ModelDescription | None,
    user_requests: list[requests.LocatedRequest],
) -> triton.ServedModel:  # fmt: skip
    if defaults.hash_file(challenger) == defaults.hash_file(artifact):
        raise InvalidUserFolder(
            f"{challenger} is identical to {artifact.name}: remove it, and a copy becomes the canary"
        )
    if (other := _read_model_name(challenger)) != name:
        raise InvalidUserFolder(
            f"{challenger} holds {other}/, and {artifact.name} {name}/: both must be versions of one model"
        )
    model = _load_model(challenger, name, description)
    requests.require_model_answers(model, challenger, user_requests)
    return model
