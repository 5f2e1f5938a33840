"""Triton's model repository with the FIL backend, as SageMaker hosts it: model.tar.gz to a model that answers.

Source: Triton's "Model Repository" and "Model Configuration" documents, the FIL backend's README, and SageMaker's
"Model Servers: Triton" (layout of model.tar.gz, SAGEMAKER_TRITON_DEFAULT_MODEL_NAME).
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.aws.booster import Booster, ModelFileRefused
from simulator.aws.pbtxt import Message, NotText, parse

DEFAULT_MODEL = "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME"
CONFIG = "config.pbtxt"


class ModelRefused(ValueError):
    """Triton would not serve this artifact; the text says why."""


@dataclass(frozen=True)
class ServedModel:
    """A model that Triton serves: one FP32 input of `features` columns, one FP32 output of `outputs` columns."""

    name: str
    booster: Booster
    features: int
    outputs: int
    max_batch: int
    probabilities: bool
    classes: bool
    threshold: float

    def infer(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """output__0 for the rows of input__0, both FP32: (n, features) -> (n, outputs).

        With predict_proba a binary model answers (P(0), P(1)); with output_class the class; else the plain score.
        """
        scores = self.booster.predict(np.ascontiguousarray(rows, dtype=np.float32)).astype(np.float32)
        if scores.shape[1] > 1:
            return scores if not self.classes or self.probabilities else scores.argmax(1)[:, None].astype(np.float32)
        if self.probabilities:
            return np.concatenate((np.float32(1.0) - scores, scores), axis=1)
        return (scores > self.threshold).astype(np.float32) if self.classes else scores


def load(archive: bytes, environment: Mapping[str, str]) -> ServedModel:
    """The model in a model.tar.gz. Raises ModelRefused with what Triton, or SageMaker's wrapper, minds."""
    files = _files(archive)
    if CONFIG in files:
        raise ModelRefused(f"{CONFIG} lies at the root of model.tar.gz; it belongs into the model's folder")
    name = environment.get(DEFAULT_MODEL)
    if not name:
        raise ModelRefused(f"the container's environment has no {DEFAULT_MODEL}")
    if f"{name}/{CONFIG}" not in files:
        folders = sorted({PurePosixPath(path).parts[0] for path in files if "/" in path})
        raise ModelRefused(f"model.tar.gz has no {name}/{CONFIG}; its folders are {', '.join(folders) or 'none'}")
    try:
        config = parse(files[f"{name}/{CONFIG}"].decode())
    except (NotText, UnicodeDecodeError) as wrong:
        raise ModelRefused(f"{name}/{CONFIG} is not a model configuration: {wrong}") from wrong
    return _served(name, config, files)


def _files(archive: bytes) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            members = [(member.name.removeprefix("./"), tar.extractfile(member)) for member in tar if member.isfile()]
            return {name: content.read() for name, content in members if content is not None}
    except (tarfile.TarError, OSError, EOFError) as wrong:
        raise ModelRefused(f"model.tar.gz is not a gzipped tar archive: {wrong}") from wrong


def _served(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    if _one(config, "name", name) != name:
        raise ModelRefused(f"the configuration names the model {_one(config, 'name', '')!r}, its folder is {name!r}")
    if (backend := _one(config, "backend", None)) != "fil":
        raise ModelRefused(f"the simulator serves Triton's 'fil' backend, not {backend!r}")
    features = _tensor(config, "input", "input__0")
    outputs = _tensor(config, "output", "output__0")
    parameters = {_one(entry, "key", ""): _parameter(entry) for entry in config.get("parameters", [])}
    if (kind := parameters.get("model_type")) != "lightgbm":
        raise ModelRefused(f"the simulator serves model_type 'lightgbm', not {kind!r}")
    version = f"{name}/1/{_one(config, 'default_model_filename', 'model.txt')}"
    if version not in files:
        raise ModelRefused(f"model.tar.gz has no {version}")
    try:
        booster = Booster(files[version].decode())
    except (ModelFileRefused, UnicodeDecodeError) as wrong:
        raise ModelRefused(f"{version} is not a LightGBM model: {wrong}") from wrong
    served = ServedModel(
        name,
        booster,
        features,
        outputs,
        int(_one(config, "max_batch_size", 0)),
        parameters.get("predict_proba", "false") == "true",
        parameters.get("output_class", "false") == "true",
        float(parameters.get("threshold", "0.5")),
    )
    _check_shapes(served)
    return served


def _check_shapes(model: ServedModel) -> None:
    if model.features != model.booster.features:
        raise ModelRefused(f"input__0 has {model.features} columns, the model was trained on {model.booster.features}")
    width = model.infer(np.zeros((1, model.features), dtype=np.float32)).shape[1]
    if width != model.outputs:
        raise ModelRefused(f"output__0 has {model.outputs} columns, the model gives {width}")


def _tensor(config: Message, kind: str, name: str) -> int:
    for tensor in config.get(kind, []):
        if _one(tensor, "name", None) == name:
            if (datatype := _one(tensor, "data_type", None)) != "TYPE_FP32":
                raise ModelRefused(f"{name} must be TYPE_FP32, not {datatype}")
            dims = tensor.get("dims", [])
            return int(dims[-1]) if dims else 1
    raise ModelRefused(f"the configuration has no {kind} named {name}")


def _one(message: Message, name: str, default: Any) -> Any:
    values = message.get(name)
    return values[-1] if values else default


def _parameter(entry: Message) -> str:
    value = _one(entry, "value", {})
    return str(_one(value, "string_value", ""))


@dataclass
class ModelRepository:
    """Loaded models, by the object they came from and the environment they run in."""

    loaded: dict[tuple[str, str], ServedModel | ModelRefused] = field(
        default_factory=dict[tuple[str, str], "ServedModel | ModelRefused"]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def model(self, identity: str, archive: bytes, environment: Mapping[str, str]) -> ServedModel:
        """The model of an archive that `identity` names. Raises ModelRefused, each time it is asked."""
        key = (identity, environment.get(DEFAULT_MODEL, ""))
        with self._lock:
            if key not in self.loaded:
                try:
                    self.loaded[key] = load(archive, environment)
                except ModelRefused as refused:
                    self.loaded[key] = refused
            found = self.loaded[key]
        if isinstance(found, ModelRefused):
            raise found
        return found
