"""Triton's model repository as SageMaker hosts it: model.tar.gz to a model that answers, of the FIL backend or of ONNX
Runtime's.

Source: Triton's "Model Repository" and "Model Configuration" documents, the backends' READMEs, and SageMaker's "Model
Servers: Triton" (layout of model.tar.gz, SAGEMAKER_TRITON_DEFAULT_MODEL_NAME).
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from simulator.aws import onnx_model
from simulator.aws.booster import Booster, ModelFileRefused
from simulator.aws.pbtxt import Message, NotText, parse
from simulator.aws.tensors import CONFIGURED, Array, Tensor

DEFAULT_MODEL = "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME"
CONFIG = "config.pbtxt"
FIL, ONNX = "fil", "onnxruntime"
_PLATFORMS = {"onnxruntime_onnx": ONNX}
"""The backend that a platform means, the older way to name one."""


class ModelRefused(ValueError):
    """Triton would not serve this artifact; the text says why."""


class ServedModel(Protocol):
    """A model that Triton serves, whatever its backend. batched: whether the batch is each tensor's first dimension."""

    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def inputs(self) -> tuple[Tensor, ...]: ...
    @property
    def outputs(self) -> tuple[Tensor, ...]: ...
    @property
    def max_batch(self) -> int: ...
    @property
    def batched(self) -> bool: ...

    def run(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, for all inputs by name. Raises OnnxFailed where the backend fails."""
        ...


@dataclass(frozen=True)
class FilModel:
    """A model of the FIL backend: one FP32 input of `features` columns, one FP32 output of `width` columns."""

    name: str
    version: str
    booster: Booster
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_batch: int
    probabilities: bool
    classes: bool
    threshold: float
    batched: bool = True
    backend: str = FIL

    @property
    def features(self) -> int:
        return self.inputs[0].dims[0]

    @property
    def width(self) -> int:
        return self.outputs[0].dims[0]

    def run(self, given: Mapping[str, Array]) -> dict[str, Array]:
        return {"output__0": self.infer(given["input__0"])}

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
        raise ModelRefused(f"{CONFIG} lies at the root of the archive; it belongs into the model's folder")
    name = environment.get(DEFAULT_MODEL)
    if not name:
        raise ModelRefused(f"the container's environment has no {DEFAULT_MODEL}")
    if f"{name}/{CONFIG}" not in files:
        folders = sorted({PurePosixPath(path).parts[0] for path in files if "/" in path})
        raise ModelRefused(f"the archive has no {name}/{CONFIG}; its folders are {', '.join(folders) or 'none'}")
    try:
        config = parse(files[f"{name}/{CONFIG}"].decode())
    except (NotText, UnicodeDecodeError) as wrong:
        raise ModelRefused(f"{name}/{CONFIG} is not a model configuration: {wrong}") from wrong
    return _served(name, config, files)


def models(archive: bytes) -> list[str]:
    """The models of a model.tar.gz by their folders. Raises ModelRefused where there is none."""
    files = _files(archive)
    if CONFIG in files:
        raise ModelRefused(f"{CONFIG} lies at the root of the archive; it belongs into the model's folder")
    found = sorted(
        path.removesuffix(f"/{CONFIG}") for path in files if path.endswith(f"/{CONFIG}") and path.count("/") == 1
    )
    if not found:
        held = ", ".join(sorted(files)[:5]) or "nothing"
        raise ModelRefused(f"the archive has no MODEL/{CONFIG}; it holds {held}")
    return found


def _files(archive: bytes) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            members = [(member.name.removeprefix("./"), tar.extractfile(member)) for member in tar if member.isfile()]
            return {name: content.read() for name, content in members if content is not None}
    except (tarfile.TarError, OSError, EOFError) as wrong:
        raise ModelRefused(f"it is not a gzipped tar archive: {wrong}") from wrong


def _served(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    if _one(config, "name", name) != name:
        raise ModelRefused(f"the configuration names the model {_one(config, 'name', '')!r}, its folder is {name!r}")
    backend = _one(config, "backend", None) or _PLATFORMS.get(
        _one(config, "platform", ""), _one(config, "platform", None)
    )
    if backend == FIL:
        return _fil(name, config, files)
    if backend == ONNX:
        return _onnx(name, config, files)
    raise ModelRefused(f"the simulator serves Triton's '{FIL}' and '{ONNX}' backends, not {backend!r}")


def _file(name: str, config: Message, files: Mapping[str, bytes], usual: str) -> tuple[str, str]:
    """The newest version, which Triton serves unless a policy says otherwise, and the path of its model file."""
    numbers = [parts[1] for path in files if len(parts := path.split("/")) > 2 and parts[0] == name]
    version = max((each for each in numbers if each.isdigit()), key=int, default="1")
    path = f"{name}/{version}/{_one(config, 'default_model_filename', usual)}"
    if path not in files:
        raise ModelRefused(f"the archive has no {path}")
    return version, path


def _onnx(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    version, path = _file(name, config, files, "model.onnx")
    inputs, outputs = _tensors(config, "input"), _tensors(config, "output")
    try:
        return onnx_model.load(files[path], name, version, inputs, outputs, int(_one(config, "max_batch_size", 0)))
    except onnx_model.OnnxRefused as wrong:
        raise ModelRefused(f"{path}: {wrong}") from wrong


def _tensors(config: Message, kind: str) -> list[Tensor]:
    found = list(config.get(kind, []))
    if not found:
        raise ModelRefused(f"the configuration has no {kind}: the simulator does not complete it from the model")
    return [_described(one, kind) for one in found]


def _described(message: Message, kind: str) -> Tensor:
    name, said = _one(message, "name", ""), _one(message, "data_type", None)
    if said not in CONFIGURED:
        raise ModelRefused(f"{kind} {name!r} is {said}, and the simulator serves {', '.join(sorted(CONFIGURED))}")
    if "reshape" in message:
        raise ModelRefused(f"{kind} {name!r} has a `reshape`, which the simulator does not do")
    return Tensor(name, CONFIGURED[said], tuple(int(each) for each in message.get("dims", [])))


def _fil(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    features = _tensor(config, "input", "input__0")
    width = _tensor(config, "output", "output__0")
    parameters = {_one(entry, "key", ""): _parameter(entry) for entry in config.get("parameters", [])}
    if (kind := parameters.get("model_type")) != "lightgbm":
        raise ModelRefused(f"the simulator serves model_type 'lightgbm', not {kind!r}")
    version, path = _file(name, config, files, "model.txt")
    try:
        booster = Booster(files[path].decode())
    except (ModelFileRefused, UnicodeDecodeError) as wrong:
        raise ModelRefused(f"{path} is not a LightGBM model: {wrong}") from wrong
    served = FilModel(
        name,
        version,
        booster,
        (Tensor("input__0", "FP32", (features,)),),
        (Tensor("output__0", "FP32", (width,)),),
        int(_one(config, "max_batch_size", 0)),
        parameters.get("predict_proba", "false") == "true",
        parameters.get("output_class", "false") == "true",
        float(parameters.get("threshold", "0.5")),
    )
    _check_shapes(served)
    return served


def _check_shapes(model: FilModel) -> None:
    if model.features != model.booster.features:
        raise ModelRefused(f"input__0 has {model.features} columns, the model was trained on {model.booster.features}")
    width = model.infer(np.zeros((1, model.features), dtype=np.float32)).shape[1]
    if width != model.width:
        raise ModelRefused(f"output__0 has {model.width} columns, the model gives {width}")


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
