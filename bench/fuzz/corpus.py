"""What is mutated: models with references, and sound records of each in every form that the capture reader knows."""

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
from tidewatch.drift.training import build

Side: TypeAlias = dict[str, Any]
TRITON = "application/vnd.sagemaker-triton.binary+json"
CARRIERS = ("AA", "DL", "UA", "København", "a carrier of a long name", "3.0", "true")
_ROWS = 300


@dataclass(frozen=True)
class Model:
    """A model's reference, and for each of its columns whether that holds numbers."""

    reference: Reference
    columns: tuple[tuple[str, bool], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


def models() -> tuple[Model, ...]:
    """Of two numbers and a category; of one category; of forty numbers; and of two columns without a score."""
    return (
        _model({"distance": True, "carrier": False, "delay": True}),
        _model({"carrier": False}),
        _model({f"n{at}": True for at in range(40)}),
        _model({"distance": True, "carrier": False}, has_score=False),
    )


def _model(kinds: dict[str, bool], *, has_score: bool = True) -> Model:
    rng = np.random.default_rng(1)
    columns = {
        name: np.round(rng.lognormal(3, 1, _ROWS), 2) if numeric else [CARRIERS[at] for at in rng.integers(0, 7, _ROWS)]
        for name, numeric in kinds.items()
    }
    score = ("p", rng.beta(2, 5, _ROWS).astype(np.float32).astype(np.float64)) if has_score else None
    return Model(build(columns, score=score), tuple(kinds.items()))


def side(data: str, encoding: str = "CSV", content_type: str = "text/csv") -> Side:
    return {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": encoding}


def as_json(value: object, content_type: str = "application/json") -> Side:
    return side(json.dumps(value), "JSON", content_type)


def as_base64(body: bytes, content_type: str) -> Side:
    return side(base64.b64encode(body).decode(), "BASE64", content_type)


def record(request: Side, answer: Side | None) -> dict[str, Any]:
    """A line of a capture file, before it is JSON."""
    sides = {"endpointInput": request} | ({} if answer is None else {"endpointOutput": answer})
    told = {"eventId": "0" * 36, "inferenceTime": "2026-01-01T10:00:00Z"}
    return {"captureData": sides, "eventMetadata": told, "eventVersion": "0"}


def packed(made: dict[str, Any]) -> bytes:
    """As SageMaker writes it."""
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def rows(model: Model, count: int, rng: random.Random) -> list[list[Any]]:
    return [[_value(numeric, rng) for _, numeric in model.columns] for _ in range(count)]


def _value(numeric: bool, rng: random.Random) -> float | int | str | None:
    if not numeric:
        return rng.choice(CARRIERS)
    return rng.choice((None, 7, 0, -0.0)) if rng.random() < 0.1 else round(rng.lognormvariate(3, 1), 2)


def csv_of(table: Sequence[Sequence[object]]) -> str:
    return "".join(",".join("" if cell is None else str(cell) for cell in row) + "\n" for row in table)


REQUESTS: tuple[Callable[[Model, list[list[Any]]], Side], ...] = (
    lambda _, table: side(csv_of(table)),
    lambda _, table: side(csv_of(table).rstrip("\n").replace("\n", "\r\n")),
    lambda _, table: side("\n".join(",".join(f'"{cell}"' for cell in row) for row in table)),
    lambda model, table: as_json(dict(zip(model.names, table[0], strict=True))),
    lambda model, table: as_json([dict(zip(model.names, row, strict=True)) for row in table]),
    lambda _, table: as_json(table),
    lambda _, table: as_json(table[0]),
    lambda _, table: as_json({"instances": table}),
    lambda model, table: as_json({"instances": [dict(zip(model.names, row, strict=True)) for row in table]}),
    lambda _, table: as_json({"instances": [{"features": row} for row in table]}),
    lambda _, table: as_json({"instances": [{"data": {"features": {"values": row}}} for row in table]}),
    lambda model, table: as_json({"inputs": _by_name(model, table)}),
    lambda _, table: as_json({"inputs": table}),
    lambda model, table: as_json({"inputs": _tensors(model, table)}),
    lambda model, table: as_json({"inputs": [_whole(model, table)]}),
    lambda _, table: side("\n".join(map(json.dumps, table)), "JSON", "application/jsonlines"),
    lambda _, table: as_base64(csv_of(table).encode(), "text/csv; charset=utf-8"),
    lambda _, table: as_base64(json.dumps({"instances": table}).encode(), "application/json"),
    lambda _, table: as_base64("\n".join(map(json.dumps, table)).encode(), "application/x-jsonlines"),
    lambda model, table: _binary(model, table, told=True),
    lambda model, table: _binary(model, table, told=False),
    lambda _, table: as_base64(b"\x93NUMPY\x01\x00" + bytes(120) + b"1" * 8 * len(table), "application/x-npy"),
)
"""A request of every form, of these rows."""
ANSWERS: tuple[Callable[[int], Side | None], ...] = (
    lambda count: side("0.25\n" * count),
    lambda count: side(",".join(["0.25"] * count)),
    lambda count: side("0.75,0.25\n" * count),
    lambda count: as_json([0.25] * count),
    lambda count: as_json({"predictions": [[0.25]] * count}),
    lambda count: as_json({"predictions": [{"score": 0.25}] * count}),
    lambda count: as_json({"outputs": [_tensor("p", [count, 1], "FP32", [0.25] * count)]}),
    lambda count: as_base64(b"0.25\n" * count, "text/csv"),
    lambda _: None,
)  # fmt: skip
"""An answer of every form to so many rows."""


def sound(model: Model, rng: random.Random, count: int | None = None) -> dict[str, Any]:
    """A record whose request and answer are each of one of the forms."""
    table = rows(model, count or rng.choice((1, 1, 1, 2, 5)), rng)
    answer = ANSWERS[0] if rng.random() < 0.5 else rng.choice(ANSWERS)
    return record(rng.choice(REQUESTS)(model, table), answer(len(table)))


def _by_name(model: Model, table: list[list[Any]]) -> dict[str, list[Any]]:
    return {name: [row[at] for row in table] for at, name in enumerate(model.names)}


def _tensors(model: Model, table: list[list[Any]]) -> list[dict[str, Any]]:
    return [
        _tensor(name, [len(table), 1], "FP32" if numeric else "BYTES", values)
        for (name, numeric), values in zip(model.columns, _by_name(model, table).values(), strict=True)
    ]


def _tensor(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _whole(model: Model, table: list[list[Any]]) -> dict[str, Any]:
    shape = [len(table), len(model.columns)]
    return _tensor("input__0", shape, "FP32", list(chain.from_iterable(table)))


def _binary(model: Model, table: list[list[Any]], *, told: bool) -> Side:
    described, raw = list[dict[str, Any]](), list[bytes]()
    for tensor in _tensors(model, table):
        values = tensor.pop("data")
        if tensor["datatype"] == "BYTES":
            texts = [str(value).encode() for value in values]
            raw.append(b"".join(struct.pack("<I", len(text)) + text for text in texts))
        else:
            raw.append(np.array([float("nan") if value is None else value for value in values], "<f4").tobytes())
        described.append({**tensor, "parameters": {"binary_data_size": len(raw[-1])}})
    head = json.dumps({"inputs": described}).encode()
    return as_base64(
        head + b"".join(raw), f"{TRITON};json-header-size={len(head)}" if told else "application/octet-stream"
    )
