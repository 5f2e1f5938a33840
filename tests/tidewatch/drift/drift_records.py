"""Training columns and captured lines for the tests of drift: two numbers, a category between them, a score."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from tidewatch.drift.reference import Reference
from tidewatch.drift.training.reference_builder import build_reference

CARRIERS = ("AA", "DL", "UA", "København", "a carrier of a long name")


def reference(rows: int = 400, seed: int = 1, order: Sequence[str] | None = None) -> Reference:
    """Of distance, carrier, delay and the score p."""
    rng = np.random.default_rng(seed)
    distance = np.round(rng.lognormal(6, 0.7, rows), 2)
    delay = np.where(rng.random(rows) < 0.05, np.nan, np.round(rng.normal(0, 12, rows), 1))
    carrier = [CARRIERS[at] for at in rng.integers(0, len(CARRIERS), rows)]
    score = rng.beta(2, 5, rows).astype(np.float32).astype(np.float64)
    columns = {"distance": distance, "carrier": carrier, "delay": delay}
    return build_reference(columns, score=("p", score), order=order)


def line(row: str, answer: str = "0.25", *, event: str = "0" * 36, inference: str | None = None) -> bytes:
    """A captured line, without its newline, of CSV on both sides."""
    metadata = {"eventId": event, "inferenceTime": "2026-01-01T10:00:00Z"}
    if inference is not None:
        metadata["inferenceId"] = inference
    sides = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": row, "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": answer, "encoding": "CSV"},
    }
    record = {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def plain_lines(count: int, seed: int = 2) -> list[bytes]:
    """Lines as SageMaker writes them all day."""
    rng = np.random.default_rng(seed)
    return [
        line(
            f"{rng.lognormal(6, 0.7):.2f},{CARRIERS[rng.integers(0, 3)]},{rng.normal(0, 12):.1f}\n",
            f"{rng.beta(2, 5):.6f}",
            event=f"{at:036d}",
        )
        for at in range(count)
    ]
