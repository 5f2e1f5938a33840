"""The ledger: every change of traffic, every incident, latch and acknowledgement, appended and never changed.

Entries are ordered by their sequence, never by time: an append is a conditional put of the next number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from tidewatch.items import error_code, item, refuse_other_types, values
from tidewatch.text import plain
from tidewatch.traffic.errors import TableMissing, TrafficError
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import Receipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Kind = Literal["intent", "outcome", "observed", "incident", "latch", "acknowledgement"]
ATTEMPTS = 200
LATELY = timedelta(minutes=30)
"""For how long people are told of an entry that cannot be read, once another stands behind it."""
_RENAMED = {"before": "from", "after": "to"}


@dataclass(frozen=True)
class Entry:
    """One entry. `sequence` is 0 until it is appended."""

    kind: Kind
    who: str
    at: datetime
    why: str = ""
    resource: str = ""
    """The physical endpoint."""
    before: Split | None = None
    after: Split | None = None
    """The split asked for (intent) or found (outcome, observed); an outcome without it changed nothing."""
    alarm: str = ""
    alarm_at: str = ""
    incident: str = ""
    """The incident it belongs to; an `incident` opens it, and so does an `observed` that names one."""
    target: str = ""
    answers: int | None = None
    """The sequence of the intent that an outcome answers."""
    receipt: Receipt | None = None
    error: str = ""
    slot: str = ""
    artifact: str = ""
    image: str = ""
    content: str = ""
    config: str = ""
    writer: str = ""
    """Whose sign of life says that an intent will be answered by who wrote it; "" where several calls take turns."""
    sequence: int = 0

    def cleaned(self) -> Entry:
        """With every text on one line and of a bounded length: an item holds 400 kB, and a page is one line."""
        texts = {key: plain(value) for key in self.__dataclass_fields__ if isinstance(value := getattr(self, key), str)}
        return replace(self, **texts)

    def checked(self) -> Entry:
        """Itself, if it is what it says: raises ValueError for a kind that there is not, TypeError for other types."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"{self.kind!r} is no kind of entry.")
        refuse_other_types(self, "who")
        if self.at.tzinfo is None:
            raise ValueError("It has a time without a zone.")
        return self

    def to_json(self) -> dict[str, object]:
        """A JSON object under the names of the table, without what is empty."""
        plain: dict[str, object] = {
            _RENAMED.get(key, key): getattr(self, key)
            for key in self.__dataclass_fields__
            if getattr(self, key) not in ("", None)
        }
        for key in ("from", "to", "receipt"):
            value = plain.get(key)
            if isinstance(value, Split | Receipt):
                plain[key] = {k: v for k, v in value.to_json().items() if v is not None}
        return {**plain, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Entry:
        plain: dict[str, Any] = {
            key: document[_RENAMED.get(key, key)]
            for key in cls.__dataclass_fields__
            if _RENAMED.get(key, key) in document
        }
        for key in ("before", "after"):
            if key in plain:
                plain[key] = Split.of(plain[key])
        if "receipt" in plain:
            plain["receipt"] = Receipt.from_json(plain["receipt"])
        plain["at"] = datetime.fromisoformat(plain["at"])
        return cls(**plain)


def replay(entries: Iterable[Entry], resource: str = "") -> Split | None:
    """The live split as outcomes and observations tell it; of one physical endpoint, where one is given.

    None: the ledger has not seen this endpoint yet.
    """
    known: Split | None = None
    for entry in entries:
        if entry.kind in ("outcome", "observed") and entry.after and (not resource or entry.resource == resource):
            known = entry.after
    return known


class Ledger:
    """The entries of one stack. What was read once is kept: entries never change. For one thread."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, key: str, resource: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._key = key
        self._resource = resource
        self._read: list[Entry] = []
        self._last = 0
        self.unreadable: list[int] = []
        """The sequences of entries that are of no form that we write: they are nobody's, and an alarm tells of them."""

    def entries(self) -> tuple[Entry, ...]:
        """All entries, in order. A table that does not exist (yet) has none."""
        if not self._table:
            return ()
        last = self._last
        start: dict[str, Any] = {}
        try:
            while True:
                page = self._dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="#endpoint = :key AND #sequence > :last",
                    ExpressionAttributeNames={"#endpoint": "endpoint", "#sequence": "sequence"},
                    ExpressionAttributeValues={":key": {"S": self._key}, ":last": {"N": str(last)}},
                    ConsistentRead=True,
                    **start,
                )
                for one in page["Items"]:
                    self._take(one)
                if not (after := page.get("LastEvaluatedKey")):
                    return tuple(self._read)
                start = {"ExclusiveStartKey": after}
        except Exception as error:
            if error_code(error) == "ResourceNotFoundException":
                return ()
            raise

    def refused(self, now: datetime) -> int:
        """How many entries that nobody can read came of late: those behind which nothing, or something recent, is."""
        behind = (next((one for one in self._read if one.sequence > broken), None) for broken in self.unreadable)
        return sum(one is None or now - one.at < LATELY for one in behind)

    def _take(self, raw: Mapping[str, Any]) -> None:
        """Takes one item in; what is no entry is set aside, so that it stops nobody."""
        self._last = int(raw["sequence"]["N"])
        try:
            self._read.append(Entry.from_json(values(raw)).checked())
        except Exception:
            self.unreadable.append(self._last)

    @property
    def known(self) -> tuple[Entry, ...]:
        """The entries read so far; all of them, if none was read yet."""
        return tuple(self._read) or self.entries()

    def append(self, compose: Callable[[tuple[Entry, ...]], Entry | None], *, known: bool = False) -> Entry | None:
        """Appends what `compose` makes of the entries so far, exactly behind them; None is nothing to append.

        `known` spares a read: it begins with the entries read so far, for a `compose` whose None stays right whatever
        comes after them.

        Another entry that comes in between makes it compose anew, so what it decided from the ledger (and from a live
        state read inside it) still holds where its entry stands.
        """
        for attempt in range(ATTEMPTS):
            entries = self.known if known and attempt == 0 else self.entries()
            draft = compose(entries)
            if draft is None:
                return None
            entry = replace(draft, sequence=self._last + 1, resource=self._resource).cleaned()
            if self._put(entry):
                self._read.append(entry)
                self._last = entry.sequence
                return entry
        raise TrafficError(f"The ledger of {self._key} took no entry in {ATTEMPTS} attempts; try again in a moment.")

    def _put(self, entry: Entry) -> bool:
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=item({"endpoint": self._key, **entry.to_json()}),
                ConditionExpression="attribute_not_exists(#sequence)",
                ExpressionAttributeNames={"#sequence": "sequence"},
            )
        except Exception as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            if error_code(error) == "ResourceNotFoundException":
                raise TableMissing(
                    f"The ledger table {self._table} is missing; `pulumi up --refresh` makes it again."
                ) from error
            raise
        return True
