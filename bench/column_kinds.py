"""Columns of one kind each, alone in a model: where a fault of the judgement would hide among 25 columns.

Each kind's law is known, so that training and windows are drawn from it and no population is made of it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.alarm_rows import REFERENCES, SIZES, WINDOWS, WINDOWS_A_REFERENCE, Promise, Row, counted, profiles
from bench.populations import Column, Source, zipf
from tidewatch.drift.binning import Categories
from tidewatch.drift.reference import Feature, Floats, NumericFeature, Reference
from tidewatch.drift.training import build
from tidewatch.drift.verdict import judge

COLUMN = "column"
STILL = "no drift"
TRAININGS = (1_000_000, 50_000, 1_000)
"""Rows of the references where the size of the training must not matter."""


class Law(Source, Protocol):
    """Of one column."""

    def drawn(self, rows: int, rng: np.random.Generator) -> Column:
        """So many values of it."""
        ...


@dataclass(frozen=True, eq=False)
class Listed:
    """Each of `names`, words or numbers, with its probability, shape (K,)."""

    names: Column
    chances: Floats

    def drawn(self, rows: int, rng: np.random.Generator) -> Column:
        return np.repeat(self.names, rng.multinomial(rows, self.chances))

    def shares(self, feature: Feature) -> Floats:
        if isinstance(feature, NumericFeature):
            bins = np.searchsorted(feature.edges, self.names, "right").tolist()
        else:
            bins = list(map(Categories(feature).bin, self.names.tolist()))
        return np.asarray(np.bincount(bins, self.chances, feature.width), np.float64)

    def giving(self, share: float, at: int) -> Listed:
        """One of the names has `share` of the rows, the others what is left, as before to each other."""
        chances = self.chances * ((1 - share) / (1 - self.chances[at]))
        chances[at] = share
        return Listed(self.names, chances)

    def with_new(self, share: float, names: int = 5) -> Listed:
        """So many names that were not there have `share` of the rows together."""
        new = np.array([f"new {at}" for at in range(names)])
        return Listed(np.append(self.names, new), np.append(self.chances * (1 - share), np.full(names, share / names)))


def equal(size: int) -> Listed:
    """So many words with one probability."""
    return Listed(np.array([f"store {at}" for at in range(size)]), np.full(size, 1 / size))


def ranked(size: int) -> Listed:
    """So many words by Zipf's law."""
    return Listed(np.array([f"item {at}" for at in range(size)]), zipf(size))


@dataclass(frozen=True)
class ZeroInflated:
    """Zero with the probability `zeros`, else exponential with the mean `scale`."""

    zeros: float
    scale: float

    def drawn(self, rows: int, rng: np.random.Generator) -> Column:
        return np.where(rng.random(rows) < self.zeros, 0.0, rng.exponential(self.scale, rows))

    def shares(self, feature: Feature) -> Floats:
        assert isinstance(feature, NumericFeature)
        edges = np.asarray(feature.edges)
        below = np.where(edges > 0, 1 - (1 - self.zeros) * np.exp(-np.maximum(edges, 0) / self.scale), 0.0)
        return np.append(np.diff(below, prepend=0, append=1), 0.0)


@dataclass(frozen=True)
class Move:
    """What becomes of a kind's column, in windows of so many rows, and what is promised of them."""

    name: str
    law: Law
    promise: Promise = Promise.FOUND
    window_rows: int = 5_000


@dataclass(frozen=True)
class Kind:
    """A column at rest and its moves. references: rows of those at rest; moving: of those that must find the moves."""

    name: str
    law: Law
    moves: Sequence[Move] = ()
    references: Sequence[int] = REFERENCES
    moving: Sequence[int] = REFERENCES[:1]

    def asked(self, trained: int, sizes: Sequence[int]) -> Iterable[Move]:
        """What is measured against references of so many rows."""
        if trained in self.references:
            yield from (Move(STILL, self.law, Promise.QUIET, size) for size in sizes)
        if trained in self.moving:
            yield from self.moves


def _taken_over(
    name: str, law: Listed, references: Sequence[int] = REFERENCES, moving: Sequence[int] = REFERENCES[:1]
) -> Kind:
    """The last of its values, the rarest where they differ, takes over."""
    moves = (
        Move("one of them takes 12%", law.giving(0.12, -1)),
        Move("one of them takes 40%", law.giving(0.4, -1), Promise.DRIFT),
        Move("only one of them is left", law.giving(1.0, -1), Promise.DRIFT),
    )
    return Kind(name, law, moves, references, moving)


def _flags(name: str, names: Column) -> Kind:
    """Two values, the second of them in 30% of the rows."""
    law = Listed(names, np.array([0.7, 0.3]))
    moves = [Move(f"30% -> {share}%", law.giving(share / 100, 1), Promise.FOUND, rows) for share, rows in _moved(30)]
    return Kind(name, law, moves)


def _moved(share: int) -> Iterator[tuple[int, int]]:
    """By how many percent a share goes up and down, with the rows of a window that is enough for it.

    By chance a share that moved by just the five points of a warning moved by less in half of the windows.
    """
    for points, rows in ((6, 50_000), (10, 5_000)):
        yield from ((share + points, rows), (share - points, rows))


def _with_new(name: str, law: Listed) -> Kind:
    moves = (
        Move("1.5% are new", law.with_new(0.015), Promise.QUIET, 10_000),
        Move("3% are new", law.with_new(0.03), Promise.FOUND, 10_000),
        Move("6% are new", law.with_new(0.06), Promise.DRIFT, 10_000),
    )
    return Kind(name, law, moves, TRAININGS, TRAININGS)


def _zero_inflated(zeros: int, *times: tuple[float, Promise]) -> Kind:
    """times: what the other numbers are multiplied by, and what is promised of it."""
    share = zeros / 100
    moves = (
        *(
            Move(f"{zeros}% -> {now}%", ZeroInflated(now / 100, 5.0), Promise.FOUND, rows)
            for now, rows in _moved(zeros)
            if now < 100
        ),
        *(Move(f"the others times {factor:g}", ZeroInflated(share, 5 * factor), promise) for factor, promise in times),
    )
    return Kind(f"{zeros}% zeros", ZeroInflated(share, 5.0), moves)


KINDS = (
    *(_taken_over(f"{size:,} equal values", equal(size)) for size in (51, 200, 1_115, 6_000)),
    # So many that by chance this training misses some, each of them in many rows of a window.
    Kind("250 equal values", equal(250), references=REFERENCES[-1:], moving=()),
    _taken_over("2,000 values, Zipf", ranked(2_000), TRAININGS, TRAININGS[:2]),
    _taken_over("20,000 values, Zipf", ranked(20_000)),
    _flags("0 and 1", np.array([0.0, 1.0])),
    _flags("false and true", np.array(["false", "true"])),
    _with_new("20 values, Zipf", ranked(20)),
    _zero_inflated(70, (2, Promise.FOUND), (0.5, Promise.FOUND), (5, Promise.DRIFT)),
    # Doubled, a fortieth of all values has moved.
    _zero_inflated(90, (2, Promise.QUIET), (10, Promise.FOUND)),
)


def table(
    windows: int = WINDOWS,
    sizes: Sequence[int] = SIZES,
    seed: int = 1,
    *,
    kinds: Iterable[Kind] = KINDS,
    a_reference: int = WINDOWS_A_REFERENCE,
) -> list[Row]:
    """Every kind without drift at every size, and its moves; the same seed gives the same rows of a kind.

    All sizes and moves are judged by the same references, since one of a million rows takes its time.
    """
    rows: list[Row] = []
    for kind in kinds:
        rng = np.random.default_rng([seed, *kind.name.encode()])
        for trained in dict.fromkeys((*kind.references, *kind.moving)):
            references = [reference(kind.law, trained, rng) for _ in range(-(-windows // a_reference))]
            for move in kind.asked(trained, sizes):
                found = [
                    judge(each, profile).verdict
                    for at, each in enumerate(references)
                    for profile in profiles(
                        each, {COLUMN: move.law}, move.window_rows, min(a_reference, windows - at * a_reference), rng
                    )
                ]
                rows.append(counted(f"{kind.name}: {move.name}", move.promise, trained, move.window_rows, found))
    return rows


def reference(law: Law, rows: int, rng: np.random.Generator) -> Reference:
    """That of so many rows of one column."""
    drawn = law.drawn(rows, rng)
    return build({COLUMN: drawn if drawn.dtype.kind == "f" else drawn.tolist()})
