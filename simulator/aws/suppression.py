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
    wait: int
    extension: int
    by: str | None = None
    until: datetime | None = None
    pending: bool = False

    def state_changed(self, suppressing: bool, now: datetime) -> bool:
        """The composite alarm changed its state; answers whether it acts now. A period that runs is discarded."""
        self.pending = True
        if suppressing:
            self._hold(SUPPRESSOR, None)
            return False
        return self._begin(WAIT, self.wait, now)

    def suppressor_changed(self, suppressing: bool, now: datetime) -> bool:
        """The suppressor came to ALARM, or left it; answers whether the composite alarm acts now."""
        if suppressing:
            self._hold(SUPPRESSOR, None)
            return False
        return self.by == SUPPRESSOR and self._begin(EXTENSION, self.extension, now)

    def expired(self, now: datetime) -> bool:
        """Ends a period that is over; answers whether the composite alarm acts now."""
        return self.until is not None and now >= self.until and self._release()

    def _begin(self, period: str, seconds: int, now: datetime) -> bool:
        if seconds <= 0:
            return self._release()
        self._hold(period, now + timedelta(seconds=seconds))
        return False

    def _hold(self, by: str, until: datetime | None) -> None:
        self.by, self.until = by, until

    def _release(self) -> bool:
        acts, self.pending = self.pending, False
        self.by = self.until = None
        return acts
