"""The reference: the distribution of the training data, published with the model version trained on it.

Production data is counted in its bins, so profiles add up and never contain a raw value. The reference contains values
of the training data that many rows share; rare values are hashed.
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
"""The largest count that every JSON reader represents exactly."""
MAX_EDGES, MAX_FEATURE_VALUES, MAX_OTHER_VALUES, MAX_COLUMNS = 1_001, 1_000, 5_000, 10_000
"""The limits of a reference. One that is built has up to a thousand bins, 50 named values and 5,000 others per
column."""
MAX_OUTPUTS = 100_000
"""The limit for the numbers in a row of an answer."""
MAX_NAME_LENGTH = 1_000
"""The limit in characters for a column's name and a category's value."""

DECILES = 10
"""The number of bins of about equal count that PSI uses."""
POOLS = 32
"""The number of bins that values without a count of their own are distributed to by their hashes. A value that becomes
frequent shows in its bin, although its own training count is not kept."""
HASH_PREFIX = "hashed:"
"""The prefix of a hashed value. No unhashed value of the same feature has it."""
_DIGEST_BYTES = 8

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
Value: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_NAME_LENGTH)]


class NumericFeature(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="numeric"):
    """A numeric column in quantile bins. A column without any value has no edges and the counts (0,)."""

    name: Name
    edges: Annotated[tuple[float, ...], msgspec.Meta(max_length=MAX_EDGES)]
    """Ascending and distinct. The first is just below the minimum and the last just above the maximum. The up to 999
    between them are at the quantiles k/1000, halfway between neighbouring distinct values."""
    counts: Annotated[tuple[Count, ...], msgspec.Meta(max_length=MAX_EDGES + 1)]
    """The rows with edges[i-1] <= x < edges[i], len(edges) + 1 in number. The outer two are 0."""
    deciles: Annotated[tuple[Count, ...], msgspec.Meta(max_length=9)]
    """The edges, by index, between the up to ten bins of about equal count."""
    missing: Count
    """The rows without a value."""
    minimum: float | None
    maximum: float | None

    @property
    def width(self) -> int:
        """The number of a profile's counts of it: the bins, then missing."""
        return len(self.counts) + 1

    @property
    def total(self) -> int:
        """The rows with a value."""
        return sum(self.counts)

    @property
    def is_binary(self) -> bool:
        """Whether the training had only zeros and ones, which others send as false and true."""
        return (self.minimum, self.maximum, len(self.edges)) == (0.0, 1.0, 3)


class CategoryFeature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="category"):
    """A column of categories."""

    name: Name
    values: Annotated[tuple[Value, ...], msgspec.Meta(max_length=MAX_FEATURE_VALUES)]
    """The most frequent values, most frequent first."""
    counts: Annotated[tuple[Count, ...], msgspec.Meta(max_length=MAX_FEATURE_VALUES)]
    """The counts of `values`."""
    other_values: Annotated[tuple[Value, ...], msgspec.Meta(max_length=MAX_OTHER_VALUES)]
    """Every other value of the training, sorted; () if there are none, and in old references."""
    other_rows: Count
    """The rows of these other values."""
    singletons: Count
    """The values seen exactly once. singletons / total estimates the rate at which new values appear without any drift
    (Good 1953, "The population frequencies of species", Biometrika 40)."""
    is_open: bool
    """Whether the training had too many values to keep, so that unseen ones cannot be distinguished from others."""
    missing: Count
    salt: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """If set, values that begin with HASH_PREFIX are hashes with this salt; "" if no value is hashed, as in old
    references."""
    pool_rows: Annotated[tuple[Count, ...], msgspec.Meta(max_length=POOLS)] = ()
    """The other rows by pool, where the hash of a value determines its pool."""
    doubletons: Count = 0
    """The values seen exactly twice, which show how rough the estimate by singletons is; 0 in old references."""
    labels: Annotated[tuple[Value, ...], msgspec.Meta(max_length=MAX_FEATURE_VALUES)] = ()
    """The meaning of each of `values` if they are codes, "" if unknown; () if none has a label."""

    @property
    def width(self) -> int:
        """The number of a profile's counts of it: the values, the pools of others, unseen and missing."""
        return len(self.values) + len(self.pool_counts) + 2

    @property
    def pool_counts(self) -> tuple[int, ...]:
        """The rows of others by pool, all in one if the reference has no pools."""
        return self.pool_rows or (self.other_rows,)

    def find_pool(self, stored_value: str) -> int:
        """Returns the pool of one of `values` or `other_values`."""
        if not self.pool_rows:
            return 0
        return hash_to_pool(stored_value if self.is_hashed(stored_value) else hash_value(stored_value, self.salt))

    @property
    def total(self) -> int:
        """The rows with a value."""
        return sum(self.counts) + self.other_rows

    def is_hashed(self, stored_value: str) -> bool:
        """Whether one of `values` or `other_values` is a hash."""
        return bool(self.salt) and stored_value.startswith(HASH_PREFIX)

    def format_value(self, index: int) -> str:
        """Returns one of `values` for people, with its label if it has one."""
        stored_value = self.values[index]
        if self.is_hashed(stored_value):
            return f"(hashed {stored_value.removeprefix(HASH_PREFIX)[:8]})"
        return f"{stored_value}: {self.labels[index]}" if self.labels and self.labels[index] else stored_value


def hash_value(value: str, salt: str) -> str:
    """Returns a keyed hash, which is stored instead of a value that few rows share.

    It shows whether another value is the same, and nothing else except to somebody who guesses the value. Source: RFC
    7693, on keyed hashing by BLAKE2.
    """
    digest = hashlib.blake2b(value.encode(), key=salt.encode()[:64], digest_size=_DIGEST_BYTES)
    return f"{HASH_PREFIX}{digest.hexdigest()}"


def hash_to_pool(digest: str) -> int:
    """Returns the pool of a value from its `hash_value`."""
    return int(digest[-4:], 16) % POOLS


Feature: TypeAlias = NumericFeature | CategoryFeature


class Reference(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The counted training data of a model version."""

    schema: Literal[1] = SCHEMA_VERSION
    rows: Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)]
    columns: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MAX_COLUMNS)]
    """The request's columns in order, including those that are no features."""
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1, max_length=MAX_COLUMNS)]
    """In the order of the columns."""
    score: NumericFeature | None = None
    """The distribution of the model's answers for the training rows, in float32 as served."""
    score_output: Annotated[int, msgspec.Meta(ge=-MAX_OUTPUTS, le=MAX_OUTPUTS)] | Name | None = None
    """If answers do not use the score's name: their name for it, or its index in an answer's row, negative from the
    end."""

    @property
    def measured_features(self) -> tuple[Feature, ...]:
        """What a profile counts, in its order: the features, then the score if there is one."""
        return self.features if self.score is None else (*self.features, self.score)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its bytes in hex, which a profile names."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """Encodes it as JSON with sorted keys. The same data gives the same bytes."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


class _SchemaHeader(msgspec.Struct):
    schema: int


def decode_reference(raw: bytes, source: str) -> Reference:
    """Decodes a reference; `source` names it in messages.

    Raises InvalidReference if it is not a reference, was written by a later tidewatch, or contradicts itself.
    """
    try:
        schema = msgspec.json.decode(raw, type=_SchemaHeader).schema
        if schema > SCHEMA_VERSION:
            raise InvalidReference(
                f"{source} has schema {schema}, but this tidewatch reads up to {SCHEMA_VERSION}: upgrade tidewatch"
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
        *(f"the name {name!r} appears twice" for name, times in Counter(names).items() if times > 1),
        *(f"the column {name!r} appears twice" for name, times in Counter(reference.columns).items() if times > 1),
        *(
            f"the feature {feature.name!r} is not a column"
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
    known = {*feature.values, *feature.other_values}
    checks = {
        f"{feature.name} has {len(feature.counts)} counts for {len(feature.values)} values": (
            len(feature.values) == len(feature.counts)
        ),
        f"{feature.name} has {len(feature.labels)} labels for {len(feature.values)} values": (
            not feature.labels or len(feature.labels) == len(feature.values)
        ),
        f"{feature.name} has a value twice": len(known) == len(feature.values) + len(feature.other_values),
        f"{feature.name} has a value that was never seen": all(feature.counts),
        f"the values of {feature.name} are not the most frequent first": (
            list(feature.counts) == sorted(feature.counts, reverse=True)
        ),
        f"{feature.name} has {len(feature.other_values)} other values in {feature.other_rows} rows": (
            (feature.other_rows > 0 and not feature.other_values)
            if feature.is_open
            else len(feature.other_values) <= feature.other_rows
        ),
        f"the pools of {feature.name} are not its {feature.other_rows} other rows, in {POOLS} parts": (
            not feature.pool_rows or (len(feature.pool_rows) == POOLS and sum(feature.pool_rows) == feature.other_rows)
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
        f"the deciles of {feature.name} are not inner edges": (
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
