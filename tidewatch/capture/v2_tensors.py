"""Reads tensors of the Open Inference Protocol (KServe V2), in JSON and in binary.

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

from tidewatch.capture.limits import compute_size, expand_name, require_readable_size
from tidewatch.capture.parsing import EXACT_INTEGER_LIMIT
from tidewatch.capture.payload_table import Matrix, PayloadTable, to_exact_floats
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason

_NUMPY_DTYPES = {
    "BOOL": "|u1", "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "|i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""numpy's type of each datatype except BYTES: little-endian, row-major, without padding."""
_NUMBER_TYPES = frozenset({float, int, NoneType})
_UNPACK_LENGTH = struct.Struct("<I").unpack_from
_ROUNDED_DTYPES = {"FP16": np.float16, "FP32": np.float32}
_BFLOAT16 = "BF16"
"""The upper half of a float32, only in binary."""
_FlatValues = Matrix | list[object]
"""A tensor's elements in row-major order, of shape (n,). It is a list unless float64 represents all of them exactly."""


class _Parameters(msgspec.Struct):
    binary_data_size: int | None = None


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: _Parameters | None = None


def is_tensor_list(values: Sequence[object]) -> bool:
    """Whether a list under "inputs" or "outputs" contains V2 tensors instead of rows."""
    return bool(values) and all(isinstance(each, dict) and "datatype" in each and "shape" in each for each in values)


def read_tensors(tensors: Sequence[object], tail: bytes) -> PayloadTable:
    """Returns the rows of V2 tensors. `tail` has the bytes of the binary ones, in their order.

    A single tensor of shape (n, columns) is a table by position; one of shape (columns,) is one row, and dimensions
    after the second are flattened into columns. Several tensors are columns by name, of shape (n,) or (n, 1); one of
    shape (n, k) is the k columns NAME__0, NAME__1 and so on. FP32 and FP16 in JSON are rounded like on the server.
    Raises RecordRejected: bad_payload if shapes, sizes and data do not match, empty_payload if there are no rows,
    too_large.
    """
    try:
        parsed_tensors = msgspec.convert(tensors, list[_Tensor])
    except msgspec.ValidationError as error:
        raise RecordRejected(RejectReason.BAD_PAYLOAD) from error
    if len(parsed_tensors) > 1 and len({each.name for each in parsed_tensors}) < len(parsed_tensors):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    sizes = [compute_size(each.shape) for each in parsed_tensors]
    require_readable_size(sum(sizes), 1)
    blocks: list[_FlatValues] = []
    remaining = memoryview(tail)
    for each, size in zip(parsed_tensors, sizes, strict=True):
        values, remaining = _read_elements(each, size, remaining)
        blocks.append(values)
    if remaining:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if len(parsed_tensors) == 1:
        return PayloadTable(
            None, _reshape(blocks[0], *_compute_extent(parsed_tensors[0].shape, sizes[0], several=False))
        )
    return _join_named_columns(parsed_tensors, sizes, blocks)


def _join_named_columns(tensors: list[_Tensor], sizes: list[int], blocks: list[_FlatValues]) -> PayloadTable:
    names: list[str] = []
    shaped_blocks: list[Sequence[Sequence[object]] | Matrix] = []
    extents = [_compute_extent(each.shape, size, several=True) for each, size in zip(tensors, sizes, strict=True)]
    if len({rows for rows, _ in extents}) > 1:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    for tensor, values, (rows, width) in zip(tensors, blocks, extents, strict=True):
        names += [tensor.name] if width == 1 else expand_name(tensor.name, width)
        shaped_blocks.append(_reshape(values, rows, width))
    if len(set(names)) < len(names):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    matrices = [part for part in shaped_blocks if isinstance(part, np.ndarray)]
    if len(matrices) == len(shaped_blocks):
        return PayloadTable(tuple(names), cast("Matrix", np.concatenate(matrices, axis=1)))
    lists = [
        cast("list[list[object]]", part.tolist() if isinstance(part, np.ndarray) else part) for part in shaped_blocks
    ]
    return PayloadTable(tuple(names), [list(chain.from_iterable(row)) for row in zip(*lists, strict=True)])


def _compute_extent(shape: list[int], size: int, *, several: bool) -> tuple[int, int]:
    """Returns the rows and columns of a tensor of this shape, whose product is `size`."""
    if size < 1:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    if len(shape) > 1:
        return shape[0], size // shape[0]
    return (size, 1) if several else (1, size)


def _reshape(values: _FlatValues, rows: int, width: int) -> Sequence[Sequence[object]] | Matrix:
    if isinstance(values, np.ndarray):
        return values.reshape(rows, width)
    # Slices of a list take eight times as long: for a million flags most of a second.
    return list(zip(*[iter(values)] * width, strict=True))


def _read_elements(tensor: _Tensor, expected_count: int, tail: memoryview) -> tuple[_FlatValues, memoryview]:
    """Returns the tensor's elements, `expected_count` of them, and the rest of the tail for the tensors after it."""
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    if size is None:
        values = _decode_json_data(tensor)
    elif 0 <= size <= len(tail):
        values, tail = _decode_bytes(tensor.datatype, tail[:size]), tail[size:]
    else:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if len(values) != expected_count:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    return values, tail


def _decode_json_data(tensor: _Tensor) -> _FlatValues:
    if tensor.data is None or (tensor.datatype not in _NUMPY_DTYPES and tensor.datatype != "BYTES"):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    flat, kinds = _flatten(tensor.data)
    single = _ROUNDED_DTYPES.get(tensor.datatype)
    if single is None:
        values = to_exact_floats(flat)
        return flat if values is None else values
    if kinds <= _NUMBER_TYPES:
        return _round_to_dtype(flat, single)
    numbers = [each if type(each) in _NUMBER_TYPES else None for each in flat]
    rounded = _round_to_dtype(numbers, single).tolist()
    return [
        each if number is None else rounded_value
        for each, number, rounded_value in zip(flat, numbers, rounded, strict=True)
    ]


def _round_to_dtype(values: list[object], single: type[np.float16] | type[np.float32]) -> Matrix:
    """Returns the values as a server with that datatype has them: NaN for None, infinity on overflow."""
    with np.errstate(over="ignore"):
        try:
            return np.array(values, np.float64).astype(single).astype(np.float32)
        except OverflowError as error:
            raise RecordRejected(RejectReason.NOT_FINITE) from error


def _flatten(data: list[object]) -> tuple[list[object], set[type]]:
    """Returns the elements of data, nested or flat as the protocol allows, and their types."""
    kinds = set(map(type, data))
    while kinds == {list}:
        data = list(chain.from_iterable(cast("list[list[object]]", data)))
        kinds = set(map(type, data))
    if kinds & {list, dict}:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    return data, kinds


def _decode_bytes(datatype: str, raw: memoryview) -> _FlatValues:
    if datatype == "BYTES":
        return _decode_strings(raw)
    kind = _NUMPY_DTYPES.get("UINT16" if datatype == _BFLOAT16 else datatype)
    if kind is None or len(raw) % np.dtype(kind).itemsize:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    values = np.frombuffer(raw, kind)
    if datatype == _BFLOAT16:
        return (values.astype(np.uint32) << 16).view(np.float32)
    if datatype == "BOOL":
        if bool((values > 1).any()):
            raise RecordRejected(RejectReason.BAD_PAYLOAD)
        return cast("list[object]", values.astype(np.bool_).tolist())
    if datatype in _ROUNDED_DTYPES:
        return values.astype(np.float32)
    exact = values.astype(np.float64)
    if datatype.endswith("INT64") and bool((np.abs(exact) >= EXACT_INTEGER_LIMIT).any()):
        return cast("list[object]", values.tolist())
    return exact


def _decode_strings(raw: memoryview) -> list[object]:
    """Returns the elements of BYTES: each is a length of four bytes, little-endian, and that many bytes of UTF-8."""
    found: list[object] = []
    data, size, position = bytes(raw), len(raw), 0
    try:
        while position < size:
            start = position + 4
            position = start + _UNPACK_LENGTH(data, position)[0]
            if position > size:
                raise RecordRejected(RejectReason.BAD_PAYLOAD)
            found.append(data[start:position].decode())
    except (UnicodeDecodeError, struct.error) as error:
        raise RecordRejected(RejectReason.BAD_PAYLOAD) from error
    return found
