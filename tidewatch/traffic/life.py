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
from tidewatch.items import DENIED, error_code
from tidewatch.traffic.control import Control

LIFE_SECONDS = 60.0
"""How long a sign of life lasts; a writer polls every few seconds."""
RENEWED_WITH_SECONDS_LEFT = 40.0
GRACE_SECONDS = 30.0
"""How long a sign that has run out is watched, unrenewed, before its writer is dead: clocks differ, and a call that
hangs renews nothing."""


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
        is a dead one's. The finder's clock alone decides, however far ahead of the writer's it is.
        """
        if not name or name == self.name:
            return False
        sign, now = self.control.get(_key(name)), self.clock.now().timestamp()
        if sign is None:
            return False
        if sign["expires"] > now:
            return True
        if "suspected" not in sign:
            self._suspect(name, sign, now)
            return True
        return now - sign["suspected"] < GRACE_SECONDS

    def _suspect(self, name: str, sign: Mapping[str, Any], now: float) -> None:
        """Marks a sign that has run out. Who may only read, as a preview, marks none: to it that writer goes on living,
        and the next sweep finds what became of it."""
        try:
            self.control.put_where(_key(name), {**sign, "suspected": now}, beat=sign["beat"])
        except Exception as error:
            if error_code(error) not in DENIED:
                raise


def _key(name: str) -> str:
    return f"writer#{name}"
