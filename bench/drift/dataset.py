"""The input of all contestants of the drift benchmark: captured records in SageMaker's form, and the training rows.

Everything comes from a fixed seed. Files are created once, in .cache/bench, and later runs use them again. It needs
only numpy, because the peers' environment loads it too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache" / "bench"
FORMAT_VERSION = 1
"""Must be raised with every change to the generated data, so that files in an earlier form are not used."""
RECORDS = 1_000_000
SEED = 7
TRAINING_ROWS = 200_000
TRAINING_SEED = 1
BATCH = 20_000
SHIFT = 0.1
"""How far the normal features in the captured records are from the training."""

NUMERIC = tuple(f"f{index:02}" for index in range(20))
AIRPORTS = (
    *("JFK", "LAX", "ATL", "ORD", "DFW", "DEN", "SFO", "SEA", "MIA", "BOS"),
    *("EWR", "PHX", "IAH", "LAS", "MSP", "DTW", "CLT", "PHL", "SLC", "BWI"),
)
CATEGORIES = {
    "carrier": ("AA", "DL", "UA", "WN", "B6", "AS", "NK", "F9", "HA", "MQ"),
    "origin": AIRPORTS,
    "destination": AIRPORTS,
    "channel": ("web", "app", "ivr"),
}
COLUMNS = (*NUMERIC, *CATEGORIES)
SCORE = "score"
MISSING = {"f03": 0.01, "f07": 0.005, "f15": 0.02}
"""The share of the rows without a value."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_LINE_START = '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"'
_BETWEEN_PAYLOADS = '\\n","encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv","mode":"OUTPUT","data":"'
_BEFORE_EVENT_ID = '","encoding":"CSV"}},"eventMetadata":{"eventId":"'
_BEFORE_TIME = '","inferenceTime":"'
_LINE_END = '"},"eventVersion":"0"}'


@dataclass(frozen=True)
class FeatureRows:
    """Some number n of rows."""

    numeric: Floats
    """Shape (n, 20); NaN for missing."""
    codes: Codes
    """Shape (n, 4); indices into the values of CATEGORIES."""
    score: Floats
    """Shape (n,)."""


def draw_rows(random: np.random.Generator, count: int, shift: float = 0.0) -> FeatureRows:
    """Draws rows of uniform, normal, lognormal, gamma and exponential features, rounded as in requests."""
    numeric = np.column_stack([_draw_feature(random, index, count, shift) for index in range(len(NUMERIC))])
    for name, share in MISSING.items():
        numeric[random.random(count) < share, NUMERIC.index(name)] = np.nan
    codes = np.column_stack([_draw_codes(random, len(values), count) for values in CATEGORIES.values()])
    return FeatureRows(numeric, codes, np.round(random.beta(2, 5, count), 6))


def _draw_feature(random: np.random.Generator, index: int, count: int, shift: float) -> Floats:
    match index % 5:
        case 0:
            return np.round(random.uniform(0, 1, count), 6)
        case 1:
            return np.round(random.normal(shift, 1 + index / 10, count), 5)
        case 2:
            return np.round(random.lognormal(1, 0.8, count), 4)
        case 3:
            return np.round(random.gamma(2, 15 + index, count), 3)
        case _:
            return np.round(random.exponential(0.05 * (index + 1), count), 5)


def _draw_codes(random: np.random.Generator, values: int, count: int) -> Codes:
    """Draws codes by Zipf's law: the second value half as often as the first, the third a third as often."""
    weights = 1 / np.arange(1, values + 1)
    return random.choice(values, count, p=weights / weights.sum())


def generate_lines(count: int, seed: int = SEED) -> Iterator[bytes]:
    """Yields the captured records of `count` rows, each a line with its newline, in batches of BATCH."""
    random = np.random.default_rng(seed)
    for start in range(0, count, BATCH):
        batch = draw_rows(random, min(BATCH, count - start), SHIFT)
        events = random.bytes(16 * len(batch.score))
        seconds = random.integers(0, 3600, len(batch.score)).tolist()
        fields = [["" if value != value else repr(value) for value in column] for column in batch.numeric.T.tolist()]
        fields += [
            [values[code] for code in column]
            for values, column in zip(CATEGORIES.values(), batch.codes.T.tolist(), strict=True)
        ]
        texts = [
            f"{_LINE_START}{','.join(row)}{_BETWEEN_PAYLOADS}{score!r}{_BEFORE_EVENT_ID}"
            f"{_build_event_id(events, index)}{_BEFORE_TIME}"
            f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z{_LINE_END}\n"
            for index, (row, score, second) in enumerate(
                zip(zip(*fields, strict=True), batch.score.tolist(), seconds, strict=True)
            )
        ]
        yield "".join(texts).encode()


def _build_event_id(random: bytes, index: int) -> uuid.UUID:
    return uuid.UUID(bytes=random[16 * index : 16 * index + 16], version=4)


def draw_training_rows() -> FeatureRows:
    """Draws the rows that the reference is built from, and that the peers compare with."""
    return draw_rows(np.random.default_rng(TRAINING_SEED), TRAINING_ROWS)


def provide_captured_file(count: int = RECORDS, folder: Path = CACHE) -> Path:
    """Returns the file of `count` captured records; creates it if it does not exist."""
    path = folder / f"captured-{FORMAT_VERSION}-{SEED}-{count}.jsonl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # The file gets its name only when it is complete, so that an interrupted run leaves nothing that looks
        # complete.
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.writelines(generate_lines(count))
        part.replace(path)
    return path


def provide_training_file(folder: Path = CACHE) -> Path:
    """Returns the training rows as a file of arrays for the peers; creates it if it does not exist."""
    path = folder / f"training-{FORMAT_VERSION}-{TRAINING_SEED}-{TRAINING_ROWS}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rows = draw_training_rows()
        part = path.with_suffix(".part.npz")
        np.savez(part, numeric=rows.numeric, codes=rows.codes, score=rows.score)
        part.replace(path)
    return path
