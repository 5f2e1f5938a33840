"""The KServe V2 inference protocol as Triton speaks it over HTTP: JSON, or JSON followed by binary tensors.

Source: KServe "Open Inference Protocol" and Triton's "Binary Tensor Data Extension"; for SageMaker the content type
`application/vnd.sagemaker-triton.binary+json;json-header-size=N` carries the length of the JSON part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.aws.triton import ServedModel

BINARY = "application/vnd.sagemaker-triton.binary+json"
JSON_TYPES = frozenset({"application/json", "application/octet-stream", ""})


class BadRequest(ValueError):
    """Triton answers 400 with this text."""


@dataclass(frozen=True)
class Answer:
    """A response of the model server."""

    content_type: str
    body: bytes


def binary_content_type(header: int) -> str:
    """The content type of a body whose first `header` bytes are JSON and whose rest is tensors."""
    return f"{BINARY};json-header-size={header}"


def encode_rows(rows: npt.NDArray[np.float32], binary: bool = True) -> tuple[str, bytes]:
    """Content type and body of a request that asks for output__0 of rows (n, features)."""
    data = np.ascontiguousarray(rows, dtype="<f4")
    tensor: dict[str, Any] = {"name": "input__0", "shape": list(data.shape), "datatype": "FP32"}
    if not binary:
        request = {"inputs": [{**tensor, "data": data.ravel().tolist()}], "outputs": [{"name": "output__0"}]}
        return "application/json", json.dumps(request).encode()
    tensor["parameters"] = {"binary_data_size": data.nbytes}
    wanted = [{"name": "output__0", "parameters": {"binary_data": True}}]
    header = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
    return binary_content_type(len(header)), header + data.tobytes()


def decode_scores(content_type: str, body: bytes) -> npt.NDArray[np.float32]:
    """output__0 of an answer, (n, outputs)."""
    header, tail = _split(content_type, body)
    output = header["outputs"][0]
    size = output.get("parameters", {}).get("binary_data_size")
    values = np.frombuffer(tail[:size], dtype="<f4") if size is not None else np.array(output["data"], dtype=np.float32)
    return values.reshape(output["shape"])


def answer(model: ServedModel, content_type: str, body: bytes) -> Answer:
    """The model server's answer to a request. Raises BadRequest."""
    request, tail = _split(content_type, body)
    rows = _rows(model, request, tail)
    scores = model.infer(rows)
    head = {"id": request["id"]} if "id" in request else {}
    binary = _wants_binary(request)
    output: dict[str, Any] = {"name": "output__0", "datatype": "FP32", "shape": list(scores.shape)}
    reply = {**head, "model_name": model.name, "model_version": "1"}
    if not binary:
        output["data"] = scores.ravel().tolist()
        return Answer("application/json", json.dumps({**reply, "outputs": [output]}).encode())
    tensors = scores.astype("<f4").tobytes()
    output["parameters"] = {"binary_data_size": len(tensors)}
    header = json.dumps({**reply, "outputs": [output]}).encode()
    return Answer(binary_content_type(len(header)), header + tensors)


def _split(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    kind, _, rest = content_type.partition(";")
    if kind.strip() == BINARY:
        name, _, size = rest.strip().partition("=")
        if name.strip() != "json-header-size" or not size.strip().isdigit():
            raise BadRequest(f"the content type {BINARY} needs ;json-header-size=N")
        head, tail = body[: int(size)], body[int(size) :]
    elif kind.strip() in JSON_TYPES:
        head, tail = body, b""
    else:
        raise BadRequest(f"Triton serves V2 JSON or binary requests, not {kind.strip()}")
    try:
        request = json.loads(head)
    except ValueError as wrong:
        raise BadRequest(f"failed to parse the request JSON buffer: {wrong}") from wrong
    if not isinstance(request, dict):
        raise BadRequest("the request must be a JSON object")
    return request, tail


def _rows(model: ServedModel, request: dict[str, Any], tail: bytes) -> npt.NDArray[np.float32]:
    tensor = next((one for one in request.get("inputs") or () if one.get("name") == "input__0"), None)
    if tensor is None:
        raise BadRequest(f"expected 1 input named input__0 for model '{model.name}'")
    if tensor.get("datatype") != "FP32":
        raise BadRequest(f"inference input data-type is '{tensor.get('datatype')}', model expects 'FP32'")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) != 2 or shape[1] != model.features or shape[0] < 1:
        raise BadRequest(f"unexpected shape for input 'input__0'. Expected [-1,{model.features}], got {shape}")
    if model.max_batch and shape[0] > model.max_batch:
        raise BadRequest(f"inference request batch-size must be <= {model.max_batch} for '{model.name}'")
    size = (tensor.get("parameters") or {}).get("binary_data_size")
    wanted = 4 * shape[0] * shape[1]
    if size is not None:
        if size != wanted or len(tail) < size:
            raise BadRequest(f"unexpected total byte size {len(tail)} for input 'input__0', expecting {wanted}")
        return np.frombuffer(tail[:size], dtype="<f4").reshape(shape)
    try:
        values = np.array(tensor.get("data"), dtype=np.float32).ravel()
    except (TypeError, ValueError) as wrong:
        raise BadRequest("input 'input__0' has data that are not numbers") from wrong
    if values.size != shape[0] * shape[1]:
        raise BadRequest(f"input 'input__0' has {values.size} values, its shape needs {shape[0] * shape[1]}")
    return values.reshape(shape)


def _wants_binary(request: dict[str, Any]) -> bool:
    wanted = request.get("outputs") or ()
    for output in wanted:
        choice = (output.get("parameters") or {}).get("binary_data")
        if choice is not None:
            return bool(choice)
    return bool((request.get("parameters") or {}).get("binary_data_output"))
