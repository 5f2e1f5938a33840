"""JSON payloads in the forms that model servers take and answer.

Sources: SageMaker, "Common data formats for inference", https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html;
TensorFlow Serving, "RESTful API", https://www.tensorflow.org/tfx/serving/api_rest; KServe V2 (see v2.py); MLflow,
"Deploy MLflow Model as a Local Inference Server"; pandas, DataFrame.to_json, of its orientations.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, cast

import msgspec

from tidewatch.capture import v2
from tidewatch.capture.delimited import BLANK
from tidewatch.capture.limits import LINE, check_json, check_values, is_text, size_of, spread_name
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.table import Table, of_rows

REQUEST = ("instances", "inputs")
ANSWER = ("predictions", "outputs")
"""Keys that rows stand under: the first by row, the second by column or as V2 tensors."""
SPLIT, RECORDS = "dataframe_split", "dataframe_records"
"""Keys that MLflow's server reads rows from."""
_SPLIT_KEYS = frozenset({"columns", "data", "index"})
_BESIDE = frozenset({"id", "parameters", "outputs", "signature_name", "model_name", "model_version"})
"""Keys of requests that hold no rows, in V2 and TensorFlow Serving."""
_VECTOR = ("features", "data")
_SCALARS = frozenset({str, float, int, bool, type(None)})


class _Sparse(msgspec.Struct):
    keys: list[int]
    values: list[Any]
    shape: list[int] | None = None


def loads(text: str) -> object:
    """The JSON value; NaN and Infinity are read as Python writes them.

    Half of a surrogate pair is no character, which no model server can be sent: a text with one is refused, and so is
    an object with one key twice, of which some servers read the first and others the last. Raises Unreadable:
    empty_payload, bad_payload, ambiguous, too_large.
    """
    check_json(text)
    try:
        value = msgspec.json.decode(text)
        return value if _says_once(text, value) else _DECODER.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    if not text.strip(BLANK):
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    try:
        value = _DECODER.decode(text)
        if "\\u" not in text or is_text(_ENCODER.encode(value)):
            return value
    except (ValueError, RecursionError) as error:
        raise Unreadable(Reason.BAD_PAYLOAD) from error
    raise Unreadable(Reason.BAD_PAYLOAD)


def _says_once(text: str, value: object) -> bool:
    """Whether no key of a text can stand in one object twice, told without a slow parser: what was dropped, its colon
    was too, unless one is escaped in a string."""
    if not isinstance(value, dict | list):
        return True
    colons = text.count(":")
    if colons == _keys(cast("dict[str, object] | list[object]", value)):
        return True
    return "\\u003" not in text and colons == msgspec.json.encode(value).count(b":")


def _keys(value: dict[str, object] | list[object]) -> int:
    """The keys of an object or of a list's objects, and of those in lists right under the keys: of most bodies, all."""
    if isinstance(value, list):
        return sum(map(len, cast("list[dict[str, object]]", value))) if _are_objects(value) else 0
    return len(value) + sum(_keys(cast("list[object]", held)) for held in value.values() if isinstance(held, list))


def _are_objects(values: list[object]) -> bool:
    return bool(values) and type(values[0]) is dict and set(map(type, values)) == {dict}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable(Reason.AMBIGUOUS)
    return found


_DECODER, _ENCODER = json.JSONDecoder(object_pairs_hook=_once), json.JSONEncoder(ensure_ascii=False)
"""Made once: to make one costs more than a line of JSON takes."""


def read_json(text: str, keys: tuple[str, str]) -> Table:
    """The rows of a JSON text; `keys` is REQUEST or ANSWER. Raises Unreadable."""
    return read_value(loads(text), keys)


def read_lines(text: str, keys: tuple[str, str]) -> Table:
    """The rows of JSON lines, each line one row, or one value in a form of its own. Raises Unreadable."""
    if text.find("\n") in (-1, len(text) - 1):
        return read_json(text, keys)
    check_values(text.count("\n") + 1, LINE)
    check_json(text)
    values = [loads(line) for line in text.split("\n") if line.strip(BLANK)]
    return read_value(values[0], keys) if len(values) == 1 else _rows(values)


def read_value(value: object, keys: tuple[str, str]) -> Table:
    """The rows of a JSON value.

    An object is one row by name, or holds rows under one of `keys`; a list holds objects, rows by position, or the
    scalars of one row; a scalar is a row of one. Raises Unreadable: empty_payload, bad_payload, ambiguous.
    """
    if isinstance(value, dict):
        return _object(cast("dict[str, object]", value), keys)
    if isinstance(value, list):
        values = cast("list[object]", value)
        return of_rows(None, [values]) if values and _scalars(values) else _rows(values)
    if value is None:
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    return of_rows(None, [[value]])


def read_v2(text: str, key: str, tail: bytes = b"") -> Table:
    """The rows of V2 tensors under `key`, and of nothing else: what a server reads that knows this form alone.

    tail: the bytes of those that are binary. Raises Unreadable.
    """
    header = loads(text)
    tensors = cast("dict[str, object]", header).get(key) if isinstance(header, dict) else None
    if not isinstance(tensors, list):
        raise Unreadable(Reason.BAD_PAYLOAD)
    if not tensors:
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    return v2.read_tensors(cast("list[object]", tensors), tail)


def _object(value: dict[str, object], keys: tuple[str, str]) -> Table:
    if not value:
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    if _scalars(value.values()):
        return _named([value])
    others = (SPLIT, RECORDS) if keys == REQUEST else ()
    beside = set[str]()
    if len(value) > 1:
        _check_one_form(value, keys, others)
        beside = value.keys() - {*keys, *others, *_BESIDE}
    elif (vector := _dense(value)) is not None:
        return of_rows(None, [vector])
    by_row, by_column = value.get(keys[0]), value.get(keys[1])
    if isinstance(by_row, list):
        return _with(_rows(cast("list[object]", by_row)), beside)
    if isinstance(by_column, dict):
        return _with(_columns(cast("dict[str, object]", by_column)), beside)
    if isinstance(by_column, list):
        values = cast("list[object]", by_column)
        return _with(v2.read_tensors(values, b"") if v2.are_tensors(values) else _rows(values), beside)
    if not others:
        return _rows([value])
    if isinstance(frame := value.get(SPLIT), dict):
        return _with(_split(cast("dict[str, object]", frame)), beside)
    if isinstance(records := value.get(RECORDS), list):
        return _with(_rows(cast("list[object]", records)), beside)
    if _is_frame(value) and value.keys() <= _SPLIT_KEYS:
        return _split(value)
    if _are_columns(value):
        return _columns({name: _indexed(column) for name, column in value.items()})
    return _rows([value])


def _check_one_form(value: dict[str, object], keys: tuple[str, str], others: tuple[str, ...]) -> None:
    """Raises Unreadable(ambiguous) where an object holds rows in several ways: servers read one or the other.

    others: the keys of data frames, which requests alone hold.
    """
    told = sum(isinstance(value.get(key), list | dict) for key in (*keys, *others))
    if told + (bool(others) and _is_frame(value)) + (_vector(value) is not None) > 1:
        raise Unreadable(Reason.AMBIGUOUS)


def _is_frame(value: dict[str, object]) -> bool:
    return isinstance(value.get("columns"), list) and isinstance(value.get("data"), list)


def _split(frame: dict[str, object]) -> Table:
    """The rows of {"columns": [names], "data": [rows]}, as pandas splits a table; its index is no column."""
    names, data = frame.get("columns"), frame.get("data")
    if not isinstance(names, list) or not isinstance(data, list):
        raise Unreadable(Reason.BAD_PAYLOAD)
    columns, rows = cast("list[object]", names), cast("list[object]", data)
    if any(not isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise Unreadable(Reason.BAD_PAYLOAD)
    if any(not isinstance(row, list) or len(cast("list[object]", row)) != len(columns) for row in rows):
        raise Unreadable(Reason.BAD_PAYLOAD)
    return of_rows(tuple(cast("list[str]", columns)), cast("list[list[object]]", rows))


def _are_columns(value: dict[str, object]) -> bool:
    """Whether an object holds a column under each key: a list, or an object by row as pandas writes it."""
    kinds = set(map(type, value.values()))
    if kinds not in ({list}, {dict}) or _vector(value) is not None:
        return False
    if kinds == {list}:
        return len({len(cast("list[object]", column)) for column in value.values()}) == 1
    rows = {tuple(cast("dict[str, object]", column)) for column in value.values()}
    return len(rows) == 1 and rows != {()}


def _indexed(column: object) -> object:
    return list(cast("dict[str, object]", column).values()) if isinstance(column, dict) else column


def _with(table: Table, beside: set[str]) -> Table:
    return msgspec.structs.replace(table, beside=table.beside | beside) if beside else table


def _scalars(values: Collection[object]) -> bool:
    return set(map(type, values)) <= _SCALARS


def _rows(elements: list[object]) -> Table:
    """Rows that are all objects, all lists, or all scalars."""
    kinds = set(map(type, elements))
    if kinds <= {dict}:
        objects = cast("list[dict[str, object]]", elements)
        vectors = _vectors(objects)
        if vectors is None:
            return _named(objects)
        several = [each.keys() for each in objects if len(each) > 1]
        return _with(of_rows(None, vectors), set[str]().union(*several) - {*_VECTOR})
    if kinds <= {list}:
        return of_rows(None, cast("list[list[object]]", elements))
    if _scalars(elements):
        return of_rows(None, [[each] for each in elements])
    raise Unreadable(Reason.BAD_PAYLOAD)


def _vectors(rows: list[dict[str, object]]) -> list[list[object]] | None:
    """The dense vectors of rows that all hold one."""
    found: list[list[object]] = []
    for row in rows:
        vector = _vector(row)
        if vector is None:
            return None
        found.append(vector)
    return found


def _vector(row: dict[str, object]) -> list[object] | None:
    """The dense vector of SageMaker's algorithms: {"features": [...]}, {"data": {"features": {"values": [...]}}}."""
    if "features" not in row and "data" not in row:
        return None
    vectors = [found for each in (row.get("data"), row) if (found := _dense(each)) is not None]
    if len(vectors) > 1:
        raise Unreadable(Reason.AMBIGUOUS)
    return vectors[0] if vectors else None


def _dense(value: object) -> list[object] | None:
    features = cast("dict[str, object]", value).get("features") if isinstance(value, dict) else None
    if isinstance(features, dict):
        vector = cast("dict[str, object]", features)
        features = _placed(vector) if "keys" in vector else vector.get("values")
    return cast("list[object]", features) if isinstance(features, list) else None


def _placed(vector: dict[str, object]) -> list[object]:
    """The values of {"keys": [...], "values": [...], "shape": [n]} at their keys; None at a key that is not there."""
    try:
        sparse = msgspec.convert(vector, _Sparse)
    except msgspec.ValidationError as error:
        raise Unreadable(Reason.BAD_PAYLOAD) from error
    size = size_of(sparse.shape) if sparse.shape is not None else max(sparse.keys, default=-1) + 1
    check_values(size, 1)
    if len(sparse.keys) != len(sparse.values) or len(set(sparse.keys)) < len(sparse.keys):
        raise Unreadable(Reason.BAD_PAYLOAD)
    if any(not 0 <= key < size for key in sparse.keys):
        raise Unreadable(Reason.BAD_PAYLOAD)
    placed: list[object] = [None] * size
    for key, value in zip(sparse.keys, sparse.values, strict=True):
        placed[key] = value
    return placed


def _named(objects: list[dict[str, object]]) -> Table:
    names = tuple(objects[0])
    if len(objects) > 1 and any(each.keys() != objects[0].keys() for each in objects):
        names = tuple(dict.fromkeys(name for each in objects for name in each))
    check_values(len(objects), len(names))
    return of_rows(names, [list(map(each.get, names)) for each in objects])


def _columns(columns: dict[str, object]) -> Table:
    """The columns of TensorFlow Serving's columnar form, and of KServe's tensors by name: (n,), (n, 1) or (n, k)."""
    spread: dict[str, list[object]] = {}
    for name, column in columns.items():
        values = cast("list[object]", column) if isinstance(column, list) else [column]
        if values and isinstance(values[0], list):
            spread.update(_spread(name, values))
        else:
            spread[name] = values
    if not spread:
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    if len({len(values) for values in spread.values()}) > 1:
        raise Unreadable(Reason.BAD_PAYLOAD)
    return of_rows(tuple(spread), list(zip(*spread.values(), strict=True)))


def _spread(name: str, values: list[object]) -> dict[str, list[object]]:
    """The columns that a column of lists is laid out in."""
    if not all(isinstance(each, list) for each in values):
        return {name: values}
    rows = cast("list[list[object]]", values)
    width = len(rows[0])
    if not width or any(len(row) != width for row in rows):
        raise Unreadable(Reason.BAD_PAYLOAD)
    if width == 1:
        return {name: [row[0] for row in rows]}
    return {column: [row[at] for row in rows] for at, column in enumerate(spread_name(name, width))}
