"""The reference: what the training data looked like, frozen with the model version that was trained on it.

Everything that is counted in production is counted in these bins, so profiles add up and never hold a raw value. Of the
training's own values it holds those that many rows share; a rare one is hashed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from typing import Annotated, Literal, TypeAlias

import msgspec
import numpy as np

from tidewatch.drift.errors import InvalidReference
from tidewatch.text import sanitize

SCHEMA_VERSION = 1
MAX_ROWS = 2**53
"""Rows whose count every JSON reader holds exactly."""
MAX_EDGES, MAX_FEATURE_VALUES, MAX_OTHER_VALUES, MAX_COLUMNS = 1_001, 1_000, 5_000, 10_000
"""Sizes of a reference; one that is built has up to a thousand bins, 50 named values and 5,000 others a column."""
MAX_OUTPUTS = 100_000
"""Numbers of an answer's row."""
MAX_NAME_LENGTH = 1_000
"""Characters of a column's name, and of a category's value."""

DECILES = 10
"""Bins of about equal count that PSI is taken over."""
POOLS = 32
"""Bins that values without a count of their own are dealt to by their hashes: one of them that takes over is seen by
its bin, though how often it was there in training is not kept."""
HASH_PREFIX = "hashed:"
"""What a hashed value begins with, and no value in clear of the same feature does."""
_DIGEST_BYTES = 8

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
Value: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_NAME_LENGTH)]


class NumericFeature(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="numeric"):
    """A numeric column in quantile bins.

    edges: ascending and distinct; the first lies just under the minimum and the last just above the maximum, the up to
    999 between them at the quantiles k/1000, halfway between neighbouring distinct values. counts: len(edges) + 1, of
    the rows with edges[i-1] <= x < edges[i]; the outer two are 0. deciles: the edges (by index) between the up to ten
    bins of about equal count. missing: rows without a value. A column of missing values only has no edges and the
    counts (0,).
    """

    name: Name
    edges: Annotated[tuple[float, ...], msgspec.Meta(max_length=MAX_EDGES)]
    counts: Annotated[tuple[Count, ...], msgspec.Meta(max_length=MAX_EDGES + 1)]
    deciles: Annotated[tuple[Count, ...], msgspec.Meta(max_length=9)]
    missing: Count
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

    @property
    def is_binary(self) -> bool:
        """Whether the training held zeros and ones alone, which others send as false and true."""
        return (self.minimum, self.maximum, len(self.edges)) == (0.0, 1.0, 3)


class CategoryFeature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="category"):
    """A column of categories.

    values: the most frequent ones, most frequent first, with their counts. others: every other value of the training,
    sorted, in `other` rows, which `pools` deals out by their hashes; () where there are none, and in references of old.
    salt: where it is set, values that begin with HASHED are hashes under it; "" where all are in clear, as in
    references of old. singletons: values seen exactly once; singletons / total estimates the rate at which values never
    seen before turn up without any drift (Good 1953, "The population frequencies of species", Biometrika 40).
    doubletons: values seen exactly twice, which tell how rough that estimate is; 0 in references of old. open: the
    training had too many values to keep, so unseen ones cannot be told from others. labels: what each of `values` means
    where they are codes, "" where nothing is known; () where none has a label.
    """

    name: Name
    values: Annotated[tuple[Value, ...], msgspec.Meta(max_length=MAX_FEATURE_VALUES)]
    counts: Annotated[tuple[Count, ...], msgspec.Meta(max_length=MAX_FEATURE_VALUES)]
    others: Annotated[tuple[Value, ...], msgspec.Meta(max_length=MAX_OTHER_VALUES)]
    other: Count
    singletons: Count
    open: bool
    missing: Count
    salt: Annotated[str, msgspec.Meta(max_length=64)] = ""
    pools: Annotated[tuple[Count, ...], msgspec.Meta(max_length=POOLS)] = ()
    doubletons: Count = 0
    labels: Annotated[tuple[Value, ...], msgspec.Meta(max_length=MAX_FEATURE_VALUES)] = ()

    @property
    def width(self) -> int:
        """Counts that a profile keeps of it: the values, then the pools of others, unseen and missing."""
        return len(self.values) + len(self.pool_counts) + 2

    @property
    def pool_counts(self) -> tuple[int, ...]:
        """The rows of others by their pool; all in one where the reference deals none."""
        return self.pools or (self.other,)

    def find_pool(self, stored_value: str) -> int:
        """The pool of one of `values` or `others`."""
        if not self.pools:
            return 0
        return hash_to_pool(stored_value if self.is_hashed(stored_value) else hash_value(stored_value, self.salt))

    @property
    def total(self) -> int:
        """Rows with a value."""
        return sum(self.counts) + self.other

    def is_hashed(self, stored_value: str) -> bool:
        """Whether one of `values` or `others` is a hash."""
        return bool(self.salt) and stored_value.startswith(HASH_PREFIX)

    def format_value(self, index: int) -> str:
        """One of `values` as people read it, with its label where it has one."""
        stored_value = self.values[index]
        if self.is_hashed(stored_value):
            return f"(hashed {stored_value.removeprefix(HASH_PREFIX)[:8]})"
        return f"{stored_value}: {self.labels[index]}" if self.labels and self.labels[index] else stored_value


def hash_value(value: str, salt: str) -> str:
    """What is kept of a value that few rows share: whether another is the same can be told, and nothing else but by
    guessing it. Source: RFC 7693, on keyed hashing by BLAKE2."""
    digest = hashlib.blake2b(value.encode(), key=salt.encode()[:64], digest_size=_DIGEST_BYTES)
    return f"{HASH_PREFIX}{digest.hexdigest()}"


def hash_to_pool(digest: str) -> int:
    """The pool of a value by what `hashed` gives of it."""
    return int(digest[-4:], 16) % POOLS


Feature: TypeAlias = NumericFeature | CategoryFeature


class Reference(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A model version's training data, counted.

    columns: the request's columns in their order, those that are no features among them. features: in the order of
    the columns. score: the distribution of what the model answered for the training rows, in float32 as served;
    score_output: where an answer calls it otherwise, that name, or which number of its row it is, negative from the
    end.
    """

    schema: Literal[1] = SCHEMA_VERSION
    rows: Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)]
    columns: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MAX_COLUMNS)]
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1, max_length=MAX_COLUMNS)]
    score: NumericFeature | None = None
    score_output: Annotated[int, msgspec.Meta(ge=-MAX_OUTPUTS, le=MAX_OUTPUTS)] | Name | None = None

    @property
    def measured_features(self) -> tuple[Feature, ...]:
        """What a profile counts, in its order: the features, then the score where there is one."""
        return self.features if self.score is None else (*self.features, self.score)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex: what a profile was counted against."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """JSON with sorted keys: the same data gives the same bytes."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


class _SchemaHeader(msgspec.Struct):
    schema: int


def decode_reference(raw: bytes, source: str) -> Reference:
    """The reference in `raw`; `source` names it in messages.

    Raises InvalidReference where it is none, is a later tidewatch's, or contradicts itself.
    """
    try:
        schema = msgspec.json.decode(raw, type=_SchemaHeader).schema
        if schema > SCHEMA_VERSION:
            raise InvalidReference(
                f"{source} has schema {schema}, and this tidewatch reads up to {SCHEMA_VERSION}: upgrade tidewatch"
            )
        reference = msgspec.json.decode(raw, type=Reference)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = str(error).replace("`$.", "`")
        raise InvalidReference(
            f"{source} is not a reference: {detail}; write one with `tidewatch drift reference`"
        ) from error
    _require_consistent(reference, source)
    return reference


def _require_consistent(reference: Reference, source: str) -> None:
    names = [feature.name for feature in reference.measured_features]
    positions = {name: index for index, name in enumerate(reference.columns)}
    feature_positions = [positions[feature.name] for feature in reference.features if feature.name in positions]
    faults = [
        *(f"the name {name!r} stands twice" for name, times in Counter(names).items() if times > 1),
        *(f"the column {name!r} stands twice" for name, times in Counter(reference.columns).items() if times > 1),
        *(
            f"the feature {feature.name!r} is no column"
            for feature in reference.features
            if feature.name not in positions
        ),
        *(
            []
            if feature_positions == sorted(feature_positions)
            else ["its features are not in the order of its columns"]
        ),
        *(fault for feature in reference.measured_features for fault in _find_faults(feature)),
        *(
            f"{feature.name} has {feature.total + feature.missing} rows, and the reference {reference.rows}"
            for feature in reference.measured_features
            if feature.total + feature.missing != reference.rows
        ),
    ]
    if faults:
        details = sanitize("; ".join(faults))
        raise InvalidReference(f"{source} contradicts itself: {details}. Build the reference again")


def _find_faults(feature: Feature) -> list[str]:
    return _find_category_faults(feature) if isinstance(feature, CategoryFeature) else _find_number_faults(feature)


def _find_category_faults(feature: CategoryFeature) -> list[str]:
    known = {*feature.values, *feature.others}
    checks = {
        f"{feature.name} has {len(feature.counts)} counts for {len(feature.values)} values": (
            len(feature.values) == len(feature.counts)
        ),
        f"{feature.name} has {len(feature.labels)} labels for {len(feature.values)} values": (
            not feature.labels or len(feature.labels) == len(feature.values)
        ),
        f"{feature.name} has a value twice": len(known) == len(feature.values) + len(feature.others),
        f"{feature.name} has a value that was never seen": all(feature.counts),
        f"the values of {feature.name} are not the most frequent first": (
            list(feature.counts) == sorted(feature.counts, reverse=True)
        ),
        f"{feature.name} has {len(feature.others)} other values in {feature.other} rows": (
            (feature.other > 0 and not feature.others) if feature.open else len(feature.others) <= feature.other
        ),
        f"the pools of {feature.name} are not its {feature.other} other rows, in {POOLS} parts": (
            not feature.pools or (len(feature.pools) == POOLS and sum(feature.pools) == feature.other)
        ),
        f"{feature.name} has {feature.singletons} values seen once and {feature.doubletons} seen twice among "
        f"{feature.total}": feature.singletons + 2 * feature.doubletons <= feature.total,
    }
    return [fault for fault, is_met in checks.items() if not is_met]


def _find_number_faults(feature: NumericFeature) -> list[str]:
    edges = np.asarray(feature.edges, np.float64)
    deciles, least, most = list(feature.deciles), feature.minimum, feature.maximum
    bounded = (
        least is not None and most is not None and edges[0] < least <= most < edges[-1]
        if len(edges) > 1
        else least is None and most is None
    )  # fmt: skip
    checks = {
        f"the edges of {feature.name} do not ascend": bool(np.isfinite(edges).all() and (np.diff(edges) > 0).all()),
        f"the deciles of {feature.name} are no inner edges": (
            deciles == sorted(set(deciles)) and all(0 < index < len(edges) - 1 for index in deciles)
        ),
        f"{feature.name} has values beyond its minimum and maximum, or lacks one of them": (
            bounded and (len(edges) == 0 or not any((*feature.counts[:1], *feature.counts[-1:])))
        ),
        f"{feature.name} has {len(feature.counts)} counts for {len(feature.edges)} edges": (
            len(feature.counts) == len(edges) + 1 and len(edges) != 1
        ),
    }
    return [fault for fault, is_met in checks.items() if not is_met]
