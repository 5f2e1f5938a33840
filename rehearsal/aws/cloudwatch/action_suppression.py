"""When a composite alarm's actions are held back by another alarm.

Source: CloudWatch user guide, "Suppressing composite alarm actions" (WaitPeriod, ExtensionPeriod, examples 1 to 6);
API reference, CompositeAlarm.ActionsSuppressedBy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WAIT, EXTENSION, SUPPRESSOR = "WaitPeriod", "ExtensionPeriod", "Alarm"


@dataclass
class Suppression:
    """One composite alarm's suppressor, with its periods in seconds, and what holds actions back at the moment.

    `pending` says that the composite alarm changed its state and has not acted on it: once nothing holds the actions
    back any more it takes those of the state that it then has.
    """

    suppressor: str
    wait_seconds: int
    extension_seconds: int
    suppressed_by: str | None = None
    suppressed_until: datetime | None = None
    pending: bool = False

    def on_state_change(self, is_suppressing: bool, now: datetime) -> bool:
        """The composite alarm changed its state; answers whether it acts now. A period that runs is discarded."""
        self.pending = True
        if is_suppressing:
            self._suppress(SUPPRESSOR, None)
            return False
        return self._start_period(WAIT, self.wait_seconds, now)

    def on_suppressor_change(self, is_suppressing: bool, now: datetime) -> bool:
        """The suppressor came to ALARM, or left it; answers whether the composite alarm acts now."""
        if is_suppressing:
            self._suppress(SUPPRESSOR, None)
            return False
        return self.suppressed_by == SUPPRESSOR and self._start_period(EXTENSION, self.extension_seconds, now)

    def end_expired_period(self, now: datetime) -> bool:
        """Ends a period that is over; answers whether the composite alarm acts now."""
        return self.suppressed_until is not None and now >= self.suppressed_until and self._release()

    def _start_period(self, period: str, seconds: int, now: datetime) -> bool:
        if seconds <= 0:
            return self._release()
        self._suppress(period, now + timedelta(seconds=seconds))
        return False

    def _suppress(self, reason: str, until: datetime | None) -> None:
        self.suppressed_by, self.suppressed_until = reason, until

    def _release(self) -> bool:
        should_act, self.pending = self.pending, False
        self.suppressed_by = self.suppressed_until = None
        return should_act
