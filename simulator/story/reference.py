"""The story's drift references: the training flights as they would be sent, and what the model answers for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simulator.story import flights as story
from tidewatch.capture.scalars import category
from tidewatch.drift.reference import Reference
from tidewatch.drift.training import Column, build

SCORE = "p_late"
SCORE_OUTPUT = 1
"""Where P(late) stands in a row of output__0, after P(on time)."""


def reference(
    rows: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], with_weather: bool = True
) -> Reference:  # fmt: skip
    """The reference of a model that was trained on `rows` and scores them so; the same flights give the same bytes.

    rows: request tensors, float32, (n, len(FEATURES)); scores: P(late) as served, float32, (n,). A feature is numeric
    or a category as in the model's manifest; one that the model ignores is a column of the requests and not compared.
    """
    columns: dict[str, Column] = {
        feature.name: _texts(values) if feature.kind == "categorical" else values.astype(np.float64)
        for feature, values in zip(story.features(with_weather), rows.T, strict=True)
        if feature.used
    }
    score = (SCORE, scores.astype(np.float64))
    return build(columns, score=score, order=story.FEATURES, score_output=SCORE_OUTPUT)


def _texts(codes: npt.NDArray[np.float32]) -> Sequence[str | None]:
    """Category indices as the drift job reads them from a tensor."""
    distinct, places = np.unique(codes, return_inverse=True)
    texts = [category(code) for code in distinct.tolist()]
    return [texts[place] for place in places.tolist()]
