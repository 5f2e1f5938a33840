"""A profile: how many rows fell into each bin of a reference. Profiles of one reference add up; none holds a value."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import msgspec
import numpy as np

from tidewatch.capture.accounting import Accounting
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.reference import Counts, Reference

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts against the reference with this digest.

    accounting: of the records. rows: of their rows. counts: one array of int64 for each of the reference's `measured`,
    in its order: the bins of a number, then missing; the values of a category, then other, unseen, missing. Addition
    is commutative and associative, and `empty` is its identity.
    """

    reference: str
    accounting: Accounting
    rows: int
    counts: tuple[Counts, ...]

    @classmethod
    def empty(cls, reference: Reference) -> Profile:
        counts = tuple(np.zeros(feature.width, np.int64) for feature in reference.measured)
        return cls(reference.digest, Accounting(), 0, counts)

    def fits(self, reference: Reference) -> bool:
        """Whether it was counted against this reference, in its bins."""
        widths = [feature.width for feature in reference.measured]
        return self.reference == reference.digest and [len(each) for each in self.counts] == widths

    def __add__(self, other: Profile) -> Profile:
        """Raises InvalidProfile where the other was counted against another reference."""
        if self.reference != other.reference:
            raise InvalidProfile(
                f"profiles against the references {self.reference[:12]} and {other.reference[:12]} do not add up: "
                "their bins differ; count the records of one against the other's reference"
            )
        return Profile(
            self.reference,
            self.accounting + other.accounting,
            self.rows + other.rows,
            tuple(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and self._plain() == other._plain()

    __hash__ = None  # type: ignore[assignment]

    def _plain(self) -> tuple[object, ...]:
        return self.reference, self.accounting, self.rows, tuple(tuple(each.tolist()) for each in self.counts)

    def encode(self) -> bytes:
        """Packed and compressed; equal profiles give equal bytes."""
        stored = _Stored(
            schema=SCHEMA,
            reference=self.reference,
            accounting=self.accounting.to_json(),
            rows=self.rows,
            counts=tuple(tuple(each.tolist()) for each in self.counts),
        )
        return zlib.compress(msgspec.msgpack.encode(stored), 6)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    reference: str
    accounting: dict[str, object]
    rows: int
    counts: tuple[tuple[int, ...], ...]


def decode(raw: bytes, source: str) -> Profile:
    """The profile in `raw`; `source` names it in messages. Raises InvalidProfile."""
    try:
        stored = msgspec.msgpack.decode(zlib.decompress(raw), type=_Stored)
        accounting = Accounting.from_json(stored.accounting)
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise InvalidProfile(
            f"{source} is no profile: {error}; delete it, and the next run counts its hour again"
        ) from error
    if stored.schema > SCHEMA:
        raise InvalidProfile(f"{source} has schema {stored.schema}, above {SCHEMA}: upgrade tidewatch")
    return Profile(
        stored.reference,
        accounting,
        stored.rows,
        tuple(np.array(each, np.int64) for each in stored.counts),
    )


def total(reference: Reference, profiles: Iterable[Profile]) -> Profile:
    """The sum of profiles against `reference`; the empty one where there is none."""
    return reduce(add, profiles, Profile.empty(reference))
