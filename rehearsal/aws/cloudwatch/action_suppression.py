"""The suppression of a composite alarm's actions by another alarm.

Source: CloudWatch user guide, "Suppressing composite alarm actions" (WaitPeriod, ExtensionPeriod, examples 1 to 6); API
reference, CompositeAlarm.ActionsSuppressedBy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WAIT, EXTENSION, SUPPRESSOR = "WaitPeriod", "ExtensionPeriod", "Alarm"


@dataclass
class Suppression:
    """A composite alarm's suppressor, with its periods in seconds, and the current suppression."""

    suppressor: str
    wait_seconds: int
    extension_seconds: int
    suppressed_by: str | None = None
    """The suppressor, or the period that runs; None if nothing suppresses the actions."""
    suppressed_until: datetime | None = None
    pending: bool = False
    """The alarm changed its state and has not acted on it.

    When the suppression ends, it takes the actions of its state at that time.
    """

    def on_state_change(self, is_suppressing: bool, now: datetime) -> bool:
        """Handles a new state of the composite alarm. Returns whether it acts now. A running period is discarded."""
        self.pending = True
        if is_suppressing:
            self._suppress(SUPPRESSOR, None)
            return False
        return self._start_period(WAIT, self.wait_seconds, now)

    def on_suppressor_change(self, is_suppressing: bool, now: datetime) -> bool:
        """Handles a suppressor that entered or left ALARM. Returns whether the composite alarm acts now."""
        if is_suppressing:
            self._suppress(SUPPRESSOR, None)
            return False
        return self.suppressed_by == SUPPRESSOR and self._start_period(EXTENSION, self.extension_seconds, now)

    def end_expired_period(self, now: datetime) -> bool:
        """Ends an expired period. Returns whether the composite alarm acts now."""
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
