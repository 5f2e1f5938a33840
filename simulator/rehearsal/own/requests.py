"""The requests in a user's folder, each as it is sent: rows of CSV, bodies a line, or what an endpoint captured.

Triton takes no CSV: a row becomes the V2 request that the model's configuration asks for.
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

from simulator.aws import v2
from simulator.aws.tensors import BYTES, NUMPY, Array, Tensor
from simulator.aws.triton import ServedModel
from simulator.rehearsal.own.refusal import OwnRefused
from simulator.replay import Request
from tidewatch.capture import scalars
from tidewatch.capture.limits import spread_name
from tidewatch.capture.lines import blocks
from tidewatch.capture.payload import Payload, read_input
from tidewatch.capture.reasons import Unreadable
from tidewatch.capture.record import decode
from tidewatch.capture.source import SourceMissing, files_under, open_local
from tidewatch.drift import batches
from tidewatch.drift.errors import DriftError
from tidewatch.drift.reference import Reference

TABLE, BODIES, CAPTURED = "requests.csv", "requests.jsonl", ("captured.jsonl", "captured")
NAMES = (TABLE, BODIES, *CAPTURED)
_TRUTH = {1.0: True, 0.0: False}
_DIGITS = re.compile(r"[+-]?\d+", re.ASCII)
"""A whole number that no float64 need hold."""


@dataclass(frozen=True)
class Placed:
    """A request and where it stands: requests.csv, row 3."""

    request: Request
    place: str


def read(path: Path, model: ServedModel, reference: Reference) -> list[Placed]:
    """The requests of a file or folder of one of NAMES. Raises OwnRefused."""
    if path.name == TABLE:
        found = list(_rows(path, model, reference))
    elif path.name == BODIES:
        found = list(_bodies(path))
    else:
        found = list(_captured(path))
    if not found:
        raise OwnRefused(f"{path} holds no request: put at least one into it, and some hundred for a verdict on drift")
    return found


def refuse_what_the_model_refuses(model: ServedModel, artifact: Path, requests: Sequence[Placed]) -> None:
    """Asks the model every request. Raises OwnRefused at the first one that it does not answer."""
    for one in requests:
        try:
            v2.answer(model, one.request.content_type, one.request.body)
        except (v2.BadRequest, v2.InferenceFailed) as refused:
            status = 400 if isinstance(refused, v2.BadRequest) else 500
            raise OwnRefused(
                f"{one.place}: the model in {artifact.name} answers {status}: {refused}. Mend that request, "
                "or leave it out"
            ) from refused


def refuse_what_drift_would_not_count(reference: Reference, requests: Sequence[Placed]) -> None:
    """Raises OwnRefused at the first request whose columns are not the reference's: no row of it would be compared."""
    features = [one.name for one in reference.features]
    for one in requests:
        body = base64.b64encode(one.request.body).decode()
        try:
            table = read_input(Payload(body, "BASE64", one.request.content_type))
        except Unreadable:
            continue  # the report at the end counts it, by its reason
        if table.names is None:
            fits, has = table.widths <= {len(reference.columns), len(features)}, f"{max(table.widths)} columns"
        else:
            fits, has = set(features) <= set(table.names), f"the columns {', '.join(table.names)}"
        if not fits:
            raise OwnRefused(
                f"{one.place}: the request has {has}, and the reference {len(reference.columns)}, "
                f"{', '.join(reference.columns)}: make the reference from the table whose columns are the model's, "
                "with --exclude for the others"
            )


def _bodies(path: Path) -> Iterator[Placed]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            yield Placed(Request("application/json", line), f"{path.name}, line {number}")


def _captured(path: Path) -> Iterator[Placed]:
    """The requests of SageMaker's capture records, each with its content type."""
    try:
        files = files_under([path])
    except SourceMissing as missing:
        raise OwnRefused(f"{path} holds no capture file: they end in .jsonl or .jsonl.gz") from missing
    for file in files:
        number = 0
        for block in blocks(open_local(file)):
            if block.lost is not None:
                raise OwnRefused(f"{file}: a record after line {number} cannot be read: {block.lost}; take it out")
            for _, line, is_open in block.lines():
                number += 1
                yield Placed(_request(line, is_open, f"{file.name}, record {number}"), f"{file.name}, record {number}")


def _request(line: bytes, is_open: bool, place: str) -> Request:
    try:
        asked = decode(line, is_open=is_open).input
        body = base64.b64decode(asked.data, validate=True) if asked.encoding == "BASE64" else asked.data.encode()
    except (Unreadable, ValueError) as wrong:
        raise OwnRefused(f"{place} is no record of SageMaker's data capture: {wrong}; take it out") from wrong
    return Request(asked.content_type or "application/json", body)


def _rows(path: Path, model: ServedModel, reference: Reference) -> Iterator[Placed]:
    """A request for each row, binary, so that a missing number can be sent: NaN."""
    try:
        table = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")), strict=True)
        header = next(table, [])
        rows = [(table.line_num, row) for row in table if row]
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise OwnRefused(f"{path} is no CSV in UTF-8 ({wrong}): save it as one, with a line of column names") from wrong
    columns = _columns(model, reference)
    places = _places(path, _named(path, header), columns)
    outputs = [one.name for one in model.outputs]
    for number, row in rows:
        where = f"{path.name}, line {number}"
        if len(row) != len(header):
            raise OwnRefused(f"{where} has {len(row)} values, and the header {len(header)} names: mend that line")
        values = [row[place] for place in places]
        yield Placed(Request(*v2.encode(list(_tensors(model, values, columns, where)), outputs)), where)


def _columns(model: ServedModel, reference: Reference) -> list[str]:
    """What a row has to hold, in the order of the tensors: the reference's columns of one input, the names of more."""
    widths = {one.name: _width(one, model) for one in model.inputs}
    if len(widths) == 1:
        ((name, width),) = widths.items()
        if width not in (-1, len(reference.columns)):
            raise OwnRefused(
                f"the reference has {len(reference.columns)} columns, and the model's input {name} takes {width}: make "
                "it from the table whose columns are the model's, with --exclude for the others"
            )
        return list(reference.columns)
    return [
        column for name, width in widths.items() for column in ([name] if width == 1 else spread_name(name, width))
    ]  # fmt: skip


def _shape(tensor: Tensor, model: ServedModel) -> tuple[int, ...]:
    """What the tensor of one row has: a batch of 1; -1 for what the configuration leaves open besides."""
    if model.batched:
        return (1, *tensor.dims)
    return (1, *tensor.dims[1:]) if tensor.dims[:1] == (-1,) else tensor.dims


def _width(tensor: Tensor, model: ServedModel) -> int:
    """The columns of a row of it; -1 where the configuration leaves them open."""
    shape = _shape(tensor, model)
    if -1 in shape:
        if len(model.inputs) == 1 and len(shape) == 2:
            return -1
        raise OwnRefused(
            f"config.pbtxt leaves the size of the input {tensor.name} open, so a row of {TABLE} does not fill it: "
            f"bring {BODIES} instead"
        )
    return math.prod(shape)


def _named(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, as those of a reference's table are read."""
    try:
        return batches.named(header, path)
    except DriftError as twice:
        raise OwnRefused(str(twice)) from twice


def _places(path: Path, named: Sequence[str], columns: Sequence[str]) -> list[int]:
    missing = [name for name in columns if name not in named]
    more = [name for name in named if name not in columns]
    if not missing and not more:
        return [named.index(name) for name in columns]
    wrong = [
        *([f"it lacks {', '.join(missing)}"] if missing else []),
        *([f"{', '.join(more)} is no input of the model"] if more else []),
    ]
    raise OwnRefused(
        f"the first line of {path} has to name the columns that the model takes, {', '.join(columns)}: "
        f"{'; '.join(wrong)}"
    )


def _tensors(
    model: ServedModel, values: Sequence[str], columns: Sequence[str], where: str
) -> Iterator[tuple[Tensor, Array]]:  # fmt: skip
    at = 0
    for tensor in model.inputs:
        width = _width(tensor, model)
        end = len(values) if width == -1 else at + width
        cells = [
            _value(text, tensor, column, where) for text, column in zip(values[at:end], columns[at:end], strict=True)
        ]
        kind: Any = object if tensor.datatype == BYTES else np.dtype(NUMPY[tensor.datatype])
        shape = (1, len(cells)) if width == -1 else _shape(tensor, model)
        try:
            yield tensor, np.array(cells, dtype=kind).reshape(shape)
        except OverflowError as wrong:
            raise OwnRefused(
                f"{where}: a value is too large for {tensor.datatype}, which {tensor.name} takes"
            ) from wrong
        at = end


def _value(text: str, tensor: Tensor, column: str, where: str) -> Any:
    """A cell as its tensor has it, read as a reference's table is: one that stands for no value is NaN."""
    try:
        if tensor.datatype == BYTES:
            return text
        if tensor.datatype == "BOOL":
            return _TRUTH[scalars.flag(text)]
        return scalars.flag(text) if tensor.datatype.startswith("FP") else _whole(text)
    except (Unreadable, ValueError, KeyError) as wrong:
        called = {"F": "no number", "B": "neither true nor false"}.get(tensor.datatype[0], "no whole number")
        raise OwnRefused(
            f"{where}, column {column}: {text!r} is {called}, and the model takes {tensor.datatype}"
        ) from wrong


def _whole(text: str) -> int:
    """A whole number, also one that a data frame with gaps wrote as 5.0. Raises ValueError."""
    found = scalars.number(text)
    if not found.is_integer():
        raise ValueError(text)
    return int(text) if _DIGITS.fullmatch(text.strip(" ")) else int(found)
