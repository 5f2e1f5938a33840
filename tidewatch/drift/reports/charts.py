"""Draws a feature's distribution and the hours of a window as SVG, readable without colours and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from tidewatch.arrays import Counts, Floats
from tidewatch.drift.reference import CategoryFeature, Feature, NumericFeature
from tidewatch.html import escape_html, format_length, format_percent

MAX_DRAWN_CATEGORIES = 12
"""The number of categories drawn by name. The others are drawn together."""
LABEL_WIDTH, BARS_WIDTH, SHARES_WIDTH = 118, 150, 92
"""The widths of a drawing's three columns."""
ROW_HEIGHT, BAR_HEIGHT = 22, 7
CELL_SIZE = 10
MAX_LABEL_LENGTH = 20


@dataclass(frozen=True)
class BinShares:
    """One bin: its label, and its shares of all rows in the reference, in production and a week before."""

    label: str
    reference: float
    production: float
    before: float | None = None
    """None if there is no week before."""


def compute_bin_shares(feature: Feature, production: Counts, before: Counts | None = None) -> tuple[BinShares, ...]:
    """Returns the bins of a feature as they are drawn. The shares of each of the three add up to 1 if it has rows.

    `production` and `before` are a profile's counts of it, of shape (width,). Numbers have their decile bins, the
    values outside the training's range, and missing. Categories have the twelve with the largest share in either,
    other, unseen and missing. Other bins that are empty in all three are left out.
    """
    training_counts = _build_training_counts(feature)
    labels, merge, always_shown = (
        _group_numeric_bins(feature)
        if isinstance(feature, NumericFeature)
        else _group_category_bins(feature, training_counts, production)
    )
    columns = [_compute_shares(merge, counts) for counts in (training_counts, production, before) if counts is not None]
    return tuple(
        BinShares(label, *(float(column[index]) for column in columns))
        for index, label in enumerate(labels)
        if index in always_shown or any(column[index] for column in columns)
    )


def _build_training_counts(feature: Feature) -> Counts:
    """Returns the reference's own rows as a profile would count them."""
    if isinstance(feature, NumericFeature):
        return np.array([*feature.counts, feature.missing], np.int64)
    return np.array([*feature.counts, *feature.pool_counts, 0, feature.missing], np.int64)


_EMPTY_COLUMN_LABELS = ["any value", "missing"]
"""The labels of a column that was empty in training."""


def _group_numeric_bins(feature: NumericFeature) -> tuple[list[str], Counts, range]:
    if feature.minimum is None or feature.maximum is None:
        return _EMPTY_COLUMN_LABELS, np.array([0, 1]), range(0)
    cuts = [feature.edges[index] for index in feature.deciles]
    bounds = [_format_number(bound) for bound in (feature.minimum, *cuts, feature.maximum)]
    labels = [
        f"under {bounds[0]}",
        *(f"{low} to {high}" if low != high else low for low, high in pairwise(bounds)),
        f"over {bounds[-1]}",
        "missing",
    ]
    starts = [0, 1, *(index + 1 for index in feature.deciles), len(feature.edges), len(feature.edges) + 1]
    merge = np.searchsorted(starts, np.arange(feature.width), "right") - 1
    return labels, merge, range(1, len(labels) - 2)


def _group_category_bins(
    feature: CategoryFeature, training_counts: Counts, production: Counts
) -> tuple[list[str], Counts, range]:
    if not feature.total:
        return _EMPTY_COLUMN_LABELS, np.append(np.zeros(feature.width - 1, np.int64), 1), range(0)
    every = np.arange(feature.width)
    named = len(feature.values)
    largest = np.maximum(_compute_shares(every, training_counts), _compute_shares(every, production))[:named]
    largest_categories: list[int] = sorted(np.argsort(-largest, kind="stable")[:MAX_DRAWN_CATEGORIES].tolist())
    merge = np.full(feature.width, len(largest_categories), np.int64)
    merge[largest_categories] = np.arange(len(largest_categories))
    merge[-2:] = len(largest_categories) + 1, len(largest_categories) + 2
    labels = [
        *(_truncate_label(feature.format_value(index)) for index in largest_categories),
        "(other)",
        "(unseen)",
        "(missing)",
    ]
    return labels, merge, range(len(largest_categories))


def _compute_shares(merge: Counts, counts: Counts) -> Floats:
    summed = np.bincount(merge, weights=counts, minlength=int(merge.max()) + 1)
    return summed / max(float(summed.sum()), 1.0)


def render_distribution(number: int, name: str, bins: Sequence[BinShares]) -> str:
    """Renders pairs of bars, the reference's hollow above production's solid, with a tick at the week before.

    `number` makes the ids of a page's drawings unique.
    """
    largest_share = max(
        (share for pair in bins for share in (pair.reference, pair.production, pair.before or 0.0)), default=0.0
    )
    scale = BARS_WIDTH / largest_share if largest_share else 0.0
    hollow, solid, ticks, label_texts = "", "", "", ""
    for index, pair in enumerate(bins):
        top = index * ROW_HEIGHT + 3
        hollow += _render_bar(top, pair.reference * scale)
        solid += _render_bar(top + BAR_HEIGHT + 1, pair.production * scale)
        if pair.before is not None:
            ticks += f"M{format_length(LABEL_WIDTH + pair.before * scale)} {top - 1}v{2 * BAR_HEIGHT + 3}"
        label_texts += (
            f'<text class="l" x="{LABEL_WIDTH - 6}" y="{top + 11}">{escape_html(pair.label)}</text>'
            f'<text x="{LABEL_WIDTH + BARS_WIDTH + 6}" y="{top + 11}">{format_percent(pair.reference)} → '
            f"{format_percent(pair.production)}</text>"
        )
    return (
        f'<svg viewBox="0 0 {LABEL_WIDTH + BARS_WIDTH + SHARES_WIDTH} {len(bins) * ROW_HEIGHT + 2}" role="img" '
        f'aria-labelledby="t{number} d{number}"><title id="t{number}">{escape_html(name)}: shares of the rows</title>'
        f'<desc id="d{number}">{escape_html(_describe_bins(bins))}</desc>'
        f'<path class="r" d="{hollow}"/><path class="p" d="{solid}"/>'
        + (f'<path class="b" d="{ticks}"/>' if ticks else "")
        + f"{label_texts}</svg>"
    )


def _describe_bins(bins: Sequence[BinShares]) -> str:
    if not bins:
        return "No rows."
    most_changed = max(bins, key=lambda pair: abs(pair.production - pair.reference))
    return (
        f"The reference is above, production below. The largest change: {most_changed.label}, from "
        f"{format_percent(most_changed.reference)} to {format_percent(most_changed.production)}."
    )


def _render_bar(top: float, units: float) -> str:
    return f"M{LABEL_WIDTH} {top}h{format_length(units)}v{BAR_HEIGHT}h-{format_length(units)}z" if units else ""


def render_hour_strip(start: datetime, end: datetime, missing: Sequence[datetime]) -> str:
    """Renders one cell per hour: solid if it was counted, hollow and struck through if it is missing."""
    hours = int((end - start) / timedelta(hours=1))
    missing_hours = set(missing)
    solid, hollow, day_labels = "", "", ""
    for index in range(hours):
        hour, x = start + timedelta(hours=index), index * CELL_SIZE
        square = f"M{x + 1} 1h{CELL_SIZE - 2}v{CELL_SIZE}h-{CELL_SIZE - 2}z"
        if hour in missing_hours:
            hollow += f"{square}m0 {CELL_SIZE}l{CELL_SIZE - 2}-{CELL_SIZE}"
        else:
            solid += square
        if hour.hour == 0 or index == 0:
            day_labels += f'<text x="{x + 1}" y="{CELL_SIZE + 14}">{hour:%b %-d}</text>' if hours - index > 6 else ""
    description = f"{hours - len(missing_hours)} of {hours} hours counted, {len(missing_hours)} missing."
    return (
        f'<svg class="strip" viewBox="0 0 {hours * CELL_SIZE} {CELL_SIZE + 18}" role="img" aria-labelledby="ts ds">'
        f'<title id="ts">Hours counted</title><desc id="ds">{description}</desc>'
        f'<path class="p" d="{solid}"/><path class="r" d="{hollow}"/>{day_labels}</svg>'
    )


def _format_number(value: float) -> str:
    return f"{value:.3g}"


def _truncate_label(label: str) -> str:
    return label if len(label) <= MAX_LABEL_LENGTH else f"{label[: MAX_LABEL_LENGTH - 1]}…"
