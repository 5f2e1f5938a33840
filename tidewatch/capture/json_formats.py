"""JSON payloads in the formats of model servers.

Sources: SageMaker, "Common data formats for inference",
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html; TensorFlow Serving, "RESTful API",
https://www.tensorflow.org/tfx/serving/api_rest; KServe V2 (see v2_tensors.py); MLflow, "Deploy MLflow Model as a Local
Inference Server"; pandas, the orientations of DataFrame.to_json.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import msgspec

from tidewatch.capture import v2_tensors
from tidewatch.capture.csv_format import WHITESPACE
from tidewatch.capture.json_decoder import decode_json
from tidewatch.capture.limits import (
    LINE_COST,
    compute_size,
    expand_name,
    require_readable_json,
    require_readable_size,
)
from tidewatch.capture.payload_table import PayloadTable, build_table
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason

REQUEST_KEYS = ("instances", "inputs")
ANSWER_KEYS = ("predictions", "outputs")
"""The keys of rows, in requests and in answers: the first by row, the second by column or as V2 tensors."""
MLFLOW_SPLIT_KEY, MLFLOW_RECORDS_KEY = "dataframe_split", "dataframe_records"
"""The keys from which MLflow's server reads rows."""
_FRAME_KEYS = frozenset({"columns", "data", "index"})
_METADATA_KEYS = frozenset({"id", "parameters", "outputs", "signature_name", "model_name", "model_version"})
"""The keys of requests that contain no rows, in V2 and TensorFlow Serving."""
_VECTOR_KEYS = ("features", "data")
_SCALAR_TYPES = frozenset({str, float, int, bool, type(None)})


class _SparseVector(msgspec.Struct):
    keys: list[int]
    values: list[Any]
    shape: list[int] | None = None


def read_json(text: str, keys: tuple[str, str]) -> PayloadTable:
    """Returns the rows of a JSON text. `keys` is REQUEST_KEYS or ANSWER_KEYS. Raises RecordRejected."""
    return read_value(decode_json(text), keys)


def read_json_lines(text: str, keys: tuple[str, str]) -> PayloadTable:
    """Returns the rows of JSON lines: each line is one row, or a single line is any JSON value.

    Raises RecordRejected.
    """
    if text.find("\n") in (-1, len(text) - 1):
        return read_json(text, keys)
    require_readable_size(text.count("\n") + 1, LINE_COST)
    require_readable_json(text)
    values = [decode_json(line) for line in text.split("\n") if line.strip(WHITESPACE)]
    return read_value(values[0], keys) if len(values) == 1 else _read_rows(values)


def read_value(value: object, keys: tuple[str, str]) -> PayloadTable:
    """Returns the rows of a JSON value.

    An object is one row by name, or has rows under one of `keys`. A list contains objects, rows by position, or the
    scalars of one row. A scalar is a row of one. Raises RecordRejected: empty_payload, bad_payload, ambiguous_payload.
    """
    if isinstance(value, dict):
        return _read_object(cast("dict[str, object]", value), keys)
    if isinstance(value, list):
        values = cast("list[object]", value)
        return build_table(None, [values]) if values and _is_all_scalars(values) else _read_rows(values)
    if value is None:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    return build_table(None, [[value]])


def read_v2(text: str, key: str, tail: bytes = b"") -> PayloadTable:
    """Returns the rows of V2 tensors under `key`, and of nothing else, like a server that accepts only this format.

    `tail` has the bytes of binary tensors. Raises RecordRejected.
    """
    header = decode_json(text)
    tensors = cast("dict[str, object]", header).get(key) if isinstance(header, dict) else None
    if not isinstance(tensors, list):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if not tensors:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    return v2_tensors.read_tensors(cast("list[object]", tensors), tail)


def _read_object(value: dict[str, object], keys: tuple[str, str]) -> PayloadTable:
    if not value:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    if _is_all_scalars(value.values()):
        return _read_named_rows([value])
    frame_keys = (MLFLOW_SPLIT_KEY, MLFLOW_RECORDS_KEY) if keys == REQUEST_KEYS else ()
    sibling_keys = set[str]()
    if len(value) > 1:
        _require_one_format(value, keys, frame_keys)
        sibling_keys = value.keys() - {*keys, *frame_keys, *_METADATA_KEYS}
    elif (vector := _read_dense(value)) is not None:
        return build_table(None, [vector])
    by_row, by_column = value.get(keys[0]), value.get(keys[1])
    if isinstance(by_row, list):
        return _add_sibling_keys(_read_rows(cast("list[object]", by_row)), sibling_keys)
    if isinstance(by_column, dict):
        return _add_sibling_keys(_read_columns(cast("dict[str, object]", by_column)), sibling_keys)
    if isinstance(by_column, list):
        values = cast("list[object]", by_column)
        return _add_sibling_keys(
            v2_tensors.read_tensors(values, b"") if v2_tensors.is_tensor_list(values) else _read_rows(values),
            sibling_keys,
        )
    if not frame_keys:
        return _read_rows([value])
    if isinstance(frame := value.get(MLFLOW_SPLIT_KEY), dict):
        return _add_sibling_keys(_read_split_frame(cast("dict[str, object]", frame)), sibling_keys)
    if isinstance(records := value.get(MLFLOW_RECORDS_KEY), list):
        return _add_sibling_keys(_read_rows(cast("list[object]", records)), sibling_keys)
    if _is_split_frame(value) and value.keys() <= _FRAME_KEYS:
        return _read_split_frame(value)
    if _is_columnar(value):
        return _read_columns({name: _drop_row_index(column) for name, column in value.items()})
    return _read_rows([value])


def _require_one_format(value: dict[str, object], keys: tuple[str, str], frame_keys: tuple[str, ...]) -> None:
    """Raises RecordRejected(ambiguous_payload) if an object has rows in several formats.

    Servers read only one of them. `frame_keys` are the keys of data frames, which only requests have.
    """
    format_count = sum(isinstance(value.get(key), list | dict) for key in (*keys, *frame_keys))
    if format_count + (bool(frame_keys) and _is_split_frame(value)) + (_read_vector(value) is not None) > 1:
        raise RecordRejected(RejectReason.AMBIGUOUS_PAYLOAD)


def _is_split_frame(value: dict[str, object]) -> bool:
    return isinstance(value.get("columns"), list) and isinstance(value.get("data"), list)


def _read_split_frame(frame: dict[str, object]) -> PayloadTable:
    """Returns the rows of {"columns": [names], "data": [rows]}, pandas' split format. The index is no column."""
    names, data = frame.get("columns"), frame.get("data")
    if not isinstance(names, list) or not isinstance(data, list):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    columns, rows = cast("list[object]", names), cast("list[object]", data)
    if any(not isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if any(not isinstance(row, list) or len(cast("list[object]", row)) != len(columns) for row in rows):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    return build_table(tuple(cast("list[str]", columns)), cast("list[list[object]]", rows))


def _is_columnar(value: dict[str, object]) -> bool:
    """Whether each key of an object has a column: a list, or an object by row as pandas writes it."""
    kinds = set(map(type, value.values()))
    if kinds not in ({list}, {dict}) or _read_vector(value) is not None:
        return False
    if kinds == {list}:
        return len({len(cast("list[object]", column)) for column in value.values()}) == 1
    rows = {tuple(cast("dict[str, object]", column)) for column in value.values()}
    return len(rows) == 1 and rows != {()}


def _drop_row_index(column: object) -> object:
    return list(cast("dict[str, object]", column).values()) if isinstance(column, dict) else column


def _add_sibling_keys(table: PayloadTable, sibling_keys: set[str]) -> PayloadTable:
    return msgspec.structs.replace(table, sibling_keys=table.sibling_keys | sibling_keys) if sibling_keys else table


def _is_all_scalars(values: Collection[object]) -> bool:
    return set(map(type, values)) <= _SCALAR_TYPES


def _read_rows(elements: list[object]) -> PayloadTable:
    """Returns rows that are all objects, all lists, or all scalars."""
    kinds = set(map(type, elements))
    if kinds <= {dict}:
        objects = cast("list[dict[str, object]]", elements)
        vectors = _read_vectors(objects)
        if vectors is None:
            return _read_named_rows(objects)
        several = [each.keys() for each in objects if len(each) > 1]
        return _add_sibling_keys(build_table(None, vectors), set[str]().union(*several) - {*_VECTOR_KEYS})
    if kinds <= {list}:
        return build_table(None, cast("list[list[object]]", elements))
    if _is_all_scalars(elements):
        return build_table(None, [[each] for each in elements])
    raise RecordRejected(RejectReason.BAD_PAYLOAD)


def _read_vectors(rows: list[dict[str, object]]) -> list[list[object]] | None:
    """Returns the dense vectors if every row has one, else None."""
    found: list[list[object]] = []
    for row in rows:
        vector = _read_vector(row)
        if vector is None:
            return None
        found.append(vector)
    return found


def _read_vector(row: dict[str, object]) -> list[object] | None:
    """Returns the dense vector of SageMaker's algorithms, or None.

    The formats are {"features": [...]} and {"data": {"features": {"values": [...]}}}.
    """
    if "features" not in row and "data" not in row:
        return None
    vectors = [found for each in (row.get("data"), row) if (found := _read_dense(each)) is not None]
    if len(vectors) > 1:
        raise RecordRejected(RejectReason.AMBIGUOUS_PAYLOAD)
    return vectors[0] if vectors else None


def _read_dense(value: object) -> list[object] | None:
    features = cast("dict[str, object]", value).get("features") if isinstance(value, dict) else None
    if isinstance(features, dict):
        vector = cast("dict[str, object]", features)
        features = _densify(vector) if "keys" in vector else vector.get("values")
    return cast("list[object]", features) if isinstance(features, list) else None


def _densify(vector: dict[str, object]) -> list[object]:
    """Returns the values of {"keys": [...], "values": [...], "shape": [n]} at their keys, with None elsewhere."""
    try:
        sparse = msgspec.convert(vector, _SparseVector)
    except msgspec.ValidationError as error:
        raise RecordRejected(RejectReason.BAD_PAYLOAD) from error
    size = compute_size(sparse.shape) if sparse.shape is not None else max(sparse.keys, default=-1) + 1
    require_readable_size(size, 1)
    if len(sparse.keys) != len(sparse.values) or len(set(sparse.keys)) < len(sparse.keys):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if any(not 0 <= key < size for key in sparse.keys):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    dense: list[object] = [None] * size
    for key, value in zip(sparse.keys, sparse.values, strict=True):
        dense[key] = value
    return dense


def _read_named_rows(objects: list[dict[str, object]]) -> PayloadTable:
    names = tuple(objects[0])
    if len(objects) > 1 and any(each.keys() != objects[0].keys() for each in objects):
        names = tuple(dict.fromkeys(name for each in objects for name in each))
    require_readable_size(len(objects), len(names))
    return build_table(names, [list(map(each.get, names)) for each in objects])


def _read_columns(columns: dict[str, object]) -> PayloadTable:
    """Returns rows from columns of shape (n,), (n, 1) or (n, k).

    The formats are TensorFlow Serving's columnar one and KServe's tensors by name.
    """
    spread: dict[str, list[object]] = {}
    for name, column in columns.items():
        values = cast("list[object]", column) if isinstance(column, list) else [column]
        if values and isinstance(values[0], list):
            spread.update(_expand_column(name, values))
        else:
            spread[name] = values
    if not spread:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    if len({len(values) for values in spread.values()}) > 1:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    return build_table(tuple(spread), list(zip(*spread.values(), strict=True)))


def _expand_column(name: str, values: list[object]) -> dict[str, list[object]]:
    """Returns the columns into which a column of lists expands."""
    if not all(isinstance(each, list) for each in values):
        return {name: values}
    rows = cast("list[list[object]]", values)
    width = len(rows[0])
    if not width or any(len(row) != width for row in rows):
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if width == 1:
        return {name: [row[0] for row in rows]}
    return {column: [row[index] for row in rows] for index, column in enumerate(expand_name(name, width))}
