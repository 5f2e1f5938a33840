"""A writer's heartbeat: it shows that a writer that waits for hours is alive, and that a killed one is dead.

The heartbeat is an item of the control table. The writer renews it at every poll and deletes it when it is done.
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
"""How long a heartbeat lasts. A writer polls every few seconds."""
RENEWAL_SECONDS_LEFT = 40.0
SKEW_SECONDS = 30.0
"""The largest difference between the clocks of two writers."""
GRACE_SECONDS = 30.0
"""How long an expired heartbeat must stay unrenewed before its writer counts as dead: clocks differ, and a call that
hangs renews nothing."""


ItemT = TypeVar("ItemT")


class ItemStore(Protocol):
    """The operations of the control table that a heartbeat uses."""

    def read(self, key: str, parse: Callable[[dict[str, Any]], ItemT]) -> ItemT | None:
        """Returns an item as parsed by `parse`, or None if it is missing or does not parse."""
        ...

    def put(self, key: str, body: Mapping[str, object]) -> None:
        """Writes an item."""
        ...

    def put_if(self, key: str, body: Mapping[str, object], **expected: object) -> bool:
        """Writes an item if the present one has these values. Returns whether it did."""
        ...

    def delete(self, key: str) -> None:
        """Deletes an item."""
        ...


@dataclass(frozen=True)
class HeartbeatRecord:
    """A heartbeat as stored in the control table."""

    beat: int
    expires: float
    suspected_at: float | None

    @classmethod
    def from_item(cls, found: Mapping[str, Any]) -> HeartbeatRecord:
        record = cls(found["beat"], found["expires"], found.get("suspected_at"))
        if not all(value is None or is_number(value) for value in (record.beat, record.expires, record.suspected_at)):
            raise TypeError("A heartbeat's values must be numbers.")
        return record


@dataclass
class Heartbeat:
    """The heartbeat of one writer."""

    control: ItemStore
    clock: Clock
    name: str = ""
    """The name of the writer; "" outside `keep_alive`."""
    _beats: int = 0
    _expires: float = 0.0

    @contextmanager
    def keep_alive(self) -> Generator[str]:
        """Keeps the writer alive for a `with` block and yields its name. Nested blocks keep the same name."""
        if self.name:
            yield self.name
            return
        self.name, self._beats, self._expires = uuid.uuid4().hex, 0, 0.0
        try:
            self.beat()
            yield self.name
        finally:
            finished_name, self.name = self.name, ""
            # If the deletion fails, the heartbeat expires.
            with suppress(Exception):
                self.control.delete(_build_key(finished_name))

    def beat(self) -> None:
        """Renews the heartbeat if it expires soon. An error does not stop the writer."""
        if self.name and self._expires - self.clock.now().timestamp() < RENEWAL_SECONDS_LEFT:
            with suppress(Exception):
                self._renew()

    def _renew(self) -> None:
        self._beats += 1
        self._expires = (self.clock.now() + timedelta(seconds=HEARTBEAT_SECONDS)).timestamp()
        self.control.put(_build_key(self.name), {"beat": self._beats, "expires": self._expires})

    def is_other_alive(self, name: str) -> bool:
        """Whether another writer of this name is alive.

        The first reader that finds the heartbeat expired marks it. If it is not renewed within the grace period after
        that, its writer is dead. Only the reader's clock counts, however far it is ahead of the writer's. An expiry
        further ahead than a heartbeat lasts counts as expired: a living writer renews it.
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
        """Marks an expired heartbeat.

        A reader without write permission, such as a preview, cannot mark it and treats the writer as alive; the next
        sweep decides.
        """
        try:
            suspected_item = {"beat": record.beat, "expires": record.expires, "suspected_at": now}
            self.control.put_if(_build_key(name), suspected_item, beat=record.beat)
        except Exception as error:
            if get_error_code(error) not in ACCESS_DENIED_CODES:
                raise


def _build_key(name: str) -> str:
    return f"writer#{name}"
