"""Draws a feature's distribution, and the hours of a window, as SVG that reads without colours and without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from tidewatch.drift.reference import CategoryFeature, Counts, Feature, Floats, NumericFeature
from tidewatch.html import length, percent, text

NAMED = 12
"""Categories drawn by name; the others are drawn together."""
LABEL, BARS, SHARES = 118, 150, 92
"""Widths of a drawing's three columns."""
ROW, BAR = 22, 7
CELL = 10
LONGEST = 20


@dataclass(frozen=True)
class Pair:
    """One bin: its label and its share of all rows, in the reference, in production, and the week before (or None)."""

    label: str
    reference: float
    production: float
    before: float | None = None


def pairs(feature: Feature, production: Counts, before: Counts | None = None) -> tuple[Pair, ...]:
    """The bins of a feature as they are drawn; the shares of each of the three add up to 1 where it has rows.

    production, before: a profile's counts of it, shape (width,). Numbers: their decile bins, what lies outside of the
    training's range, missing. Categories: the twelve with the largest share in either, other, unseen, missing. Bins
    beside these that are empty in all three are left out.
    """
    own = _of_training(feature)
    labels, merge, kept = _numeric(feature) if isinstance(feature, NumericFeature) else _named(feature, own, production)
    columns = [_shares(merge, counts) for counts in (own, production, before) if counts is not None]
    return tuple(
        Pair(label, *(float(column[at]) for column in columns))
        for at, label in enumerate(labels)
        if at in kept or any(column[at] for column in columns)
    )


def _of_training(feature: Feature) -> Counts:
    """The reference's own rows as a profile would have counted them."""
    if isinstance(feature, NumericFeature):
        return np.array([*feature.counts, feature.missing], np.int64)
    return np.array([*feature.counts, *feature.rest, 0, feature.missing], np.int64)


_VALUE_OR_NONE = ["any value", "missing"]
"""What is drawn of a column that was empty in training."""


def _numeric(feature: NumericFeature) -> tuple[list[str], Counts, range]:
    if feature.minimum is None or feature.maximum is None:
        return _VALUE_OR_NONE, np.array([0, 1]), range(0)
    cuts = [feature.edges[at] for at in feature.deciles]
    bounds = [_number(bound) for bound in (feature.minimum, *cuts, feature.maximum)]
    labels = [
        f"under {bounds[0]}",
        *(f"{low} to {high}" if low != high else low for low, high in pairwise(bounds)),
        f"over {bounds[-1]}",
        "missing",
    ]
    starts = [0, 1, *(at + 1 for at in feature.deciles), len(feature.edges), len(feature.edges) + 1]
    merge = np.searchsorted(starts, np.arange(feature.width), "right") - 1
    return labels, merge, range(1, len(labels) - 2)


def _named(feature: CategoryFeature, own: Counts, production: Counts) -> tuple[list[str], Counts, range]:
    if not feature.total:
        return _VALUE_OR_NONE, np.append(np.zeros(feature.width - 1, np.int64), 1), range(0)
    every = np.arange(feature.width)
    named = len(feature.values)
    largest = np.maximum(_shares(every, own), _shares(every, production))[:named]
    drawn: list[int] = sorted(np.argsort(-largest, kind="stable")[:NAMED].tolist())
    merge = np.full(feature.width, len(drawn), np.int64)
    merge[drawn] = np.arange(len(drawn))
    merge[-2:] = len(drawn) + 1, len(drawn) + 2
    labels = [*(_short(feature.shown(at)) for at in drawn), "(other)", "(unseen)", "(missing)"]
    return labels, merge, range(len(drawn))


def _shares(merge: Counts, counts: Counts) -> Floats:
    summed = np.bincount(merge, weights=counts, minlength=int(merge.max()) + 1)
    return summed / max(float(summed.sum()), 1.0)


def distribution(number: int, name: str, bins: Sequence[Pair]) -> str:
    """Bars in pairs, the reference's hollow above production's solid; a tick where the week before stood.

    number: tells the drawings of a page apart.
    """
    full = max((share for pair in bins for share in (pair.reference, pair.production, pair.before or 0.0)), default=0.0)
    scale = BARS / full if full else 0.0
    hollow, solid, ticks, words = "", "", "", ""
    for at, pair in enumerate(bins):
        top = at * ROW + 3
        hollow += _bar(top, pair.reference * scale)
        solid += _bar(top + BAR + 1, pair.production * scale)
        if pair.before is not None:
            ticks += f"M{length(LABEL + pair.before * scale)} {top - 1}v{2 * BAR + 3}"
        words += (
            f'<text class="l" x="{LABEL - 6}" y="{top + 11}">{text(pair.label)}</text>'
            f'<text x="{LABEL + BARS + 6}" y="{top + 11}">{percent(pair.reference)} → {percent(pair.production)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {LABEL + BARS + SHARES} {len(bins) * ROW + 2}" role="img" '
        f'aria-labelledby="t{number} d{number}"><title id="t{number}">{text(name)}: shares of the rows</title>'
        f'<desc id="d{number}">{text(_described(bins))}</desc>'
        f'<path class="r" d="{hollow}"/><path class="p" d="{solid}"/>'
        + (f'<path class="b" d="{ticks}"/>' if ticks else "")
        + f"{words}</svg>"
    )


def _described(bins: Sequence[Pair]) -> str:
    if not bins:
        return "No rows."
    most = max(bins, key=lambda pair: abs(pair.production - pair.reference))
    return (
        f"The reference above, production below. Moved most: {most.label}, "
        f"from {percent(most.reference)} to {percent(most.production)}."
    )


def _bar(top: float, units: float) -> str:
    return f"M{LABEL} {top}h{length(units)}v{BAR}h-{length(units)}z" if units else ""


def strip(start: datetime, end: datetime, missing: Sequence[datetime]) -> str:
    """One cell an hour from start to end: solid where it was counted, hollow and struck through where it is missing."""
    hours = int((end - start) / timedelta(hours=1))
    gone = set(missing)
    solid, hollow, days = "", "", ""
    for at in range(hours):
        hour, left = start + timedelta(hours=at), at * CELL
        square = f"M{left + 1} 1h{CELL - 2}v{CELL}h-{CELL - 2}z"
        if hour in gone:
            hollow += f"{square}m0 {CELL}l{CELL - 2}-{CELL}"
        else:
            solid += square
        if hour.hour == 0 or at == 0:
            days += f'<text x="{left + 1}" y="{CELL + 14}">{hour:%b %-d}</text>' if hours - at > 6 else ""
    said = f"{hours - len(gone)} of {hours} hours counted, {len(gone)} missing."
    return (
        f'<svg class="strip" viewBox="0 0 {hours * CELL} {CELL + 18}" role="img" aria-labelledby="ts ds">'
        f'<title id="ts">Hours counted</title><desc id="ds">{said}</desc>'
        f'<path class="p" d="{solid}"/><path class="r" d="{hollow}"/>{days}</svg>'
    )


def _number(value: float) -> str:
    return f"{value:.3g}"


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
