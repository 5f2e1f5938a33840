"""Captured records and training rows as pandas tables, for the peers, which cannot read captured records themselves.

This is the fastest way with pandas: typed JSON by msgspec, one CSV text, pandas.read_csv with its pyarrow engine and
given column types, categories as pandas' category type.
"""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow

from bench.drift.dataset import CATEGORIES, COLUMNS, NUMERIC, SCORE

READ_SIZE = 1 << 20
VERSIONS = {"msgspec": msgspec.__version__, "pandas": pd.__version__, "pyarrow": pyarrow.__version__}
# One thread, as for all contestants; pyarrow does not read all of its thread counts from the environment.
pyarrow.set_cpu_count(1)


class CsvPayload(msgspec.Struct, gc=False):
    """The body of a request or of its answer."""

    data: str


class CsvCapture(msgspec.Struct, gc=False, rename={"request": "endpointInput", "response": "endpointOutput"}):
    """Both payloads of a record."""

    request: CsvPayload
    response: CsvPayload


class CsvRecord(msgspec.Struct, gc=False, rename="camel"):
    """The parts of a record that are read."""

    capture_data: CsvCapture


def read_captured(file: Path) -> pd.DataFrame:
    """Returns the file's records, one for each row: the features and the score."""
    types = {**dict.fromkeys(NUMERIC, "float64"), **dict.fromkeys(CATEGORIES, "category"), SCORE: "float64"}
    return pd.read_csv(
        io.BytesIO(_read_csv_text(file)), header=None, names=[*COLUMNS, SCORE], dtype=types, engine="pyarrow"
    )


def _read_csv_text(file: Path) -> bytes:
    decoder = msgspec.json.Decoder(CsvRecord)
    parts: list[bytes] = []
    with file.open("rb") as stream:
        while lines := stream.readlines(READ_SIZE):
            records = [line.capture_data for line in decoder.decode_lines(b"".join(lines))]
            rows = [record.request.data.removesuffix("\n") + "," + record.response.data + "\n" for record in records]
            parts.append("".join(rows).encode())
    return b"".join(parts)


def read_training(file: Path) -> pd.DataFrame:
    """Returns the training rows, in the same columns."""
    with np.load(file) as arrays:
        numeric, codes, score = (arrays[name] for name in ("numeric", "codes", "score"))
    columns = {name: numeric[:, index] for index, name in enumerate(NUMERIC)}
    categories = {
        name: pd.Categorical.from_codes(codes[:, index], list(values))
        for index, (name, values) in enumerate(CATEGORIES.items())
    }
    return pd.DataFrame({**columns, **categories, SCORE: score})
