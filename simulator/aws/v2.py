"""The KServe V2 inference protocol as Triton speaks it over HTTP: JSON, or JSON followed by binary tensors.

Source: KServe "Open Inference Protocol" and Triton's "Binary Tensor Data Extension"; for SageMaker the content type
`application/vnd.sagemaker-triton.binary+json;json-header-size=N` carries the length of the JSON part.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.aws.onnx_model import OnnxFailed
from simulator.aws.tensors import Array, NotTheTensor, Tensor, fits, from_bytes, from_json, listed, to_bytes, to_json
from simulator.aws.triton import ServedModel

BINARY = "application/vnd.sagemaker-triton.binary+json"
JSON_TYPES = frozenset({"application/json", "application/octet-stream", ""})


class BadRequest(ValueError):
    """Triton answers 400 with this text."""


class InferenceFailed(RuntimeError):
    """Triton answers 500 with this text: the request is one, and the backend fails at it."""


@dataclass(frozen=True)
class Answer:
    """A response of the model server."""

    content_type: str
    body: bytes


def binary_content_type(header: int) -> str:
    """The content type of a body whose first `header` bytes are JSON and whose rest is tensors."""
    return f"{BINARY};json-header-size={header}"


def encode(
    inputs: Sequence[tuple[Tensor, Array]], outputs: Sequence[str], binary: bool = True
) -> tuple[str, bytes]:  # fmt: skip
    """Content type and body of a request that asks for these outputs of these inputs, each with its batch."""
    tensors: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for tensor, values in inputs:
        told: dict[str, Any] = {"name": tensor.name, "shape": list(values.shape), "datatype": tensor.datatype}
        if binary:
            tail.append(to_bytes(values, tensor.datatype))
            told["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            told["data"] = to_json(values, tensor.datatype)
        tensors.append(told)
    if not binary:
        request = {"inputs": tensors, "outputs": [{"name": name} for name in outputs]}
        return "application/json", json.dumps(request).encode()
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    header = json.dumps({"inputs": tensors, "outputs": wanted}).encode()
    return binary_content_type(len(header)), header + b"".join(tail)


def encode_rows(rows: npt.NDArray[np.float32], binary: bool = True) -> tuple[str, bytes]:
    """Content type and body of a request that asks for output__0 of rows (n, features)."""
    return encode([(Tensor("input__0", "FP32", rows.shape[1:]), rows)], ["output__0"], binary)


def decode_scores(content_type: str, body: bytes) -> npt.NDArray[np.float32]:
    """output__0 of an answer, (n, outputs)."""
    header, tail = _split(content_type, body)
    output = header["outputs"][0]
    size = output.get("parameters", {}).get("binary_data_size")
    values = np.frombuffer(tail[:size], dtype="<f4") if size is not None else np.array(output["data"], dtype=np.float32)
    return values.reshape(output["shape"])


def answer(model: ServedModel, content_type: str, body: bytes) -> Answer:
    """The model server's answer to a request. Raises BadRequest, or InferenceFailed where the backend fails."""
    request, tail = _split(content_type, body)
    given = _inputs(model, request, tail)
    wanted = _wanted(model, request)
    try:
        found = model.run(given)
    except OnnxFailed as wrong:
        raise InferenceFailed(str(wrong)) from wrong
    outputs: list[dict[str, Any]] = []
    tensors: list[bytes] = []
    for tensor, binary in wanted:
        values = found[tensor.name]
        told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(values.shape)}
        if binary:
            tensors.append(to_bytes(values, tensor.datatype))
            told["parameters"] = {"binary_data_size": len(tensors[-1])}
        else:
            told["data"] = to_json(values, tensor.datatype)
        outputs.append(told)
    head = {"id": request["id"]} if "id" in request else {}
    reply = {**head, "model_name": model.name, "model_version": model.version, "outputs": outputs}
    header = json.dumps(reply).encode()
    if not tensors:
        return Answer("application/json", header)
    return Answer(binary_content_type(len(header)), header + b"".join(tensors))


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
    except (ValueError, RecursionError) as wrong:
        raise BadRequest(f"failed to parse the request JSON buffer: {wrong}") from wrong
    if not isinstance(request, dict):
        raise BadRequest("the request must be a JSON object")
    return request, tail


def _inputs(model: ServedModel, request: dict[str, Any], tail: bytes) -> dict[str, Array]:
    """All inputs of the model, checked in Triton's order: which there are, their datatypes and shapes, their data."""
    given = _named(request, "inputs")
    known = {one.name: one for one in model.inputs}
    if unknown := [each["name"] for each in given if each["name"] not in known]:
        raise BadRequest(f"unexpected inference input '{unknown[0]}' for model '{model.name}'")
    names = [str(each["name"]) for each in given]
    if missing := [name for name in known if name not in names]:
        raise BadRequest(
            f"expected {len(known)} inputs but got {len(given)} inputs for model '{model.name}'. Got input(s) "
            f"[{_quoted(names)}], but missing required input(s) [{_quoted(missing)}]. Please provide all required "
            "input(s)."
        )
    if len(set(names)) < len(names):
        raise BadRequest(f"input '{next(one for one in names if names.count(one) > 1)}' already exists in request")
    found: dict[str, Array] = {}
    for each in given:
        tensor = known[each["name"]]
        shape = _shape(model, tensor, each, next(iter(found.values()), None))
        try:
            found[tensor.name], tail = _values(tensor, shape, each, tail)
        except NotTheTensor as wrong:
            raise BadRequest(str(wrong)) from wrong
    if tail:
        raise BadRequest(f"unexpected additional input data for model '{model.name}'")
    return found


def _named(request: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects with a name under "inputs" or "outputs"."""
    listed_under: Any = request.get(key) or []
    if not isinstance(listed_under, list) or not all(isinstance(one, dict) and "name" in one for one in listed_under):
        raise BadRequest(f"Unable to parse '{key}': it must be an array of objects with a name")
    return listed_under


def _shape(model: ServedModel, tensor: Tensor, given: dict[str, Any], first: Array | None) -> list[int]:
    if given.get("datatype") != tensor.datatype:
        raise BadRequest(
            f"inference input '{tensor.name}' data-type is '{given.get('datatype')}', but model '{model.name}' expects "
            f"'{tensor.datatype}'"
        )
    shape, expected = given.get("shape"), tensor.shape(model.batched)
    whole = isinstance(shape, list) and all(isinstance(one, int) and one >= 0 for one in shape)
    if not isinstance(shape, list) or not whole or not fits(expected, shape) or (model.batched and shape[0] < 1):
        told = listed(shape) if isinstance(shape, list) else shape
        raise BadRequest(
            f"unexpected shape for input '{tensor.name}' for model '{model.name}'. Expected {listed(expected)}, "
            f"got {told}"
        )
    if model.batched and model.max_batch and shape[0] > model.max_batch:
        raise BadRequest(f"inference request batch-size must be <= {model.max_batch} for '{model.name}'")
    if model.batched and first is not None and first.shape[0] != shape[0]:
        raise BadRequest(f"input '{tensor.name}' batch size does not match other inputs for '{model.name}'")
    return shape


def _values(tensor: Tensor, shape: list[int], given: dict[str, Any], tail: bytes) -> tuple[Array, bytes]:
    """The tensor's elements, and what of the tail is left for those after it."""
    size = (given.get("parameters") or {}).get("binary_data_size")
    if size is None:
        return from_json(given.get("data"), tensor.datatype, shape, tensor.name), tail
    if not isinstance(size, int) or not 0 <= size <= len(tail):
        raise NotTheTensor(f"unexpected total byte size {len(tail)} for input '{tensor.name}', expecting {size}")
    return from_bytes(tail[:size], tensor.datatype, shape, tensor.name), tail[size:]


def _wanted(model: ServedModel, request: dict[str, Any]) -> list[tuple[Tensor, bool]]:
    """The outputs that are asked for, all where none is named, and whether each is to be binary."""
    every = bool((request.get("parameters") or {}).get("binary_data_output"))
    known = {one.name: one for one in model.outputs}
    asked = _named(request, "outputs")
    if not asked:
        return [(one, every) for one in model.outputs]
    if unknown := [one["name"] for one in asked if one["name"] not in known]:
        raise BadRequest(f"unexpected inference output '{unknown[0]}' for model '{model.name}'")
    return [
        (known[one["name"]], bool((one.get("parameters") or {}).get("binary_data", every))) for one in asked
    ]  # fmt: skip


def _quoted(names: Sequence[str]) -> str:
    return ",".join(f"'{name}'" for name in names)
