"""A writer's sign of life: who waits for hours must not be taken for dead, who was killed must be found dead soon.

It is an item of the control table that the writer renews at every poll while it lives and takes away when it is done.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tidewatch.clock import Clock
from tidewatch.items import DENIED, error_code, is_number
from tidewatch.traffic.control import Control

LIFE_SECONDS = 60.0
"""How long a sign of life lasts; a writer polls every few seconds."""
RENEWED_WITH_SECONDS_LEFT = 40.0
SKEW_SECONDS = 30.0
"""By which the clocks of two writers may differ."""
GRACE_SECONDS = 30.0
"""How long a sign that has run out is watched, unrenewed, before its writer is dead: clocks differ, and a call that
hangs renews nothing."""


@dataclass(frozen=True)
class Sign:
    """A sign of life, as it is written down."""

    beat: int
    expires: float
    suspected: float | None

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Sign:
        sign = cls(found["beat"], found["expires"], found.get("suspected"))
        if not all(one is None or is_number(one) for one in (sign.beat, sign.expires, sign.suspected)):
            raise TypeError("A sign of life holds numbers.")
        return sign


@dataclass
class Life:
    """The life of one writer. `name` is "" outside of `lived`."""

    control: Control
    clock: Clock
    name: str = ""
    _beats: int = 0
    _expires: float = 0.0

    @contextmanager
    def lived(self) -> Generator[str]:
        """Lives for the length of a `with` block, and says under which name; within a life it is the same one."""
        if self.name:
            yield self.name
            return
        self.name, self._beats, self._expires = uuid.uuid4().hex, 0, 0.0
        try:
            self.beat()
            yield self.name
        finally:
            ended, self.name = self.name, ""
            # What is left of it runs out.
            with suppress(Exception):
                self.control.delete(_key(ended))

    def beat(self) -> None:
        """Renews the sign where little of it is left. A sign that cannot be written stops no writer."""
        if self.name and self._expires - self.clock.now().timestamp() < RENEWED_WITH_SECONDS_LEFT:
            with suppress(Exception):
                self._renew()

    def _renew(self) -> None:
        self._beats += 1
        self._expires = (self.clock.now() + timedelta(seconds=LIFE_SECONDS)).timestamp()
        self.control.put(_key(self.name), {"beat": self._beats, "expires": self._expires})

    def others(self, name: str) -> bool:
        """Whether another writer of this name lives.

        A sign that has run out is first marked by who finds it so: one that is not renewed within the grace after that
        is a dead one's. The finder's clock alone decides, however far ahead of the writer's it is. A sign that lasts
        longer than one does has run out: whoever lives renews it.
        """
        if not name or name == self.name:
            return False
        sign, now = self.control.read(_key(name), Sign.of), self.clock.now().timestamp()
        if sign is None:
            return False
        if now < sign.expires <= now + LIFE_SECONDS + SKEW_SECONDS:
            return True
        if sign.suspected is None or sign.suspected > now + SKEW_SECONDS:
            self._suspect(name, sign, now)
            return True
        return now - sign.suspected < GRACE_SECONDS

    def _suspect(self, name: str, sign: Sign, now: float) -> None:
        """Marks a sign that has run out. Who may only read, as a preview, marks none: to it that writer goes on living,
        and the next sweep finds what became of it."""
        try:
            marked = {"beat": sign.beat, "expires": sign.expires, "suspected": now}
            self.control.put_where(_key(name), marked, beat=sign.beat)
        except Exception as error:
            if error_code(error) not in DENIED:
                raise


def _key(name: str) -> str:
    return f"writer#{name}"
