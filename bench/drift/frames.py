"""Captured records and training rows as pandas tables, for the peers: they read no captured records themselves.

By the fastest way that pandas itself offers: typed JSON by msgspec, one CSV text, pandas.read_csv with its pyarrow
engine and the columns' types given, categories as pandas' category type.
"""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow

from bench.drift.data import CATEGORIES, COLUMNS, NUMERIC, SCORE

READ_AT_A_TIME = 1 << 20
VERSIONS = {"msgspec": msgspec.__version__, "pandas": pd.__version__, "pyarrow": pyarrow.__version__}
# One thread, as for everybody; pyarrow does not read all of its thread counts from the environment.
pyarrow.set_cpu_count(1)


class Payload(msgspec.Struct, gc=False):
    """What the endpoint was sent, or answered."""

    data: str


class Capture(msgspec.Struct, gc=False, rename={"sent": "endpointInput", "answered": "endpointOutput"}):
    """Both payloads of a record."""

    sent: Payload
    answered: Payload


class Line(msgspec.Struct, gc=False, rename="camel"):
    """A record, as far as it is read."""

    capture_data: Capture


def captured(file: Path) -> pd.DataFrame:
    """The file's records, one a row: the features and the score."""
    types = {**dict.fromkeys(NUMERIC, "float64"), **dict.fromkeys(CATEGORIES, "category"), SCORE: "float64"}
    return pd.read_csv(io.BytesIO(_text(file)), header=None, names=[*COLUMNS, SCORE], dtype=types, engine="pyarrow")


def _text(file: Path) -> bytes:
    decoder = msgspec.json.Decoder(Line)
    parts: list[bytes] = []
    with file.open("rb") as stream:
        while lines := stream.readlines(READ_AT_A_TIME):
            records = [line.capture_data for line in decoder.decode_lines(b"".join(lines))]
            rows = [one.sent.data.removesuffix("\n") + "," + one.answered.data + "\n" for one in records]
            parts.append("".join(rows).encode())
    return b"".join(parts)


def trained(file: Path) -> pd.DataFrame:
    """The training rows, in the same columns."""
    with np.load(file) as arrays:
        numeric, codes, score = (arrays[name] for name in ("numeric", "codes", "score"))
    columns = {name: numeric[:, at] for at, name in enumerate(NUMERIC)}
    named = {
        name: pd.Categorical.from_codes(codes[:, at], list(values))
        for at, (name, values) in enumerate(CATEGORIES.items())
    }
    return pd.DataFrame({**columns, **named, SCORE: score})
