"""Triton's ONNX Runtime backend: a model.onnx that answers by ONNX Runtime itself, on the processor.

Source: the backend's README and "Model Configuration" of Triton; its checks of a configuration against its model. The
package takes a moment to import, and is imported when the first such model is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.aws.tensors import BYTES, NUMPY, Array, Tensor, fits, listed

TYPES = {
    "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16", "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64", "tensor(int8)": "INT8", "tensor(int16)": "INT16", "tensor(int32)": "INT32",
    "tensor(int64)": "INT64", "tensor(float)": "FP32", "tensor(double)": "FP64", "tensor(string)": BYTES,
}  # fmt: skip
"""The datatype of an ONNX tensor."""
_QUIET = 4
"""Of ONNX Runtime's log: what goes wrong is raised, too."""


class OnnxRefused(ValueError):
    """The backend would not load the model; the text says why."""


class OnnxFailed(RuntimeError):
    """ONNX Runtime could not run the model on these inputs; the text is its own."""


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
    def batched(self) -> bool:
        """Whether the first dimension of every tensor is the batch."""
        return self.max_batch > 0

    def run(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The configured outputs by name. Raises OnnxFailed."""
        names = [one.name for one in self.outputs]
        try:
            return dict(zip(names, self.session.run(names, dict(given)), strict=True))
        except Exception as wrong:  # ONNX Runtime has an exception class for each of its codes, under no common one
            raise OnnxFailed(f"onnx runtime error: {wrong}") from wrong


def load(
    content: bytes, name: str, version: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], max_batch: int
) -> OnnxModel:
    """The model in model.onnx, held to its configuration. Raises OnnxRefused."""
    session = _session(content)
    provided_inputs, provided_outputs = list(session.get_inputs()), list(session.get_outputs())
    if len(inputs) != len(provided_inputs):
        raise OnnxRefused(
            f"unable to load model '{name}', configuration expects {len(inputs)} inputs, model provides "
            f"{len(provided_inputs)}: {_names(provided_inputs)}"
        )
    batched = max_batch > 0
    for kind, configured, provided in (("input", inputs, provided_inputs), ("output", outputs, provided_outputs)):
        known = {one.name: one for one in provided}
        for tensor in configured:
            if tensor.name not in known:
                raise OnnxRefused(
                    f"unexpected inference {kind} '{tensor.name}', allowed {kind}s are: {_names(provided)}"
                )
            _check(name, kind, tensor, known[tensor.name], batched)
    return OnnxModel(name, version, tuple(inputs), tuple(outputs), max_batch, session)


def _session(content: bytes) -> Any:
    try:
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs] # slow to import
    except ImportError as missing:
        raise OnnxRefused("ONNX Runtime is not installed; install the project's `rehearsal` dependencies") from missing
    runtime: Any = onnxruntime
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as wrong:  # see OnnxModel.run
        raise OnnxRefused(f"ONNX Runtime does not load it: {wrong}") from wrong


def _check(name: str, kind: str, tensor: Tensor, provided: Any, batched: bool) -> None:
    """Holds one tensor of the configuration to the model's own."""
    if not provided.type.startswith("tensor("):
        raise OnnxRefused(
            f"{kind} '{tensor.name}' is a {provided.type}, and Triton serves tensors only: export the model without it "
            "(skl2onnx: options={'zipmap': False})"
        )
    datatype = TYPES.get(provided.type)
    if datatype is None or datatype not in (*NUMPY, BYTES):
        raise OnnxRefused(f"{kind} '{tensor.name}' is a {provided.type}, which the simulator does not serve")
    if datatype != tensor.datatype:
        raise OnnxRefused(
            f"unable to load model '{name}', configuration expects datatype {_configured(tensor.datatype)} for {kind} "
            f"'{tensor.name}', model provides {_configured(datatype)}"
        )
    shape = [each if isinstance(each, int) else -1 for each in provided.shape]
    if batched and (not shape or shape[0] != -1):
        raise OnnxRefused(
            f"model '{name}', tensor '{tensor.name}': for the model to support batching the shape should have at least "
            f"1 dimension and the first dimension must be -1; but shape expected by the model is {listed(shape)}"
        )
    complete = tensor.shape(batched)
    if not fits(complete, shape):
        raise OnnxRefused(
            f"model '{name}', tensor '{tensor.name}': the model expects {len(shape)} dimensions (shape {listed(shape)})"
            f" but the model configuration specifies {len(complete)} dimensions (shape {listed(complete)}"
            f"{', the batch first because max_batch_size > 0' if batched else ''})"
        )


def _configured(datatype: str) -> str:
    return "TYPE_STRING" if datatype == BYTES else f"TYPE_{datatype}"


def _names(provided: Sequence[Any]) -> str:
    return ", ".join(one.name for one in provided)
