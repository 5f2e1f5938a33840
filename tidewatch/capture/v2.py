"""Tensors of the Open Inference Protocol (KServe V2), in JSON and in binary.

Sources: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and, for the binary form,
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol/binary-tensor-data-extension.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import Any, cast

import msgspec
import numpy as np

from tidewatch.capture.limits import check_values, size_of, spread_name
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.scalars import EXACT
from tidewatch.capture.table import Matrix, Table, numeric

_BINARY = {
    "BOOL": "|u1", "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "|i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""numpy's type of each datatype but BYTES: little-endian, row major, without padding."""
_NUMBERS = frozenset({float, int, NoneType})
_LENGTH = struct.Struct("<I").unpack_from
_SINGLE = {"FP16": np.float16, "FP32": np.float32}
_BRAIN = "BF16"
"""The upper half of a float32; in binary only."""
_Flat = Matrix | list[object]
"""A tensor's elements in row-major order, shape (n,); a list unless all are numbers that float64 holds exactly."""


class _Parameters(msgspec.Struct):
    binary_data_size: int | None = None


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: _Parameters | None = None


def are_tensors(values: Sequence[object]) -> bool:
    """Whether a list under "inputs" or "outputs" holds V2 tensors rather than rows."""
    return bool(values) and all(isinstance(each, dict) and "datatype" in each and "shape" in each for each in values)


def read_tensors(tensors: Sequence[object], tail: bytes) -> Table:
    """The rows of V2 tensors; `tail` holds the bytes of those that are binary, in their order.

    One tensor is a table by position, of shape (n, columns); one of shape (columns,) is one row, and dimensions after
    the second are laid side by side. Several are columns by name, of shape (n,) or (n, 1); one of shape (n, k) is the
    k columns NAME__0 and on. FP32 and FP16 in JSON are rounded as the server rounds them. Raises Unreadable:
    bad_payload where shapes, sizes and data do not fit together, empty_payload where there are no rows, too_large.
    """
    try:
        described = msgspec.convert(tensors, list[_Tensor])
    except msgspec.ValidationError as error:
        raise Unreadable(Reason.BAD_PAYLOAD) from error
    if len(described) > 1 and len({each.name for each in described}) < len(described):
        raise Unreadable(Reason.BAD_PAYLOAD)
    sizes = [size_of(each.shape) for each in described]
    check_values(sum(sizes), 1)
    blocks: list[_Flat] = []
    left = memoryview(tail)
    for each, size in zip(described, sizes, strict=True):
        values, left = _elements(each, size, left)
        blocks.append(values)
    if left:
        raise Unreadable(Reason.BAD_PAYLOAD)
    if len(described) == 1:
        return Table(None, _shaped(blocks[0], *_extent(described[0].shape, sizes[0], several=False)))
    return _by_name(described, sizes, blocks)


def _by_name(tensors: list[_Tensor], sizes: list[int], blocks: list[_Flat]) -> Table:
    names: list[str] = []
    parts: list[Sequence[Sequence[object]] | Matrix] = []
    extents = [_extent(each.shape, size, several=True) for each, size in zip(tensors, sizes, strict=True)]
    if len({rows for rows, _ in extents}) > 1:
        raise Unreadable(Reason.BAD_PAYLOAD)
    for tensor, values, (rows, width) in zip(tensors, blocks, extents, strict=True):
        names += [tensor.name] if width == 1 else spread_name(tensor.name, width)
        parts.append(_shaped(values, rows, width))
    if len(set(names)) < len(names):
        raise Unreadable(Reason.BAD_PAYLOAD)
    matrices = [part for part in parts if isinstance(part, np.ndarray)]
    if len(matrices) == len(parts):
        return Table(tuple(names), cast("Matrix", np.concatenate(matrices, axis=1)))
    lists = [cast("list[list[object]]", part.tolist() if isinstance(part, np.ndarray) else part) for part in parts]
    return Table(tuple(names), [list(chain.from_iterable(row)) for row in zip(*lists, strict=True)])


def _extent(shape: list[int], size: int, *, several: bool) -> tuple[int, int]:
    """Rows and columns of a tensor of this shape, whose product is `size`."""
    if size < 1:
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    if len(shape) > 1:
        return shape[0], size // shape[0]
    return (size, 1) if several else (1, size)


def _shaped(values: _Flat, rows: int, width: int) -> Sequence[Sequence[object]] | Matrix:
    if isinstance(values, np.ndarray):
        return values.reshape(rows, width)
    # Slices of a list take eight times as long: of a million flags most of a second.
    return list(zip(*[iter(values)] * width, strict=True))


def _elements(tensor: _Tensor, wanted: int, tail: memoryview) -> tuple[_Flat, memoryview]:
    """The tensor's elements, so many, and what of the tail is left for the tensors after it."""
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    if size is None:
        values = _from_json(tensor)
    elif 0 <= size <= len(tail):
        values, tail = _from_bytes(tensor.datatype, tail[:size]), tail[size:]
    else:
        raise Unreadable(Reason.BAD_PAYLOAD)
    if len(values) != wanted:
        raise Unreadable(Reason.BAD_PAYLOAD)
    return values, tail


def _from_json(tensor: _Tensor) -> _Flat:
    if tensor.data is None or (tensor.datatype not in _BINARY and tensor.datatype != "BYTES"):
        raise Unreadable(Reason.BAD_PAYLOAD)
    flat, kinds = _flattened(tensor.data)
    single = _SINGLE.get(tensor.datatype)
    if single is None:
        values = numeric(flat)
        return flat if values is None else values
    if kinds <= _NUMBERS:
        return _rounded(flat, single)
    held = [each if type(each) in _NUMBERS else None for each in flat]
    rounded = _rounded(held, single).tolist()
    return [each if number is None else near for each, number, near in zip(flat, held, rounded, strict=True)]


def _rounded(values: list[object], single: type[np.float16] | type[np.float32]) -> Matrix:
    """The values as a server of that datatype holds them, NaN for None; what overflows is infinite."""
    with np.errstate(over="ignore"):
        try:
            return np.array(values, np.float64).astype(single).astype(np.float32)
        except OverflowError as error:
            raise Unreadable(Reason.NOT_FINITE) from error


def _flattened(data: list[object]) -> tuple[list[object], set[type]]:
    """The elements of data that are nested as the shape is, or flat: the protocol allows both; and their types."""
    kinds = set(map(type, data))
    while kinds == {list}:
        data = list(chain.from_iterable(cast("list[list[object]]", data)))
        kinds = set(map(type, data))
    if kinds & {list, dict}:
        raise Unreadable(Reason.BAD_PAYLOAD)
    return data, kinds


def _from_bytes(datatype: str, raw: memoryview) -> _Flat:
    if datatype == "BYTES":
        return _strings(raw)
    kind = _BINARY.get("UINT16" if datatype == _BRAIN else datatype)
    if kind is None or len(raw) % np.dtype(kind).itemsize:
        raise Unreadable(Reason.BAD_PAYLOAD)
    values = np.frombuffer(raw, kind)
    if datatype == _BRAIN:
        return (values.astype(np.uint32) << 16).view(np.float32)
    if datatype == "BOOL":
        if bool((values > 1).any()):
            raise Unreadable(Reason.BAD_PAYLOAD)
        return cast("list[object]", values.astype(np.bool_).tolist())
    if datatype in _SINGLE:
        return values.astype(np.float32)
    exact = values.astype(np.float64)
    if datatype.endswith("INT64") and bool((np.abs(exact) >= EXACT).any()):
        return cast("list[object]", values.tolist())
    return exact


def _strings(raw: memoryview) -> list[object]:
    """Elements of BYTES: each four bytes of length, little-endian, then as many of UTF-8."""
    found: list[object] = []
    held, size, at = bytes(raw), len(raw), 0
    try:
        while at < size:
            start = at + 4
            at = start + _LENGTH(held, at)[0]
            if at > size:
                raise Unreadable(Reason.BAD_PAYLOAD)
            found.append(held[start:at].decode())
    except (UnicodeDecodeError, struct.error) as error:
        raise Unreadable(Reason.BAD_PAYLOAD) from error
    return found
