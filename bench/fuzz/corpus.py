"""The input of the mutations: models with references, and valid records of each in every form that capture can read."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from tidewatch.drift.reference import Reference
from tidewatch.drift.training.reference_builder import build_reference

PayloadJson: TypeAlias = dict[str, Any]
TRITON = "application/vnd.sagemaker-triton.binary+json"
CARRIERS = ("AA", "DL", "UA", "København", "a carrier of a long name", "3.0", "true")
_ROWS = 300


@dataclass(frozen=True)
class FuzzModel:
    """A model's reference, and its columns."""

    reference: Reference
    columns: tuple[tuple[str, bool], ...]
    """The name of each column, and whether it is numeric."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


def build_models() -> tuple[FuzzModel, ...]:
    """Returns models of two numbers and a category; a category; forty numbers; and two columns without a score."""
    return (
        _build_model({"distance": True, "carrier": False, "delay": True}),
        _build_model({"carrier": False}),
        _build_model({f"n{index}": True for index in range(40)}),
        _build_model({"distance": True, "carrier": False}, has_score=False),
    )


def _build_model(kinds: dict[str, bool], *, has_score: bool = True) -> FuzzModel:
    rng = np.random.default_rng(1)
    columns = {
        name: np.round(rng.lognormal(3, 1, _ROWS), 2)
        if numeric
        else [CARRIERS[code] for code in rng.integers(0, 7, _ROWS)]
        for name, numeric in kinds.items()
    }
    score = ("p", rng.beta(2, 5, _ROWS).astype(np.float32).astype(np.float64)) if has_score else None
    return FuzzModel(build_reference(columns, score=score), tuple(kinds.items()))


def build_payload(data: str, encoding: str = "CSV", content_type: str = "text/csv") -> PayloadJson:
    return {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": encoding}


def encode_json(value: object, content_type: str = "application/json") -> PayloadJson:
    return build_payload(json.dumps(value), "JSON", content_type)


def encode_base64(body: bytes, content_type: str) -> PayloadJson:
    return build_payload(base64.b64encode(body).decode(), "BASE64", content_type)


def build_record(request: PayloadJson, answer: PayloadJson | None) -> dict[str, Any]:
    """Returns a line of a capture file, before it is encoded as JSON."""
    payloads = {"endpointInput": request} | ({} if answer is None else {"endpointOutput": answer})
    event = {"eventId": "0" * 36, "inferenceTime": "2026-01-01T10:00:00Z"}
    return {"captureData": payloads, "eventMetadata": event, "eventVersion": "0"}


def encode_line(captured: dict[str, Any]) -> bytes:
    """Encodes a record as SageMaker does."""
    return json.dumps(captured, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def draw_rows(model: FuzzModel, count: int, rng: random.Random) -> list[list[Any]]:
    return [[_draw_value(numeric, rng) for _, numeric in model.columns] for _ in range(count)]


def _draw_value(numeric: bool, rng: random.Random) -> float | int | str | None:
    if not numeric:
        return rng.choice(CARRIERS)
    return rng.choice((None, 7, 0, -0.0)) if rng.random() < 0.1 else round(rng.lognormvariate(3, 1), 2)


def encode_csv(table: Sequence[Sequence[object]]) -> str:
    return "".join(",".join("" if cell is None else str(cell) for cell in row) + "\n" for row in table)


REQUESTS: tuple[Callable[[FuzzModel, list[list[Any]]], PayloadJson], ...] = (
    lambda _, table: build_payload(encode_csv(table)),
    lambda _, table: build_payload(encode_csv(table).rstrip("\n").replace("\n", "\r\n")),
    lambda _, table: build_payload("\n".join(",".join(f'"{cell}"' for cell in row) for row in table)),
    lambda model, table: encode_json(dict(zip(model.names, table[0], strict=True))),
    lambda model, table: encode_json([dict(zip(model.names, row, strict=True)) for row in table]),
    lambda _, table: encode_json(table),
    lambda _, table: encode_json(table[0]),
    lambda _, table: encode_json({"instances": table}),
    lambda model, table: encode_json({"instances": [dict(zip(model.names, row, strict=True)) for row in table]}),
    lambda _, table: encode_json({"instances": [{"features": row} for row in table]}),
    lambda _, table: encode_json({"instances": [{"data": {"features": {"values": row}}} for row in table]}),
    lambda model, table: encode_json({"inputs": _to_columns(model, table)}),
    lambda _, table: encode_json({"inputs": table}),
    lambda model, table: encode_json({"inputs": _build_tensors(model, table)}),
    lambda model, table: encode_json({"inputs": [_build_matrix_tensor(model, table)]}),
    lambda _, table: build_payload("\n".join(map(json.dumps, table)), "JSON", "application/jsonlines"),
    lambda _, table: encode_base64(encode_csv(table).encode(), "text/csv; charset=utf-8"),
    lambda _, table: encode_base64(json.dumps({"instances": table}).encode(), "application/json"),
    lambda _, table: encode_base64("\n".join(map(json.dumps, table)).encode(), "application/x-jsonlines"),
    lambda model, table: _encode_binary(model, table, has_header_size=True),
    lambda model, table: _encode_binary(model, table, has_header_size=False),
    lambda _, table: encode_base64(b"\x93NUMPY\x01\x00" + bytes(120) + b"1" * 8 * len(table), "application/x-npy"),
)
"""For each form, a function that builds a request of these rows."""
ANSWERS: tuple[Callable[[int], PayloadJson | None], ...] = (
    lambda count: build_payload("0.25\n" * count),
    lambda count: build_payload(",".join(["0.25"] * count)),
    lambda count: build_payload("0.75,0.25\n" * count),
    lambda count: encode_json([0.25] * count),
    lambda count: encode_json({"predictions": [[0.25]] * count}),
    lambda count: encode_json({"predictions": [{"score": 0.25}] * count}),
    lambda count: encode_json({"outputs": [_build_tensor("p", [count, 1], "FP32", [0.25] * count)]}),
    lambda count: encode_base64(b"0.25\n" * count, "text/csv"),
    lambda _: None,
)  # fmt: skip
"""For each form, a function that builds an answer to this many rows."""


def draw_record(model: FuzzModel, rng: random.Random, count: int | None = None) -> dict[str, Any]:
    """Draws a record with a request and an answer in random forms."""
    table = draw_rows(model, count or rng.choice((1, 1, 1, 2, 5)), rng)
    answer = ANSWERS[0] if rng.random() < 0.5 else rng.choice(ANSWERS)
    return build_record(rng.choice(REQUESTS)(model, table), answer(len(table)))


def _to_columns(model: FuzzModel, table: list[list[Any]]) -> dict[str, list[Any]]:
    return {name: [row[index] for row in table] for index, name in enumerate(model.names)}


def _build_tensors(model: FuzzModel, table: list[list[Any]]) -> list[dict[str, Any]]:
    return [
        _build_tensor(name, [len(table), 1], "FP32" if numeric else "BYTES", values)
        for (name, numeric), values in zip(model.columns, _to_columns(model, table).values(), strict=True)
    ]


def _build_tensor(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _build_matrix_tensor(model: FuzzModel, table: list[list[Any]]) -> dict[str, Any]:
    shape = [len(table), len(model.columns)]
    return _build_tensor("input__0", shape, "FP32", list(chain.from_iterable(table)))


def _encode_binary(model: FuzzModel, table: list[list[Any]], *, has_header_size: bool) -> PayloadJson:
    descriptions, raw = list[dict[str, Any]](), list[bytes]()
    for tensor in _build_tensors(model, table):
        values = tensor.pop("data")
        if tensor["datatype"] == "BYTES":
            texts = [str(value).encode() for value in values]
            raw.append(b"".join(struct.pack("<I", len(text)) + text for text in texts))
        else:
            raw.append(np.array([float("nan") if value is None else value for value in values], "<f4").tobytes())
        descriptions.append({**tensor, "parameters": {"binary_data_size": len(raw[-1])}})
    head = json.dumps({"inputs": descriptions}).encode()
    return encode_base64(
        head + b"".join(raw),
        f"{TRITON};json-header-size={len(head)}" if has_header_size else "application/octet-stream",
    )
