"""A writer's sign of life: who waits for hours must not be taken for dead, who was killed must be found dead soon.

It is an item of the control table that the writer renews at every poll while it lives and takes away when it is done.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from tidewatch.aws.dynamodb import is_number
from tidewatch.aws.errors import ACCESS_DENIED_CODES, get_error_code
from tidewatch.clock import Clock

HEARTBEAT_SECONDS = 60.0
"""How long a sign of life lasts; a writer polls every few seconds."""
RENEWAL_SECONDS_LEFT = 40.0
SKEW_SECONDS = 30.0
"""By which the clocks of two writers may differ."""
GRACE_SECONDS = 30.0
"""How long a sign that has run out is watched, unrenewed, before its writer is dead: clocks differ, and a call that
hangs renews nothing."""


ItemT = TypeVar("ItemT")


class ItemStore(Protocol):
    """What a heartbeat asks of the control table."""

    def read(self, key: str, parse: Callable[[dict[str, Any]], ItemT]) -> ItemT | None:
        """An item as `parse` reads it; None where there is none, or none that can be read."""
        ...

    def put(self, key: str, body: Mapping[str, object]) -> None:
        """Writes an item."""
        ...

    def put_if(self, key: str, body: Mapping[str, object], **expected: object) -> bool:
        """Writes an item if the one that is there has these values."""
        ...

    def delete(self, key: str) -> None:
        """Deletes an item."""
        ...


@dataclass(frozen=True)
class HeartbeatRecord:
    """A sign of life, as it is written down."""

    beat: int
    expires: float
    suspected_at: float | None

    @classmethod
    def from_item(cls, found: Mapping[str, Any]) -> HeartbeatRecord:
        record = cls(found["beat"], found["expires"], found.get("suspected_at"))
        if not all(value is None or is_number(value) for value in (record.beat, record.expires, record.suspected_at)):
            raise TypeError("A sign of life holds numbers.")
        return record


@dataclass
class Heartbeat:
    """The life of one writer. `name` is "" outside of `lived`."""

    control: ItemStore
    clock: Clock
    name: str = ""
    _beats: int = 0
    _expires: float = 0.0

    @contextmanager
    def keep_alive(self) -> Generator[str]:
        """Lives for the length of a `with` block, and says under which name; within a life it is the same one."""
        if self.name:
            yield self.name
            return
        self.name, self._beats, self._expires = uuid.uuid4().hex, 0, 0.0
        try:
            self.beat()
            yield self.name
        finally:
            finished_name, self.name = self.name, ""
            # What is left of it runs out.
            with suppress(Exception):
                self.control.delete(_build_key(finished_name))

    def beat(self) -> None:
        """Renews the sign where little of it is left. A sign that cannot be written stops no writer."""
        if self.name and self._expires - self.clock.now().timestamp() < RENEWAL_SECONDS_LEFT:
            with suppress(Exception):
                self._renew()

    def _renew(self) -> None:
        self._beats += 1
        self._expires = (self.clock.now() + timedelta(seconds=HEARTBEAT_SECONDS)).timestamp()
        self.control.put(_build_key(self.name), {"beat": self._beats, "expires": self._expires})

    def is_other_alive(self, name: str) -> bool:
        """Whether another writer of this name lives.

        A sign that has run out is first marked by who finds it so: one that is not renewed within the grace after that
        is a dead one's. The finder's clock alone decides, however far ahead of the writer's it is. A sign that lasts
        longer than one does has run out: whoever lives renews it.
        """
        if not name or name == self.name:
            return False
        record, now = self.control.read(_build_key(name), HeartbeatRecord.from_item), self.clock.now().timestamp()
        if record is None:
            return False
        if now < record.expires <= now + HEARTBEAT_SECONDS + SKEW_SECONDS:
            return True
        if record.suspected_at is None or record.suspected_at > now + SKEW_SECONDS:
            self._mark_suspected(name, record, now)
            return True
        return now - record.suspected_at < GRACE_SECONDS

    def _mark_suspected(self, name: str, record: HeartbeatRecord, now: float) -> None:
        """Marks a sign that has run out. Who may only read, as a preview, marks none: to it that writer goes on living,
        and the next sweep finds what became of it."""
        try:
            suspected_item = {"beat": record.beat, "expires": record.expires, "suspected_at": now}
            self.control.put_if(_build_key(name), suspected_item, beat=record.beat)
        except Exception as error:
            if get_error_code(error) not in ACCESS_DENIED_CODES:
                raise


def _build_key(name: str) -> str:
    return f"writer#{name}"
