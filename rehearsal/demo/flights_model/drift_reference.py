"""Drift references of the flights models: the training flights as request rows, and the model's scores for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from rehearsal.demo.flights_model import dataset as dataset
from tidewatch.capture.parsing import parse_category
from tidewatch.drift.reference import Reference
from tidewatch.drift.training.reference_builder import ColumnValues, build_reference

SCORE = "p_late"
SCORE_OUTPUT = 1
"""Index of P(late) in a row of output__0, after P(on time)."""


def build_flights_reference(
    rows: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], with_weather: bool = True
) -> Reference:  # fmt: skip
    """Builds the reference of a model from its training rows and scores; the same flights give the same bytes.

    `rows` are request tensors, float32, (n, len(FEATURES)); `scores` are P(late) as served, float32, (n,). A feature is
    numeric or categorical as in the model's manifest. A feature that the model ignores is a column of the requests, but
    is not compared.
    """
    columns: dict[str, ColumnValues] = {
        feature.name: _to_category_texts(values) if feature.kind == "categorical" else values.astype(np.float64)
        for feature, values in zip(dataset.list_features(with_weather), rows.T, strict=True)
        if feature.used
    }
    score = (SCORE, scores.astype(np.float64))
    return build_reference(columns, score=score, order=dataset.FEATURES, score_output=SCORE_OUTPUT)


def build_training_table(rows: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> pl.DataFrame:
    """Builds the table from which `tidewatch drift reference` makes the same reference.

    The shapes are those of `build_flights_reference`. The columns that a model ignores are in the table too.
    """
    table = pl.DataFrame(rows, schema=list(dataset.FEATURES))
    return table.with_columns(pl.col(dataset.CATEGORICAL).cast(pl.Int16), pl.Series(SCORE, scores))


def _to_category_texts(codes: npt.NDArray[np.float32]) -> Sequence[str | None]:
    """Category indices as the drift job reads them from a tensor."""
    distinct, indices = np.unique(codes, return_inverse=True)
    texts = [parse_category(code) for code in distinct.tolist()]
    return [texts[index] for index in indices.tolist()]
