"""Reads the requests in a user's folder: CSV rows, one body a line, or an endpoint's capture files.

Triton does not accept CSV: a row becomes the V2 request that the model's configuration requires.
"""

from __future__ import annotations

import base64
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rehearsal.aws.inference import kserve_v2
from rehearsal.aws.inference.tensors import BYTES, NUMPY, Array, Tensor
from rehearsal.aws.inference.triton import ServedModel
from rehearsal.aws.sagemaker.replay import InferenceRequest
from rehearsal.demo.user_model.errors import InvalidUserFolder
from tidewatch.capture import parsing
from tidewatch.capture.limits import expand_name
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.payload import Payload, read_input
from tidewatch.capture.record import decode_record
from tidewatch.capture.reject_reasons import RecordRejected
from tidewatch.capture.source import SourceMissing, list_capture_files, open_file
from tidewatch.drift.errors import DriftError
from tidewatch.drift.reference import Reference
from tidewatch.drift.tables import table_batches

CSV_FILE, JSONL_FILE, CAPTURE_NAMES = "requests.csv", "requests.jsonl", ("captured.jsonl", "captured")
REQUEST_NAMES = (CSV_FILE, JSONL_FILE, *CAPTURE_NAMES)
_BOOL_VALUES = {1.0: True, 0.0: False}
_DIGITS = re.compile(r"[+-]?\d+", re.ASCII)
"""An integer, possibly too large for float64."""


@dataclass(frozen=True)
class LocatedRequest:
    """A request and its location, like `requests.csv, line 3`."""

    request: InferenceRequest
    location: str


def read_requests(path: Path, model: ServedModel, reference: Reference) -> list[LocatedRequest]:
    """Reads the requests of a file or folder whose name is in REQUEST_NAMES. Raises InvalidUserFolder."""
    if path.name == CSV_FILE:
        requests = list(_read_rows(path, model, reference))
    elif path.name == JSONL_FILE:
        requests = list(_read_bodies(path))
    else:
        requests = list(_read_captured(path))
    if not requests:
        raise InvalidUserFolder(f"{path} holds no request: add at least one, and some hundreds for a verdict on drift")
    return requests


def require_model_answers(model: ServedModel, artifact: Path, requests: Sequence[LocatedRequest]) -> None:
    """Sends the model every request. Raises InvalidUserFolder at the first one that it does not answer."""
    for located in requests:
        try:
            kserve_v2.infer(model, located.request.content_type, located.request.body)
        except (kserve_v2.InvalidInferenceRequest, kserve_v2.InferenceFailed) as refused:
            status = 400 if isinstance(refused, kserve_v2.InvalidInferenceRequest) else 500
            raise InvalidUserFolder(
                f"{located.location}: the model in {artifact.name} answers {status}: {refused}. Fix that request, or "
                "remove it"
            ) from refused


def require_reference_columns(reference: Reference, requests: Sequence[LocatedRequest]) -> None:
    """Compares the columns of each request with the reference's.

    Raises InvalidUserFolder at the first request with other columns: the drift function could not compare its rows.
    """
    features = [feature.name for feature in reference.features]
    for located in requests:
        body = base64.b64encode(located.request.body).decode()
        try:
            table = read_input(Payload(body, "BASE64", located.request.content_type))
        except RecordRejected:
            continue  # the final report counts it under its reject reason
        if table.names is None:
            fits, has = table.widths <= {len(reference.columns), len(features)}, f"{max(table.widths)} columns"
        else:
            fits, has = set(features) <= set(table.names), f"the columns {', '.join(table.names)}"
        if not fits:
            raise InvalidUserFolder(
                f"{located.location}: the request has {has}, but the reference {len(reference.columns)}, "
                f"{', '.join(reference.columns)}: build the reference from the table whose columns are the model's, "
                "with --exclude for the others"
            )


def _read_bodies(path: Path) -> Iterator[LocatedRequest]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            yield LocatedRequest(InferenceRequest("application/json", line), f"{path.name}, line {number}")


def _read_captured(path: Path) -> Iterator[LocatedRequest]:
    """The requests of SageMaker's capture records, each with its content type."""
    try:
        files = list_capture_files([path])
    except SourceMissing as missing:
        raise InvalidUserFolder(f"{path} holds no capture file: they end in .jsonl or .jsonl.gz") from missing
    for file in files:
        number = 0
        for block in read_blocks(open_file(file)):
            if block.reject_reason is not None:
                raise InvalidUserFolder(
                    f"{file}: a record after line {number} cannot be read: {block.reject_reason}; remove it"
                )
            for _, line, is_open in block.iter_lines():
                number += 1
                yield LocatedRequest(
                    _parse_record(line, is_open, f"{file.name}, record {number}"), f"{file.name}, record {number}"
                )


def _parse_record(line: bytes, is_open: bool, location: str) -> InferenceRequest:
    try:
        payload = decode_record(line, is_open=is_open).input
        body = base64.b64decode(payload.data, validate=True) if payload.encoding == "BASE64" else payload.data.encode()
    except (RecordRejected, ValueError) as wrong:
        raise InvalidUserFolder(
            f"{location} is not a record of SageMaker's data capture: {wrong}; remove it"
        ) from wrong
    return InferenceRequest(payload.content_type or "application/json", body)


def _read_rows(path: Path, model: ServedModel, reference: Reference) -> Iterator[LocatedRequest]:
    """Builds a request for each row, in binary form, so that it can carry NaN for a missing number."""
    try:
        table = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")), strict=True)
        header = next(table, [])
        rows = [(table.line_num, row) for row in table if row]
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise InvalidUserFolder(
            f"{path} is not CSV in UTF-8 ({wrong}): save it as CSV with a line of column names"
        ) from wrong
    columns = _list_columns(model, reference)
    indices = _map_columns(path, _read_column_names(path, header), columns)
    outputs = [tensor.name for tensor in model.outputs]
    for number, row in rows:
        location = f"{path.name}, line {number}"
        if len(row) != len(header):
            raise InvalidUserFolder(
                f"{location} has {len(row)} values, but the header has {len(header)} names: fix that line"
            )
        values = [row[index] for index in indices]
        yield LocatedRequest(
            InferenceRequest(
                *kserve_v2.encode_request(list(_build_tensors(model, values, columns, location)), outputs)
            ),
            location,
        )


def _list_columns(model: ServedModel, reference: Reference) -> list[str]:
    """The columns that a row must have, in the order of the tensors.

    They are the reference's columns for a model with one input, and the names of the inputs for more.
    """
    widths = {tensor.name: _compute_width(tensor, model) for tensor in model.inputs}
    if len(widths) == 1:
        ((name, width),) = widths.items()
        if width not in (-1, len(reference.columns)):
            raise InvalidUserFolder(
                f"the reference has {len(reference.columns)} columns, but the model's input {name} takes {width}: "
                "build it from the table whose columns are the model's, with --exclude for the others"
            )
        return list(reference.columns)
    return [
        column for name, width in widths.items() for column in ([name] if width == 1 else expand_name(name, width))
    ]  # fmt: skip


def _compute_shape(tensor: Tensor, model: ServedModel) -> tuple[int, ...]:
    """The shape of the tensor of one row: a batch of 1; -1 for a dimension that the configuration leaves open."""
    if model.is_batched:
        return (1, *tensor.dims)
    return (1, *tensor.dims[1:]) if tensor.dims[:1] == (-1,) else tensor.dims


def _compute_width(tensor: Tensor, model: ServedModel) -> int:
    """The number of columns that a row has for the tensor; -1 if the configuration leaves it open."""
    shape = _compute_shape(tensor, model)
    if -1 in shape:
        if len(model.inputs) == 1 and len(shape) == 2:
            return -1
        raise InvalidUserFolder(
            f"config.pbtxt leaves the size of the input {tensor.name} open, so a row of {CSV_FILE} does not fill it: "
            f"use {JSONL_FILE} instead"
        )
    return math.prod(shape)


def _read_column_names(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """The column names, resolved as for a reference's table."""
    try:
        return table_batches.resolve_column_names(header, path)
    except DriftError as twice:
        raise InvalidUserFolder(str(twice)) from twice


def _map_columns(path: Path, header_names: Sequence[str], columns: Sequence[str]) -> list[int]:
    missing = [name for name in columns if name not in header_names]
    extra = [name for name in header_names if name not in columns]
    if not missing and not extra:
        return [header_names.index(name) for name in columns]
    problems = [
        *([f"it lacks {', '.join(missing)}"] if missing else []),
        *([f"{', '.join(extra)} is not an input of the model"] if extra else []),
    ]
    raise InvalidUserFolder(
        f"the first line of {path} must name the columns that the model takes, {', '.join(columns)}: "
        f"{'; '.join(problems)}"
    )


def _build_tensors(
    model: ServedModel, values: Sequence[str], columns: Sequence[str], location: str
) -> Iterator[tuple[Tensor, Array]]:  # fmt: skip
    start = 0
    for tensor in model.inputs:
        width = _compute_width(tensor, model)
        end = len(values) if width == -1 else start + width
        cells = [
            _parse_value(text, tensor, column, location)
            for text, column in zip(values[start:end], columns[start:end], strict=True)
        ]
        kind: Any = object if tensor.datatype == BYTES else np.dtype(NUMPY[tensor.datatype])
        shape = (1, len(cells)) if width == -1 else _compute_shape(tensor, model)
        try:
            yield tensor, np.array(cells, dtype=kind).reshape(shape)
        except OverflowError as wrong:
            raise InvalidUserFolder(
                f"{location}: a value is too large for {tensor.datatype}, which {tensor.name} takes"
            ) from wrong
        start = end


def _parse_value(text: str, tensor: Tensor, column: str, location: str) -> Any:
    """Parses a cell for its tensor as for a reference's table: a missing value is NaN."""
    try:
        if tensor.datatype == BYTES:
            return text
        if tensor.datatype == "BOOL":
            return _BOOL_VALUES[parsing.parse_binary(text)]
        return parsing.parse_binary(text) if tensor.datatype.startswith("FP") else _parse_integer(text)
    except (RecordRejected, ValueError, KeyError) as wrong:
        problem = {"F": "no number", "B": "neither true nor false"}.get(tensor.datatype[0], "not a whole number")
        raise InvalidUserFolder(
            f"{location}, column {column}: {text!r} is {problem}, but the model takes {tensor.datatype}"
        ) from wrong


def _parse_integer(text: str) -> int:
    """Parses an integer, also in the form 5.0, which data frames with missing values write. Raises ValueError."""
    found = parsing.parse_number(text)
    if not found.is_integer():
        raise ValueError(text)
    return int(text) if _DIGITS.fullmatch(text.strip(" ")) else int(found)
