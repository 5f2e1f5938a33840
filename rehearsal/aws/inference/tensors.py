"""Tensors as Triton's model configurations and V2 requests describe them: names, datatypes, shapes, bytes.

Source: Triton "Model Configuration", "Datatypes"; KServe "Open Inference Protocol", "Tensor Data"; Triton "Binary
Tensor Data Extension".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

BYTES = "BYTES"
NUMPY = {
    "BOOL": "|b1", "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "|i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""numpy's type for each datatype except BYTES. FP16 and BF16 are not supported."""
DATATYPE_BY_CONFIG = {**{f"TYPE_{name}": name for name in NUMPY}, "TYPE_STRING": BYTES}
"""The datatype for a data_type in a configuration."""
_LENGTH = struct.Struct("<I")
_JSON_TYPES: dict[str, tuple[type, ...]] = {"b": (bool,), "f": (float, int), "i": (int,), "u": (int,)}
"""The JSON types for numpy's kind of a datatype."""


class InvalidTensorData(ValueError):
    """Data that do not fit the tensor; the message has the reason, in Triton's words if it has some."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    """As configured, without the batch; -1 for any size."""

    def get_shape(self, is_batched: bool) -> tuple[int, ...]:
        """The shape in requests and responses: with the batch first if the model is batched."""
        return (-1, *self.dims) if is_batched else self.dims


def is_compatible_shape(expected: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a shape matches the expected one, in which -1 is any size."""
    return len(expected) == len(shape) and all(
        -1 in (size, other_size) or size == other_size for size, other_size in zip(expected, shape, strict=True)
    )


def format_shape(shape: Sequence[int]) -> str:
    """A shape in Triton's format: [-1,4]."""
    return f"[{','.join(map(str, shape))}]"


def from_json(data: Any, datatype: str, shape: Sequence[int], name: str) -> Array:
    """The elements under "data", flat or nested like the shape. Raises InvalidTensorData."""
    flat = _flatten(data)
    expected_count = math.prod(shape)
    if len(flat) != expected_count:
        raise InvalidTensorData(
            "Unable to parse 'data': Shape does not match true shape of 'data' field "
            f"(input '{name}' has {len(flat)} values, its shape needs {expected_count})"
        )
    if datatype == BYTES:
        if set(map(type, flat)) - {str}:
            raise InvalidTensorData(f"Unable to parse 'data': input '{name}' has data that are not strings")
        return np.array(flat, dtype=object).reshape(shape)
    kind = np.dtype(NUMPY[datatype])
    if set(map(type, flat)) - set(_JSON_TYPES[kind.kind]):
        expected_kind = {"b": "true or false", "f": "numbers"}.get(kind.kind, "whole numbers")
        raise InvalidTensorData(f"Unable to parse 'data': input '{name}' has data that are not {expected_kind}")
    try:
        with np.errstate(over="ignore"):
            return np.array(flat, dtype=kind).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise InvalidTensorData(
            f"Unable to parse 'data': input '{name}' has data that {datatype} does not hold"
        ) from error


def from_bytes(raw: bytes, datatype: str, shape: Sequence[int], name: str) -> Array:
    """The elements of a binary tensor. Raises InvalidTensorData."""
    expected_count = math.prod(shape)
    if datatype == BYTES:
        return np.array(_parse_strings(raw, expected_count, name), dtype=object).reshape(shape)
    kind = np.dtype(NUMPY[datatype])
    if len(raw) != expected_count * kind.itemsize:
        raise InvalidTensorData(
            f"unexpected total byte size {len(raw)} for input '{name}', expecting {expected_count * kind.itemsize}"
        )
    return np.frombuffer(raw, kind).reshape(shape)


def to_bytes(values: Array, datatype: str) -> bytes:
    """A tensor in binary form, row major, little-endian."""
    if datatype == BYTES:
        texts = [str(value).encode() for value in values.ravel().tolist()]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return np.ascontiguousarray(values).astype(NUMPY[datatype]).tobytes()


def to_json(values: Array, datatype: str) -> list[Any]:
    """A tensor's elements as a flat JSON list."""
    flat = values.ravel().tolist()
    return [str(value) for value in flat] if datatype == BYTES else flat


def _flatten(data: Any) -> list[Any]:
    flat: list[Any] = data if isinstance(data, list) else [data]
    while flat and all(isinstance(element, list) for element in flat):
        flat = list(chain.from_iterable(flat))
    return flat


def _parse_strings(raw: bytes, expected_count: int, name: str) -> list[str]:
    """Elements of BYTES: for each, four bytes with the length, then the text."""
    found: list[str] = []
    offset = 0
    try:
        while offset < len(raw):
            (length,) = _LENGTH.unpack_from(raw, offset)
            offset += _LENGTH.size + length
            if offset > len(raw):
                raise InvalidTensorData(f"incomplete string data for inference input '{name}'")
            found.append(raw[offset - length : offset].decode())
    except struct.error as error:
        raise InvalidTensorData(f"incomplete string length for inference input '{name}'") from error
    except UnicodeDecodeError as error:
        raise InvalidTensorData(
            f"input '{name}' has strings that are not UTF-8, which the simulator reads alone"
        ) from error
    if len(found) != expected_count:
        raise InvalidTensorData(f"expected {expected_count} strings for inference input '{name}', got {len(found)}")
    return found
