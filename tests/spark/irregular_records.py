"""A folder of captured records, in plain files and a gzip one, among them some of every odd kind."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.drift import dataset

SEED = 11
ODD = 0.02
"""Share of the records that are not like the others."""
BLANK = 0.001
"""Blank lines to a record."""
FILES = {"a.jsonl": 30, "b.jsonl": 18, "c.jsonl.gz": 2}
"""Batches of data.BATCH records in each."""

Edit = Callable[[bytes], bytes]


def _edit_record(edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> Edit:
    """The record after `edit` was at its request and its answer."""

    def edit_line(line: bytes) -> bytes:
        record = json.loads(line)
        edit(record["captureData"]["endpointInput"], record["captureData"]["endpointOutput"])
        return json.dumps(record).encode()

    return edit_line


def _in_json(request: dict[str, Any], _: dict[str, Any]) -> None:
    fields = request["data"].strip().split(",")
    row = [float(field) if at < len(dataset.NUMERIC) and field else field for at, field in enumerate(fields)]
    request.update(encoding="JSON", observedContentType="application/json", data=json.dumps({"instances": [row]}))


def _in_base64(request: dict[str, Any], _: dict[str, Any]) -> None:
    request.update(encoding="BASE64", data=base64.b64encode(request["data"].encode()).decode())


def _of_three_rows(request: dict[str, Any], answer: dict[str, Any]) -> None:
    request.update(data=request["data"] * 3)
    answer.update(data="\n".join([answer["data"]] * 3))


def _first_value(value: bytes) -> Edit:
    def edit_line(line: bytes) -> bytes:
        head, mark, rest = line.partition(b'"data":"')
        return head + mark + value + rest[rest.index(b",") :]

    return edit_line


def _replace_bytes(old: bytes, new: bytes) -> Edit:
    return lambda line: line.replace(old, new)


READABLE: tuple[Edit, ...] = (
    _edit_record(lambda _request, _answer: None),
    _edit_record(_in_json),
    _edit_record(_in_base64),
    _edit_record(_of_three_rows),
    _edit_record(lambda _, answer: answer.update(data="")),
    _first_value(b""),
    _first_value(b"NaN"),
    _first_value(b"+1.5e-3"),
    _first_value(b" 0.5"),
    _first_value(b"-1e300"),
    _replace_bytes(b",web", b",kiosk"),
    _replace_bytes(b",JFK", ",Besançon".encode()),
    lambda line: line + b"\r",
    lambda line: b"\t" + line,
)
REJECTED: tuple[Edit, ...] = (
    _edit_record(lambda request, _: request.update(data=request["data"] * 2)),
    _edit_record(lambda request, _: request.update(data="")),
    _edit_record(lambda request, _: request.update(encoding="NONE")),
    _edit_record(lambda request, _: request.update(encoding="BASE64")),
    _edit_record(lambda request, _: request.pop("data")),
    _edit_record(lambda _, answer: answer.pop("data")),
    _edit_record(lambda _, answer: answer.update(data="high")),
    _first_value(b"inf"),
    _first_value(b"1e999"),
    _first_value(b"seven"),
    _first_value(b"1,2"),
    _replace_bytes(b",", b";"),
    lambda line: line[: len(line) // 2],
    lambda line: b"\xff" + line,
    lambda _: b"\x1f\x8b\x08\x00, as gzip begins",
    lambda _: b"cut\rin two",
    lambda _: b"null",
)


def write(folder: Path) -> int:
    """Writes FILES, the same bytes each time; returns how many records are of a kind that is rejected."""
    random, rejected = np.random.default_rng(SEED), 0
    batches = dataset.generate_lines(dataset.BATCH * sum(FILES.values()))
    for name, count in FILES.items():
        with (gzip.open if name.endswith(".gz") else open)(folder / name, "wb") as file:
            for _ in range(count):
                lines = next(batches).splitlines()
                rejected += _make_odd(lines, random)
                file.write(b"\n".join([*lines, b""]))
    return rejected


def _make_odd(lines: list[bytes], random: np.random.Generator) -> int:
    edits = (*READABLE, *REJECTED)
    chosen = random.choice(len(lines), int(ODD * len(lines)), replace=False).tolist()
    kinds = random.integers(0, len(edits), len(chosen)).tolist()
    for at, kind in zip(chosen, kinds, strict=True):
        lines[at] = edits[kind](lines[at])
    for at in random.choice(len(lines), int(BLANK * len(lines)), replace=False).tolist():
        lines[at] += b"\n \t\r" if at % 2 else b"\n"
    return sum(kind >= len(READABLE) for kind in kinds)
