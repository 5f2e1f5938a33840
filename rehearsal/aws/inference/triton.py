"""Triton's model repository as SageMaker hosts it: loads model.tar.gz for the FIL or the ONNX Runtime backend.

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

from rehearsal.aws.inference import onnx_model
from rehearsal.aws.inference.lightgbm_c import Booster, ModelFileError
from rehearsal.aws.inference.tensors import DATATYPE_BY_CONFIG, Array, Tensor
from rehearsal.aws.inference.triton_config import ConfigSyntaxError, Message, parse_config

DEFAULT_MODEL = "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME"
CONFIG = "config.pbtxt"
FIL, ONNX = "fil", "onnxruntime"
_PLATFORMS = {"onnxruntime_onnx": ONNX}
"""The backend for a platform, the older field."""


class ModelLoadError(ValueError):
    """Triton would not serve this artifact; the message has the reason."""


class ServedModel(Protocol):
    """A model that Triton serves, with any backend."""

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
    def is_batched(self) -> bool:
        """Whether the batch is the first dimension of each tensor."""
        ...

    def run(self, input_arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, for all inputs by name. Raises OnnxRunError if the backend fails."""
        ...


@dataclass(frozen=True)
class FilModel:
    """A model of the FIL backend: one FP32 input of `feature_count` columns, one FP32 output of `width` columns."""

    name: str
    version: str
    booster: Booster
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_batch: int
    outputs_probabilities: bool
    outputs_class: bool
    threshold: float
    is_batched: bool = True
    backend: str = FIL

    @property
    def feature_count(self) -> int:
        return self.inputs[0].dims[0]

    @property
    def width(self) -> int:
        return self.outputs[0].dims[0]

    def run(self, input_arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {"output__0": self.infer(input_arrays["input__0"])}

    def infer(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """output__0 for the rows of input__0, both FP32: (n, features) -> (n, outputs).

        With predict_proba a binary model returns (P(0), P(1)), with output_class the class, otherwise the raw score.
        """
        scores = self.booster.predict(np.ascontiguousarray(rows, dtype=np.float32)).astype(np.float32)
        if scores.shape[1] > 1:
            return (
                scores
                if not self.outputs_class or self.outputs_probabilities
                else scores.argmax(1)[:, None].astype(np.float32)
            )
        if self.outputs_probabilities:
            return np.concatenate((np.float32(1.0) - scores, scores), axis=1)
        return (scores > self.threshold).astype(np.float32) if self.outputs_class else scores


def load_model(archive: bytes, environment: Mapping[str, str]) -> ServedModel:
    """Loads the model in a model.tar.gz. Raises ModelLoadError with the message of Triton or of SageMaker's wrapper."""
    files = _read_archive(archive)
    if CONFIG in files:
        raise ModelLoadError(f"{CONFIG} lies at the root of the archive; it belongs into the model's folder")
    name = environment.get(DEFAULT_MODEL)
    if not name:
        raise ModelLoadError(f"the container's environment has no {DEFAULT_MODEL}")
    if f"{name}/{CONFIG}" not in files:
        folders = sorted({PurePosixPath(path).parts[0] for path in files if "/" in path})
        raise ModelLoadError(f"the archive has no {name}/{CONFIG}; its folders are {', '.join(folders) or 'none'}")
    try:
        config = parse_config(files[f"{name}/{CONFIG}"].decode())
    except (ConfigSyntaxError, UnicodeDecodeError) as error:
        raise ModelLoadError(f"{name}/{CONFIG} is not a model configuration: {error}") from error
    return _build_model(name, config, files)


def list_models(archive: bytes) -> list[str]:
    """The models of a model.tar.gz, by their folders. Raises ModelLoadError if there is none."""
    files = _read_archive(archive)
    if CONFIG in files:
        raise ModelLoadError(f"{CONFIG} lies at the root of the archive; it belongs into the model's folder")
    found = sorted(
        path.removesuffix(f"/{CONFIG}") for path in files if path.endswith(f"/{CONFIG}") and path.count("/") == 1
    )
    if not found:
        contents = ", ".join(sorted(files)[:5]) or "nothing"
        raise ModelLoadError(f"the archive has no MODEL/{CONFIG}; it holds {contents}")
    return found


def _read_archive(archive: bytes) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            members = [(member.name.removeprefix("./"), tar.extractfile(member)) for member in tar if member.isfile()]
            return {name: content.read() for name, content in members if content is not None}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ModelLoadError(f"it is not a gzipped tar archive: {error}") from error


def _build_model(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    if _read_field(config, "name", name) != name:
        raise ModelLoadError(
            f"the configuration names the model {_read_field(config, 'name', '')!r}, its folder is {name!r}"
        )
    backend = _read_field(config, "backend", None) or _PLATFORMS.get(
        _read_field(config, "platform", ""), _read_field(config, "platform", None)
    )
    if backend == FIL:
        return _load_fil(name, config, files)
    if backend == ONNX:
        return _load_onnx(name, config, files)
    raise ModelLoadError(f"the simulator serves Triton's '{FIL}' and '{ONNX}' backends, not {backend!r}")


def _find_model_file(name: str, config: Message, files: Mapping[str, bytes], default: str) -> tuple[str, str]:
    """The newest version, which Triton serves by default, and the path of its model file."""
    numbers = [parts[1] for path in files if len(parts := path.split("/")) > 2 and parts[0] == name]
    version = max((number for number in numbers if number.isdigit()), key=int, default="1")
    path = f"{name}/{version}/{_read_field(config, 'default_model_filename', default)}"
    if path not in files:
        raise ModelLoadError(f"the archive has no {path}")
    return version, path


def _load_onnx(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    version, path = _find_model_file(name, config, files, "model.onnx")
    inputs, outputs = _parse_tensors(config, "input"), _parse_tensors(config, "output")
    try:
        return onnx_model.load_onnx(
            files[path], name, version, inputs, outputs, int(_read_field(config, "max_batch_size", 0))
        )
    except onnx_model.OnnxLoadError as error:
        raise ModelLoadError(f"{path}: {error}") from error


def _parse_tensors(config: Message, kind: str) -> list[Tensor]:
    found = list(config.get(kind, []))
    if not found:
        raise ModelLoadError(f"the configuration has no {kind}: the simulator does not complete it from the model")
    return [_parse_tensor(message, kind) for message in found]


def _parse_tensor(message: Message, kind: str) -> Tensor:
    name, data_type = _read_field(message, "name", ""), _read_field(message, "data_type", None)
    if data_type not in DATATYPE_BY_CONFIG:
        raise ModelLoadError(
            f"{kind} {name!r} is {data_type}, and the simulator serves {', '.join(sorted(DATATYPE_BY_CONFIG))}"
        )
    if "reshape" in message:
        raise ModelLoadError(f"{kind} {name!r} has a `reshape`, which the simulator does not do")
    return Tensor(name, DATATYPE_BY_CONFIG[data_type], tuple(int(size) for size in message.get("dims", [])))


def _load_fil(name: str, config: Message, files: Mapping[str, bytes]) -> ServedModel:
    feature_count = _read_column_count(config, "input", "input__0")
    width = _read_column_count(config, "output", "output__0")
    parameters = {_read_field(entry, "key", ""): _read_parameter(entry) for entry in config.get("parameters", [])}
    if (kind := parameters.get("model_type")) != "lightgbm":
        raise ModelLoadError(f"the simulator serves model_type 'lightgbm', not {kind!r}")
    version, path = _find_model_file(name, config, files, "model.txt")
    try:
        booster = Booster(files[path].decode())
    except (ModelFileError, UnicodeDecodeError) as error:
        raise ModelLoadError(f"{path} is not a LightGBM model: {error}") from error
    model = FilModel(
        name,
        version,
        booster,
        (Tensor("input__0", "FP32", (feature_count,)),),
        (Tensor("output__0", "FP32", (width,)),),
        int(_read_field(config, "max_batch_size", 0)),
        parameters.get("predict_proba", "false") == "true",
        parameters.get("output_class", "false") == "true",
        float(parameters.get("threshold", "0.5")),
    )
    _check_shapes(model)
    return model


def _check_shapes(model: FilModel) -> None:
    if model.feature_count != model.booster.feature_count:
        raise ModelLoadError(
            f"input__0 has {model.feature_count} columns, the model was trained on {model.booster.feature_count}"
        )
    width = model.infer(np.zeros((1, model.feature_count), dtype=np.float32)).shape[1]
    if width != model.width:
        raise ModelLoadError(f"output__0 has {model.width} columns, the model gives {width}")


def _read_column_count(config: Message, kind: str, name: str) -> int:
    for tensor in config.get(kind, []):
        if _read_field(tensor, "name", None) == name:
            if (datatype := _read_field(tensor, "data_type", None)) != "TYPE_FP32":
                raise ModelLoadError(f"{name} must be TYPE_FP32, not {datatype}")
            dims = tensor.get("dims", [])
            return int(dims[-1]) if dims else 1
    raise ModelLoadError(f"the configuration has no {kind} named {name}")


def _read_field(message: Message, name: str, default: Any) -> Any:
    values = message.get(name)
    return values[-1] if values else default


def _read_parameter(entry: Message) -> str:
    value = _read_field(entry, "value", {})
    return str(_read_field(value, "string_value", ""))


@dataclass
class ModelCache:
    """Loaded models, by the object they came from and the environment they run in."""

    entries: dict[tuple[str, str], ServedModel | ModelLoadError] = field(
        default_factory=dict[tuple[str, str], "ServedModel | ModelLoadError"]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get_model(self, identity: str, archive: bytes, environment: Mapping[str, str]) -> ServedModel:
        """The model of the archive that `identity` names. Raises ModelLoadError, on every call."""
        key = (identity, environment.get(DEFAULT_MODEL, ""))
        with self._lock:
            if key not in self.entries:
                try:
                    self.entries[key] = load_model(archive, environment)
                except ModelLoadError as error:
                    self.entries[key] = error
            found = self.entries[key]
        if isinstance(found, ModelLoadError):
            raise found
        return found
