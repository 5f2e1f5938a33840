"""The ledger: every change of traffic, incident, quarantine and acknowledgement, appended and never changed.

Entries are ordered by their sequence, never by time. An append is a conditional put of the next number, with the hash
of the entry before it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from tidewatch.aws.dynamodb import is_number, require_plausible_time, require_text_fields
from tidewatch.text import sanitize
from tidewatch.traffic.errors import LedgerBusy
from tidewatch.traffic.hash_chain import HashChain
from tidewatch.traffic.models import RECENT_PERIOD, Receipt
from tidewatch.traffic.split import Split

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EntryKind = Literal["intent", "outcome", "out_of_band", "incident", "quarantine", "acknowledgement"]
MAX_ATTEMPTS = 200
"""How often an append is tried while other writers take the next number."""
_JSON_NAMES = {"before": "from", "after": "to"}


@dataclass(frozen=True)
class LedgerEntry:
    """One entry of the ledger."""

    kind: EntryKind
    who: str
    """A person, or a part of this program such as `rollback` or `out_of_band`."""
    at: datetime
    why: str = ""
    endpoint: str = ""
    """The physical endpoint."""
    before: Split | None = None
    """The live split before the change; of an out_of_band entry, the one that the ledger had."""
    after: Split | None = None
    """The requested split (intent) or the live one (outcome, out_of_band). An outcome without it changed nothing."""
    alarm: str = ""
    """The ARN of the alarm that asked for the rollback; "" without one."""
    alarm_at: str = ""
    """When that alarm changed its state, ISO 8601."""
    incident: str = ""
    """The incident it belongs to. An `incident` entry opens it, and so does an `out_of_band` entry that names one."""
    target: str = ""
    """The variant that a rollback sends all traffic to."""
    intent: int | None = None
    """The sequence of the intent that an outcome belongs to."""
    receipt: Receipt | None = None
    error: str = ""
    """Why an outcome changed nothing."""
    variant: str = ""
    """The variant of a quarantine."""
    artifact: str = ""
    """The SHA-256 of a quarantined artifact."""
    image: str = ""
    """The digest of the image that it ran in."""
    content: str = ""
    """The hash of what a quarantined variant held, if the rollback target holds the same artifact and image."""
    config: str = ""
    """The name of the endpoint configuration that held it."""
    writer: str = ""
    """The heartbeat of the intent's writer, which will append the outcome; "" if several calls take turns."""
    seen_sequence: int | None = None
    """The last sequence that the writer of an acknowledgement had seen."""
    sequence: int = 0
    """Its place in the order, 0 until it is appended. An acknowledgement has that of the entry it follows."""

    def sanitize(self) -> LedgerEntry:
        """Returns the entry with every text on one line and cut to a bounded length: an item holds at most 400 kB."""
        texts = {
            key: sanitize(value) for key in self.__dataclass_fields__ if isinstance(value := getattr(self, key), str)
        }
        return replace(self, **texts)

    def validate(self) -> LedgerEntry:
        """Returns the entry if it is valid. Raises ValueError for an unknown kind and TypeError for wrong types."""
        if self.kind not in get_args(EntryKind):
            raise ValueError(f"{self.kind!r} is not a kind of ledger entry.")
        require_text_fields(self, "who")
        if not {type(self.intent), type(self.seen_sequence)} <= {int, type(None)}:
            raise TypeError("Its number of another entry is not a whole number.")
        seconds = (value for value in (self.receipt or Receipt()).to_json().values() if value is not None)
        if not all(map(is_number, seconds)):
            raise TypeError("The seconds of its receipt are not numbers.")
        require_plausible_time(self.at)
        return self

    def to_json(self) -> dict[str, object]:
        """Returns a JSON object with the field names of the table and without empty values."""
        document: dict[str, object] = {
            _JSON_NAMES.get(key, key): getattr(self, key)
            for key in self.__dataclass_fields__
            if getattr(self, key) not in ("", None)
        }

        for key in ("from", "to", "receipt"):
            value = document.get(key)
            if isinstance(value, Split | Receipt):
                document[key] = {k: v for k, v in value.to_json().items() if v is not None}
        return {**document, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LedgerEntry:
        values: dict[str, Any] = {
            key: document[_JSON_NAMES.get(key, key)]
            for key in cls.__dataclass_fields__
            if _JSON_NAMES.get(key, key) in document
        }
        for key in ("before", "after"):
            if key in values:
                values[key] = Split.of(values[key])
        if "receipt" in values:
            values["receipt"] = Receipt.from_json(values["receipt"])
        values["at"] = datetime.fromisoformat(values["at"])
        return cls(**values)


def replay_split(entries: Iterable[LedgerEntry], endpoint: str = "") -> Split | None:
    """Returns the last split of the ledger's outcomes and observations, of one physical endpoint if one is named.

    None means that the ledger has no split of it yet.
    """
    split: Split | None = None
    for entry in entries:
        if entry.kind in ("outcome", "out_of_band") and entry.after and (not endpoint or entry.endpoint == endpoint):
            split = entry.after
    return split


class Ledger:
    """The entries of one stack. Not thread-safe.

    Entries that were read are cached until `forget`, because they never change.

    Acknowledgements have a partition key of their own, so that IAM can limit who writes them: the role that drives a
    rollback cannot close its incident. Each names the entry that it follows. `tidewatch.traffic.hash_chain.HashChain`
    explains `copied_up_to`.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        key: str,
        endpoint: str,
        copied_up_to: Callable[[str], int] | None = None,
    ) -> None:
        self._table = table
        self._endpoint = endpoint
        self._change_chain = HashChain(dynamodb, table, key, copied_up_to)
        self._acknowledgement_chain = HashChain(dynamodb, table, build_acknowledgements_key(key), copied_up_to)
        self._entries: list[LedgerEntry] = []
        self._times: dict[str, dict[int, datetime]] = {chain.key: {} for chain in self.chains}
        """The time of each readable entry, by chain key and number."""
        self.unreadable_entries: list[tuple[str, int]] = []
        """The invalid entries and those in the wrong chain, by chain key and number. They are ignored, and an alarm
        reports them."""

    def forget(self) -> None:
        """Forgets the cached entries, so that the next read finds what was changed or removed since."""
        for chain in self.chains:
            chain.forget()
            self._times[chain.key].clear()
        self._entries.clear()
        self.unreadable_entries.clear()

    @property
    def chains(self) -> tuple[HashChain, HashChain]:
        """The entries in the table: all but the acknowledgements, and the acknowledgements."""
        return (self._change_chain, self._acknowledgement_chain)

    @property
    def broken_links(self) -> tuple[str, ...]:
        """The entries whose predecessor was changed or removed and those outside the chain, as key and number."""
        return tuple(
            f"{chain.key} {number}" for chain in self.chains for number in (*chain.broken_numbers, *chain.stray_numbers)
        )

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Returns all entries, in order. A missing table has none."""
        for chain in self.chains:
            for found in chain.read():
                self._accept(chain, found)
        return tuple(self._entries)

    def count_recent_unreadable(self, now: datetime) -> int:
        """Returns the number of unreadable entries that came recently.

        An unreadable entry has no time. It counts as recent if the next readable entry of its chain is recent or
        missing.
        """
        next_times = (
            next((at for other, at in self._times[key].items() if other > number), None)
            for key, number in self.unreadable_entries
        )
        return sum(at is None or now - at < RECENT_PERIOD for at in next_times)

    def _accept(self, chain: HashChain, found: Mapping[str, Any]) -> None:
        """Adds one item. An invalid entry, or one in the wrong chain, is set aside so that it blocks nobody."""
        number = int(found["sequence"])
        try:
            entry = LedgerEntry.from_json(found).validate()
        except Exception:
            entry = None
        if entry is None or not self._is_expected_in(entry, chain):
            self.unreadable_entries.append((chain.key, number))
        else:
            self._insert(entry, chain, number)

    def _is_expected_in(self, entry: LedgerEntry, chain: HashChain) -> bool:
        """Whether an entry is in the chain of its kind, and an acknowledgement names an entry that may exist."""
        if entry.kind != "acknowledgement":
            return chain is self._change_chain
        # Its writer may have seen entries that were appended after this read.
        return (
            chain is self._acknowledgement_chain
            and 0 <= (entry.seen_sequence or 0) <= self._change_chain.last_number + MAX_ATTEMPTS
        )

    def _insert(self, entry: LedgerEntry, chain: HashChain, number: int) -> None:
        """Inserts an entry in order; an acknowledgement follows what its writer had seen."""
        self._times[chain.key][number] = entry.at
        if entry.kind == "acknowledgement":
            entry = replace(entry, sequence=entry.seen_sequence or 0)
        insort(self._entries, entry, key=lambda other: other.sequence)

    @property
    def cached_entries(self) -> tuple[LedgerEntry, ...]:
        """The entries read so far, or all of them if none was read yet."""
        return tuple(self._entries) or self.entries()

    def append(
        self, compose: Callable[[tuple[LedgerEntry, ...]], LedgerEntry | None], *, use_cache: bool = False
    ) -> LedgerEntry | None:
        """Appends what `compose` makes of the entries so far, directly after them. None means nothing to append.

        If another entry comes in between, `compose` is called again, so what it decided from the ledger (and from a
        live state that it reads) still holds where its entry is. With `use_cache` the first call gets the entries read
        so far, which saves a read; it is for a `compose` whose None stays right whatever follows. Raises TableMissing,
        and LedgerBusy if other writers come first in all attempts.
        """
        for attempt in range(MAX_ATTEMPTS):
            entries = self.cached_entries if use_cache and attempt == 0 else self.entries()
            draft = compose(entries)
            if draft is None:
                return None
            is_acknowledgement = draft.kind == "acknowledgement"
            chain = self._acknowledgement_chain if is_acknowledgement else self._change_chain
            entry = replace(
                draft,
                endpoint=self._endpoint,
                seen_sequence=self._change_chain.last_number if is_acknowledgement else None,
            ).sanitize()
            number = chain.add(entry.to_json())
            if number is not None:
                self._insert(replace(entry, sequence=number), chain, number)
                return replace(entry, sequence=number)
        raise LedgerBusy(
            f"The ledger of {self._change_chain.key} accepted no entry in {MAX_ATTEMPTS} attempts; try again in "
            "a moment."
        )


def build_acknowledgements_key(key: str) -> str:
    """Returns the partition key of a stack's acknowledgements."""
    return f"{key}#acknowledged"
