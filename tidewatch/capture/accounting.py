"""What became of every record: read = parsed + rejected, whatever the input was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import msgspec

from tidewatch.capture.reasons import Reason

EXAMPLES = 10
"""Examples kept of each reason."""

Key = TypeVar("Key", bound=str)


@dataclass(frozen=True, order=True)
class Example:
    """Where a rejected record is: file, path or URL, and the byte its line begins at. Never what it holds.

    In a gzip file the offset counts decompressed bytes.
    """

    source: str
    offset: int
    reason: Reason
    column: str | None = None


@dataclass(frozen=True)
class Accounting:
    """Counts of records. Addition is commutative and associative, and `Accounting()` is its identity.

    rejected: records by reason. examples: the first ten of each reason by (source, offset). columns: rejected records
    by the column that was at fault, where one was. headers: rows of payloads that named the columns, which are no rows.
    Raises ValueError where the counts do not add up.
    """

    read: int = 0
    parsed: int = 0
    rejected: Mapping[Reason, int] = field(default_factory=dict[Reason, int])
    examples: tuple[Example, ...] = ()
    columns: Mapping[str, int] = field(default_factory=dict[str, int])
    headers: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rejected", _tidy(self.rejected))
        object.__setattr__(self, "columns", _tidy(self.columns))
        object.__setattr__(self, "examples", _first(self.examples))
        if self.read != self.parsed + self.rejected_total or self.parsed < 0:
            raise ValueError(
                f"{self.read} records read are not {self.parsed} parsed and {self.rejected_total} rejected: "
                "a record was lost or counted twice; count the files again"
            )

    @property
    def rejected_total(self) -> int:
        return sum(self.rejected.values())

    def __add__(self, other: Accounting) -> Accounting:
        return Accounting(
            self.read + other.read,
            self.parsed + other.parsed,
            Counter(self.rejected) + Counter(other.rejected),
            self.examples + other.examples,
            Counter(self.columns) + Counter(other.columns),
            self.headers + other.headers,
        )

    def to_json(self) -> dict[str, object]:
        """Plain values that JSON and MessagePack can hold; the same accounting gives the same ones."""
        return {
            "read": self.read,
            "parsed": self.parsed,
            "rejected": {reason.value: count for reason, count in self.rejected.items()},
            "examples": [
                {"source": each.source, "offset": each.offset, "reason": each.reason.value, "column": each.column}
                for each in self.examples
            ],
            "columns": dict(self.columns),
            "headers": self.headers,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> Accounting:
        """What to_json gave. Raises msgspec.ValidationError, or ValueError where the counts do not add up."""
        return msgspec.convert(dict(raw), cls)


class Tally:
    """An accounting that is still being counted."""

    def __init__(self) -> None:
        self._parsed = self._headers = 0
        self._rejected: Counter[Reason] = Counter()
        self._columns: Counter[str] = Counter()
        self._examples: dict[Reason, list[Example]] = {}

    def parsed(self, records: int = 1, *, headers: int = 0) -> None:
        """Counts records that were parsed, and the rows among theirs that named the columns."""
        self._parsed += records
        self._headers += headers

    def reject(self, source: str, offset: int, reason: Reason, column: str | None = None) -> None:
        """Counts one record that was rejected; `offset` is the byte of `source` that its line begins at."""
        if column is not None:
            self._columns[column] += 1
        self._reject(source, [offset], reason, column)

    def reject_all(self, source: str, offsets: Sequence[int], reason: Reason) -> None:
        """Counts records of one source that were rejected for one reason, their offsets ascending."""
        self._reject(source, offsets, reason, None)

    def _reject(self, source: str, offsets: Sequence[int], reason: Reason, column: str | None) -> None:
        self._rejected[reason] += len(offsets)
        examples = self._examples.setdefault(reason, [])
        examples += (Example(source, offset, reason, column) for offset in offsets[:EXAMPLES])
        # Files may come in any order, so the first ones are known only in the end; this bounds what is held till then.
        if len(examples) >= 10 * EXAMPLES:
            self._examples[reason] = list(_first(examples))

    def total(self) -> Accounting:
        """What was counted up to now."""
        return Accounting(
            self._parsed + self._rejected.total(),
            self._parsed,
            self._rejected,
            tuple(example for examples in self._examples.values() for example in examples),
            self._columns,
            self._headers,
        )


def _tidy(counts: Mapping[Key, int]) -> dict[Key, int]:
    if any(count < 0 for count in counts.values()):
        raise ValueError(f"{dict(counts)} holds a negative count of records: count the files again")
    return {key: counts[key] for key in sorted(counts) if counts[key]}


def _first(examples: Iterable[Example]) -> tuple[Example, ...]:
    by_reason = groupby(sorted(examples, key=_order), key=lambda example: example.reason)
    return tuple(sorted((each for _, group in by_reason for each in list(group)[:EXAMPLES]), key=_place))


def _place(example: Example) -> tuple[str, int, str, str]:
    return example.source, example.offset, example.reason, example.column or ""


def _order(example: Example) -> tuple[str, str, int, str]:
    return example.reason, example.source, example.offset, example.column or ""
