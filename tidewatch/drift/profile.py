"""A profile: the number of rows in each bin of a reference. Profiles add up, and none contains a value."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import msgspec
import numpy as np

from tidewatch.arrays import Counts
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.reference import Reference

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts against the reference with this digest.

    Addition is commutative and associative, and `empty` is its identity.
    """

    reference_digest: str
    accounting: Accounting
    """The accounting of the records."""
    rows: int
    """The number of their rows."""
    counts: tuple[Counts, ...]
    """One int64 array for each of the reference's `measured_features`, in their order. Of a number: the bins, then
    missing. Of a category: the values, then other, unseen, missing."""

    @classmethod
    def empty(cls, reference: Reference) -> Profile:
        counts = tuple(np.zeros(feature.width, np.int64) for feature in reference.measured_features)
        return cls(reference.digest, Accounting(), 0, counts)

    def is_compatible_with(self, reference: Reference) -> bool:
        """Whether it was counted against this reference, in its bins."""
        widths = [feature.width for feature in reference.measured_features]
        return self.reference_digest == reference.digest and [len(each) for each in self.counts] == widths

    def __add__(self, other: Profile) -> Profile:
        """Adds two profiles. Raises InvalidProfile if they were counted against different references."""
        if self.reference_digest != other.reference_digest:
            raise InvalidProfile(
                f"profiles against the references {self.reference_digest[:12]} and {other.reference_digest[:12]} do "
                "not add up: "
                "their bins differ; count the records of one against the other's reference"
            )
        return Profile(
            self.reference_digest,
            self.accounting + other.accounting,
            self.rows + other.rows,
            tuple(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and self._to_tuple() == other._to_tuple()

    __hash__ = None  # type: ignore[assignment]

    def _to_tuple(self) -> tuple[object, ...]:
        return self.reference_digest, self.accounting, self.rows, tuple(tuple(each.tolist()) for each in self.counts)

    def encode(self) -> bytes:
        """Packs and compresses it. Equal profiles give equal bytes."""
        document = _ProfileDocument(
            schema=SCHEMA_VERSION,
            reference=self.reference_digest,
            accounting=self.accounting.to_json(),
            rows=self.rows,
            counts=tuple(tuple(each.tolist()) for each in self.counts),
        )
        return zlib.compress(msgspec.msgpack.encode(document), 6)


class _ProfileDocument(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    reference: str
    accounting: dict[str, object]
    rows: int
    counts: tuple[tuple[int, ...], ...]


def decode_profile(raw: bytes, source: str) -> Profile:
    """Decodes a profile; `source` names it in messages. Raises InvalidProfile."""
    try:
        document = msgspec.msgpack.decode(zlib.decompress(raw), type=_ProfileDocument)
        accounting = Accounting.from_json(document.accounting)
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise InvalidProfile(
            f"{source} is not a profile: {error}; delete it, and the next run counts its hour again"
        ) from error
    if document.schema > SCHEMA_VERSION:
        raise InvalidProfile(f"{source} has schema {document.schema}, above {SCHEMA_VERSION}: upgrade tidewatch")
    return Profile(
        document.reference,
        accounting,
        document.rows,
        tuple(np.array(each, np.int64) for each in document.counts),
    )


def sum_profiles(reference: Reference, profiles: Iterable[Profile]) -> Profile:
    """Returns the sum of profiles against `reference`, which is empty without any."""
    return reduce(add, profiles, Profile.empty(reference))
