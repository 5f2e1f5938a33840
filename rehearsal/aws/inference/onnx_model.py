"""Triton's ONNX Runtime backend: runs a model.onnx with ONNX Runtime on the CPU.

Source: the backend's README and "Model Configuration" of Triton; its checks of a configuration against its model. The
package is slow to import and is therefore imported with the first such model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.aws.inference.tensors import BYTES, NUMPY, Array, Tensor, format_shape, is_compatible_shape

DATATYPES = {
    "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16", "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64", "tensor(int8)": "INT8", "tensor(int16)": "INT16", "tensor(int32)": "INT32",
    "tensor(int64)": "INT64", "tensor(float)": "FP32", "tensor(double)": "FP64", "tensor(string)": BYTES,
}  # fmt: skip
"""The datatype of an ONNX tensor."""
_LOG_SEVERITY_FATAL = 4
"""Log severity of ONNX Runtime: its errors are raised anyway."""


class OnnxLoadError(ValueError):
    """The backend would not load the model; the message has the reason."""


class OnnxRunError(RuntimeError):
    """ONNX Runtime could not run the model on these inputs; the message is its own."""


@dataclass(frozen=True)
class OnnxModel:
    """A loaded ONNX model, with the inputs and outputs of its configuration. Several threads may run it at once."""

    name: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_batch: int
    session: Any
    backend: str = "onnxruntime"

    @property
    def is_batched(self) -> bool:
        """Whether the first dimension of every tensor is the batch."""
        return self.max_batch > 0

    def run(self, input_arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The configured outputs, by name. Raises OnnxRunError."""
        names = [output.name for output in self.outputs]
        try:
            return dict(zip(names, self.session.run(names, dict(input_arrays)), strict=True))
        except Exception as error:  # ONNX Runtime has an exception class for each of its codes, without a common base
            raise OnnxRunError(f"onnx runtime error: {error}") from error


def load_onnx(
    content: bytes, name: str, version: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], max_batch: int
) -> OnnxModel:
    """Loads model.onnx and checks it against its configuration. Raises OnnxLoadError."""
    session = _create_session(content)
    provided_inputs, provided_outputs = list(session.get_inputs()), list(session.get_outputs())
    if len(inputs) != len(provided_inputs):
        raise OnnxLoadError(
            f"unable to load model '{name}', configuration expects {len(inputs)} inputs, model provides "
            f"{len(provided_inputs)}: {_format_names(provided_inputs)}"
        )
    is_batched = max_batch > 0
    for kind, configured, provided in (("input", inputs, provided_inputs), ("output", outputs, provided_outputs)):
        provided_by_name = {provided_tensor.name: provided_tensor for provided_tensor in provided}
        for tensor in configured:
            if tensor.name not in provided_by_name:
                raise OnnxLoadError(
                    f"unexpected inference {kind} '{tensor.name}', allowed {kind}s are: {_format_names(provided)}"
                )
            _check_tensor(name, kind, tensor, provided_by_name[tensor.name], is_batched)
    return OnnxModel(name, version, tuple(inputs), tuple(outputs), max_batch, session)


def _create_session(content: bytes) -> Any:
    try:
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs] # slow to import
    except ImportError as error:
        raise OnnxLoadError("ONNX Runtime is not installed; install the project's `rehearsal` dependencies") from error
    runtime: Any = onnxruntime
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_SEVERITY_FATAL
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # see OnnxModel.run
        raise OnnxLoadError(f"ONNX Runtime does not load it: {error}") from error


def _check_tensor(name: str, kind: str, tensor: Tensor, provided: Any, is_batched: bool) -> None:
    """Checks one tensor of the configuration against the model's own."""
    if not provided.type.startswith("tensor("):
        raise OnnxLoadError(
            f"{kind} '{tensor.name}' is a {provided.type}, and Triton serves tensors only: export the model without it "
            "(skl2onnx: options={'zipmap': False})"
        )
    datatype = DATATYPES.get(provided.type)
    if datatype is None or datatype not in (*NUMPY, BYTES):
        raise OnnxLoadError(f"{kind} '{tensor.name}' is a {provided.type}, which the simulator does not serve")
    if datatype != tensor.datatype:
        raise OnnxLoadError(
            f"unable to load model '{name}', configuration expects datatype "
            f"{_format_datatype(tensor.datatype)} for {kind} "
            f"'{tensor.name}', model provides {_format_datatype(datatype)}"
        )
    shape = [size if isinstance(size, int) else -1 for size in provided.shape]
    if is_batched and (not shape or shape[0] != -1):
        raise OnnxLoadError(
            f"model '{name}', tensor '{tensor.name}': for the model to support batching the shape should have at least "
            f"1 dimension and the first dimension must be -1; but shape expected by the model is {format_shape(shape)}"
        )
    configured_shape = tensor.get_shape(is_batched)
    if not is_compatible_shape(configured_shape, shape):
        raise OnnxLoadError(
            f"model '{name}', tensor '{tensor.name}': the model expects {len(shape)} dimensions "
            f"(shape {format_shape(shape)})"
            f" but the model configuration specifies {len(configured_shape)} dimensions "
            f"(shape {format_shape(configured_shape)}"
            f"{', the batch first because max_batch_size > 0' if is_batched else ''})"
        )


def _format_datatype(datatype: str) -> str:
    return "TYPE_STRING" if datatype == BYTES else f"TYPE_{datatype}"


def _format_names(provided: Sequence[Any]) -> str:
    return ", ".join(tensor.name for tensor in provided)
