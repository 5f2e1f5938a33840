"""The reference: what the training data looked like, frozen with the model version that was trained on it.

Everything that is counted in production is counted in these bins, so profiles add up and never hold a raw value.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from tidewatch.drift.errors import InvalidReference

SCHEMA = 1

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]


class NumericFeature(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="numeric"):
    """A numeric column in quantile bins.

    edges: ascending and distinct; the first lies just under the minimum and the last just above the maximum, the up to
    999 between them at the quantiles k/1000, halfway between neighbouring distinct values. counts: len(edges) + 1, of
    the rows with edges[i-1] <= x < edges[i]; the outer two are 0. deciles: the edges (by index) between the up to ten
    bins of about equal count. missing: rows without a value. A column of missing values only has no edges and the
    counts (0,).
    """

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    deciles: tuple[int, ...]
    missing: int
    minimum: float | None
    maximum: float | None

    @property
    def width(self) -> int:
        """Counts that a profile keeps of it: the bins, then the missing."""
        return len(self.counts) + 1

    @property
    def total(self) -> int:
        """Rows with a value."""
        return sum(self.counts)


class CategoryFeature(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="category"):
    """A column of categories.

    values: the most frequent ones, most frequent first, with their counts. others: every other value of the training,
    sorted, in `other` rows. singletons: values seen exactly once; singletons / total estimates the rate at which
    values never seen before turn up without any drift (Good 1953, "The population frequencies of species", Biometrika
    40). open: the training had too many values to keep, so unseen ones cannot be told from others.
    """

    name: str
    values: tuple[str, ...]
    counts: tuple[int, ...]
    others: tuple[str, ...]
    other: int
    singletons: int
    open: bool
    missing: int

    @property
    def width(self) -> int:
        """Counts that a profile keeps of it: the values, then other, unseen and missing."""
        return len(self.values) + 3

    @property
    def total(self) -> int:
        """Rows with a value."""
        return sum(self.counts) + self.other


Feature: TypeAlias = NumericFeature | CategoryFeature


class Reference(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A model version's training data, counted.

    columns: the request's columns in their order, those that are no features among them. features: in the order of
    the columns. score: the distribution of what the model answered for the training rows, in float32 as served;
    score_output: which number of an answer's row it is, -1 for the last.
    """

    schema: Literal[1] = SCHEMA
    rows: int
    columns: tuple[str, ...]
    features: tuple[Feature, ...]
    score: NumericFeature | None = None
    score_output: int = -1

    @property
    def measured(self) -> tuple[Feature, ...]:
        """What a profile counts, in its order: the features, then the score where there is one."""
        return self.features if self.score is None else (*self.features, self.score)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex: what a profile was counted against."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """JSON with sorted keys: the same data gives the same bytes."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


class _Schema(msgspec.Struct):
    schema: int


def decode(raw: bytes, source: str) -> Reference:
    """The reference in `raw`; `source` names it in messages.

    Raises InvalidReference where it is none, is a later tidewatch's, or contradicts itself.
    """
    try:
        schema = msgspec.json.decode(raw, type=_Schema).schema
        if schema > SCHEMA:
            raise InvalidReference(
                f"{source} has schema {schema}, and this tidewatch reads up to {SCHEMA}: upgrade tidewatch"
            )
        reference = msgspec.json.decode(raw, type=Reference)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        said = str(error).replace("`$.", "`")
        raise InvalidReference(
            f"{source} is not a reference: {said}; write one with `tidewatch drift reference`"
        ) from error
    _check(reference, source)
    return reference


def _check(reference: Reference, source: str) -> None:
    names = [feature.name for feature in reference.measured]
    faults = [
        *(f"the name {name!r} stands twice" for name, times in Counter(names).items() if times > 1),
        *(
            f"the feature {feature.name!r} is no column"
            for feature in reference.features
            if feature.name not in reference.columns
        ),
        *(fault for feature in reference.measured for fault in _faults(feature)),
    ]
    if faults:
        raise InvalidReference(f"{source} contradicts itself: {'; '.join(faults)}. Build the reference again")


def _faults(feature: Feature) -> list[str]:
    if min(feature.counts, default=0) < 0 or feature.missing < 0:
        return [f"{feature.name} has a negative count"]
    if isinstance(feature, CategoryFeature):
        fits = len(feature.values) == len(feature.counts) and len(set(feature.values)) == len(feature.values)
        return [] if fits else [f"{feature.name} has {len(feature.counts)} counts for {len(feature.values)} values"]
    edges = np.asarray(feature.edges, np.float64)
    ascending = bool(np.isfinite(edges).all()) and bool((np.diff(edges) > 0).all())
    inner = all(0 < at < len(edges) - 1 for at in feature.deciles) and list(feature.deciles) == sorted(
        set(feature.deciles)
    )
    fits = len(feature.counts) == len(feature.edges) + 1 and len(edges) != 1
    bounded = not len(edges) or (
        feature.minimum is not None and feature.maximum is not None and feature.counts[0] == feature.counts[-1] == 0
    )
    return [
        *([] if ascending else [f"the edges of {feature.name} do not ascend"]),
        *([] if inner else [f"the deciles of {feature.name} are no inner edges"]),
        *([] if bounded else [f"{feature.name} has values beyond its minimum and maximum, or lacks one of them"]),
        *([] if fits else [f"{feature.name} has {len(feature.counts)} counts for {len(feature.edges)} edges"]),
    ]
