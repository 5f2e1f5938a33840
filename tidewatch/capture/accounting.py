"""The accounting of records: read = parsed + rejected, whatever the input is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import msgspec

from tidewatch.capture.reject_reasons import RejectReason

MAX_EXAMPLES = 10
"""The number of examples kept for each reason."""

Key = TypeVar("Key", bound=str)


@dataclass(frozen=True, order=True)
class RejectExample:
    """The location of a rejected record, never its content."""

    source: str
    """A file, path or URL."""
    offset: int
    """The byte at which its line begins, after decompression."""
    reason: RejectReason
    column: str | None = None


@dataclass(frozen=True)
class Accounting:
    """Counts of records. Addition is commutative and associative, and `Accounting()` is its identity.

    Raises ValueError if the counts do not add up.
    """

    read: int = 0
    parsed: int = 0
    rejected: Mapping[RejectReason, int] = field(default_factory=dict[RejectReason, int])
    """Records by reason."""
    examples: tuple[RejectExample, ...] = ()
    """The first ten of each reason by (source, offset)."""
    rejected_by_column: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rejected records by the invalid column, if there was one."""
    header_rows: int = 0
    """Rows of payloads with the names of the columns. They do not count as rows."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rejected", _normalize_counts(self.rejected))
        object.__setattr__(self, "rejected_by_column", _normalize_counts(self.rejected_by_column))
        object.__setattr__(self, "examples", _select_examples(self.examples))
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
            Counter(self.rejected_by_column) + Counter(other.rejected_by_column),
            self.header_rows + other.header_rows,
        )

    def to_json(self) -> dict[str, object]:
        """Returns values that JSON and MessagePack can represent. Equal accountings give equal values."""
        return {
            "read": self.read,
            "parsed": self.parsed,
            "rejected": {reason.value: count for reason, count in self.rejected.items()},
            "examples": [
                {"source": each.source, "offset": each.offset, "reason": each.reason.value, "column": each.column}
                for each in self.examples
            ],
            "rejected_by_column": dict(self.rejected_by_column),
            "header_rows": self.header_rows,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> Accounting:
        """Returns the accounting of `to_json`.

        Raises msgspec.ValidationError, or ValueError if its counts do not add up.
        """
        return msgspec.convert(dict(raw), cls)


class AccountingBuilder:
    """Builds an accounting while records are counted."""

    def __init__(self) -> None:
        self._parsed_count = self._header_count = 0
        self._rejected_by_reason: Counter[RejectReason] = Counter()
        self._rejected_by_column: Counter[str] = Counter()
        self._examples_by_reason: dict[RejectReason, list[RejectExample]] = {}

    def add_parsed(self, records: int = 1, *, headers: int = 0) -> None:
        """Counts parsed records, and the rows among theirs with the names of the columns."""
        self._parsed_count += records
        self._header_count += headers

    def reject(self, source: str, offset: int, reason: RejectReason, column: str | None = None) -> None:
        """Counts one rejected record. `offset` is the byte of `source` at which its line begins."""
        if column is not None:
            self._rejected_by_column[column] += 1
        self._reject(source, [offset], reason, column)

    def reject_all(self, source: str, offsets: Sequence[int], reason: RejectReason) -> None:
        """Counts records of one source that were rejected for one reason, with ascending offsets."""
        self._reject(source, offsets, reason, None)

    def _reject(self, source: str, offsets: Sequence[int], reason: RejectReason, column: str | None) -> None:
        self._rejected_by_reason[reason] += len(offsets)
        examples = self._examples_by_reason.setdefault(reason, [])
        examples += (RejectExample(source, offset, reason, column) for offset in offsets[:MAX_EXAMPLES])
        # Files come in any order, so the first examples are known only at the end. This bounds how many are kept until
        # then.
        if len(examples) >= 10 * MAX_EXAMPLES:
            self._examples_by_reason[reason] = list(_select_examples(examples))

    def build(self) -> Accounting:
        """Returns the accounting so far."""
        return Accounting(
            self._parsed_count + self._rejected_by_reason.total(),
            self._parsed_count,
            self._rejected_by_reason,
            tuple(example for examples in self._examples_by_reason.values() for example in examples),
            self._rejected_by_column,
            self._header_count,
        )


def _normalize_counts(counts: Mapping[Key, int]) -> dict[Key, int]:
    if any(count < 0 for count in counts.values()):
        raise ValueError(f"{dict(counts)} has a negative count of records: count the files again")
    return {key: counts[key] for key in sorted(counts) if counts[key]}


def _select_examples(examples: Iterable[RejectExample]) -> tuple[RejectExample, ...]:
    by_reason = groupby(sorted(examples, key=_get_reason_and_location), key=lambda example: example.reason)
    return tuple(sorted((each for _, group in by_reason for each in list(group)[:MAX_EXAMPLES]), key=_get_location))


def _get_location(example: RejectExample) -> tuple[str, int, str, str]:
    return example.source, example.offset, example.reason, example.column or ""


def _get_reason_and_location(example: RejectExample) -> tuple[str, str, int, str]:
    return example.reason, example.source, example.offset, example.column or ""
