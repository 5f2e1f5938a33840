"""The KServe V2 inference protocol of Triton over HTTP: JSON, or JSON followed by binary tensors.

Source: KServe "Open Inference Protocol" and Triton's "Binary Tensor Data Extension"; for SageMaker the content type
`application/vnd.sagemaker-triton.binary+json;json-header-size=N` contains the length of the JSON part.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rehearsal.aws.inference.onnx_model import OnnxRunError
from rehearsal.aws.inference.tensors import (
    Array,
    InvalidTensorData,
    Tensor,
    format_shape,
    from_bytes,
    from_json,
    is_compatible_shape,
    to_bytes,
    to_json,
)
from rehearsal.aws.inference.triton import ServedModel

BINARY = "application/vnd.sagemaker-triton.binary+json"
JSON_TYPES = frozenset({"application/json", "application/octet-stream", ""})


class InvalidInferenceRequest(ValueError):
    """Triton answers 400 with this message."""


class InferenceFailed(RuntimeError):
    """Triton answers 500 with this message: the request is valid, and the backend fails."""


@dataclass(frozen=True)
class InferenceResponse:
    """A response of the model server."""

    content_type: str
    body: bytes


def build_binary_content_type(header: int) -> str:
    """The content type of a body whose first `header` bytes are JSON and whose rest is tensors."""
    return f"{BINARY};json-header-size={header}"


def encode_request(
    inputs: Sequence[tuple[Tensor, Array]], outputs: Sequence[str], binary: bool = True
) -> tuple[str, bytes]:  # fmt: skip
    """Content type and body of a request for these outputs of these inputs, each with its batch."""
    tensors: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for tensor, values in inputs:
        fields: dict[str, Any] = {"name": tensor.name, "shape": list(values.shape), "datatype": tensor.datatype}
        if binary:
            tail.append(to_bytes(values, tensor.datatype))
            fields["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            fields["data"] = to_json(values, tensor.datatype)
        tensors.append(fields)
    if not binary:
        request = {"inputs": tensors, "outputs": [{"name": name} for name in outputs]}
        return "application/json", json.dumps(request).encode()
    output_specs = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    header = json.dumps({"inputs": tensors, "outputs": output_specs}).encode()
    return build_binary_content_type(len(header)), header + b"".join(tail)


def encode_rows(rows: npt.NDArray[np.float32], binary: bool = True) -> tuple[str, bytes]:
    """Content type and body of a request for output__0 of rows (n, features)."""
    return encode_request([(Tensor("input__0", "FP32", rows.shape[1:]), rows)], ["output__0"], binary)


def decode_scores(content_type: str, body: bytes) -> npt.NDArray[np.float32]:
    """output__0 of a response, (n, outputs)."""
    header, tail = _split_body(content_type, body)
    output = header["outputs"][0]
    size = output.get("parameters", {}).get("binary_data_size")
    values = np.frombuffer(tail[:size], dtype="<f4") if size is not None else np.array(output["data"], dtype=np.float32)
    return values.reshape(output["shape"])


def infer(model: ServedModel, content_type: str, body: bytes) -> InferenceResponse:
    """The model server's response to a request.

    Raises InvalidInferenceRequest, or InferenceFailed if the backend fails.
    """
    request, tail = _split_body(content_type, body)
    arrays = _parse_inputs(model, request, tail)
    requested = _parse_outputs(model, request)
    try:
        results = model.run(arrays)
    except OnnxRunError as error:
        raise InferenceFailed(str(error)) from error
    outputs: list[dict[str, Any]] = []
    tensors: list[bytes] = []
    for tensor, binary in requested:
        values = results[tensor.name]
        fields: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(values.shape)}
        if binary:
            tensors.append(to_bytes(values, tensor.datatype))
            fields["parameters"] = {"binary_data_size": len(tensors[-1])}
        else:
            fields["data"] = to_json(values, tensor.datatype)
        outputs.append(fields)
    head = {"id": request["id"]} if "id" in request else {}
    reply = {**head, "model_name": model.name, "model_version": model.version, "outputs": outputs}
    header = json.dumps(reply).encode()
    if not tensors:
        return InferenceResponse("application/json", header)
    return InferenceResponse(build_binary_content_type(len(header)), header + b"".join(tensors))


def _split_body(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    kind, _, rest = content_type.partition(";")
    if kind.strip() == BINARY:
        name, _, size = rest.strip().partition("=")
        if name.strip() != "json-header-size" or not size.strip().isdigit():
            raise InvalidInferenceRequest(f"the content type {BINARY} needs ;json-header-size=N")
        head, tail = body[: int(size)], body[int(size) :]
    elif kind.strip() in JSON_TYPES:
        head, tail = body, b""
    else:
        raise InvalidInferenceRequest(f"Triton serves V2 JSON or binary requests, not {kind.strip()}")
    try:
        request = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise InvalidInferenceRequest(f"failed to parse the request JSON buffer: {error}") from error
    if not isinstance(request, dict):
        raise InvalidInferenceRequest("the request must be a JSON object")
    return request, tail


def _parse_inputs(model: ServedModel, request: dict[str, Any], tail: bytes) -> dict[str, Array]:
    """All inputs of the model, checked in Triton's order: the set of inputs, their datatypes and shapes, their data."""
    entries = _read_named_list(request, "inputs")
    tensors_by_name = {tensor.name: tensor for tensor in model.inputs}
    if unknown := [entry["name"] for entry in entries if entry["name"] not in tensors_by_name]:
        raise InvalidInferenceRequest(f"unexpected inference input '{unknown[0]}' for model '{model.name}'")
    names = [str(entry["name"]) for entry in entries]
    if missing := [name for name in tensors_by_name if name not in names]:
        raise InvalidInferenceRequest(
            f"expected {len(tensors_by_name)} inputs but got {len(entries)} inputs for model '{model.name}'. "
            f"Got input(s) "
            f"[{_quote_names(names)}], but missing required input(s) [{_quote_names(missing)}]. "
            "Please provide all required "
            "input(s)."
        )
    if len(set(names)) < len(names):
        raise InvalidInferenceRequest(
            f"input '{next(name for name in names if names.count(name) > 1)}' already exists in request"
        )
    found: dict[str, Array] = {}
    for entry in entries:
        tensor = tensors_by_name[entry["name"]]
        shape = _check_shape(model, tensor, entry, next(iter(found.values()), None))
        try:
            found[tensor.name], tail = _read_values(tensor, shape, entry, tail)
        except InvalidTensorData as error:
            raise InvalidInferenceRequest(str(error)) from error
    if tail:
        raise InvalidInferenceRequest(f"unexpected additional input data for model '{model.name}'")
    return found


def _read_named_list(request: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects with a name under "inputs" or "outputs"."""
    entries: Any = request.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "name" in entry for entry in entries):
        raise InvalidInferenceRequest(f"Unable to parse '{key}': it must be an array of objects with a name")
    return entries


def _check_shape(model: ServedModel, tensor: Tensor, entry: dict[str, Any], first: Array | None) -> list[int]:
    if entry.get("datatype") != tensor.datatype:
        raise InvalidInferenceRequest(
            f"inference input '{tensor.name}' data-type is '{entry.get('datatype')}', but model '{model.name}' expects "
            f"'{tensor.datatype}'"
        )
    shape, expected = entry.get("shape"), tensor.get_shape(model.is_batched)
    is_valid = isinstance(shape, list) and all(isinstance(size, int) and size >= 0 for size in shape)
    if (
        not isinstance(shape, list)
        or not is_valid
        or not is_compatible_shape(expected, shape)
        or (model.is_batched and shape[0] < 1)
    ):
        shape_text = format_shape(shape) if isinstance(shape, list) else shape
        raise InvalidInferenceRequest(
            f"unexpected shape for input '{tensor.name}' for model '{model.name}'. Expected {format_shape(expected)}, "
            f"got {shape_text}"
        )
    if model.is_batched and model.max_batch and shape[0] > model.max_batch:
        raise InvalidInferenceRequest(f"inference request batch-size must be <= {model.max_batch} for '{model.name}'")
    if model.is_batched and first is not None and first.shape[0] != shape[0]:
        raise InvalidInferenceRequest(
            f"input '{tensor.name}' batch size does not match other inputs for '{model.name}'"
        )
    return shape


def _read_values(tensor: Tensor, shape: list[int], entry: dict[str, Any], tail: bytes) -> tuple[Array, bytes]:
    """The tensor's elements, and the rest of the tail for the tensors after it."""
    size = (entry.get("parameters") or {}).get("binary_data_size")
    if size is None:
        return from_json(entry.get("data"), tensor.datatype, shape, tensor.name), tail
    if not isinstance(size, int) or not 0 <= size <= len(tail):
        raise InvalidTensorData(f"unexpected total byte size {len(tail)} for input '{tensor.name}', expecting {size}")
    return from_bytes(tail[:size], tensor.datatype, shape, tensor.name), tail[size:]


def _parse_outputs(model: ServedModel, request: dict[str, Any]) -> list[tuple[Tensor, bool]]:
    """The requested outputs, all if the request names none, and whether each must be binary."""
    default_binary = bool((request.get("parameters") or {}).get("binary_data_output"))
    tensors_by_name = {tensor.name: tensor for tensor in model.outputs}
    entries = _read_named_list(request, "outputs")
    if not entries:
        return [(tensor, default_binary) for tensor in model.outputs]
    if unknown := [entry["name"] for entry in entries if entry["name"] not in tensors_by_name]:
        raise InvalidInferenceRequest(f"unexpected inference output '{unknown[0]}' for model '{model.name}'")
    return [
        (tensors_by_name[entry["name"]], bool((entry.get("parameters") or {}).get("binary_data", default_binary)))
        for entry in entries
    ]  # fmt: skip


def _quote_names(names: Sequence[str]) -> str:
    return ",".join(f"'{name}'" for name in names)
