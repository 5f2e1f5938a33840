"""The times at which alarms are evaluated.

Source: CloudWatch user guide, "Alarm evaluation": "For any period of one minute or longer, an alarm is evaluated every
minute"; every 10 seconds for a period below a minute.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60
MINUTE_STEP_SECONDS = 6 * 3600
"""Simulated seconds of a jump of the clock that are evaluated minute by minute.

There are no measurements within a jump, so all effects of earlier ones are at its beginning.
"""
COARSE_STEP_SECONDS = 15 * 60
"""Simulated seconds between two evaluations in the rest of a longer jump; its last minute is always evaluated."""


@dataclass
class AlarmClock:
    """The schedule of evaluations."""

    evaluated_until: float
    """Seconds since the epoch up to which alarms have been evaluated."""
    step_seconds: int = MINUTE
    """Seconds between two evaluations."""
    next_wakeup: float | None = None
    """When a suppressor's period ends, in seconds since the epoch."""

    @classmethod
    def from_timestamp(cls, now: float) -> AlarmClock:
        """A clock for alarms that are created from now on."""
        return cls(now - now % MINUTE)

    def next_due(self, until: float, jump_start: float, is_stable: bool) -> float:
        """The next moment at which something is due, in a jump from `jump_start` to `until`.

        If everything is stable, no alarm changes before the end of the jump, and only its last moment is due.
        """
        last = until - until % self.step_seconds
        moment = self.evaluated_until + self.step_seconds
        if is_stable:
            moment = max(moment, last)
        elif moment - jump_start > MINUTE_STEP_SECONDS:
            coarse_moment = self.evaluated_until - self.evaluated_until % COARSE_STEP_SECONDS + COARSE_STEP_SECONDS
            moment = max(moment, min(coarse_moment, last))
        return moment if self.next_wakeup is None else min(moment, self.next_wakeup)

    def mark_evaluated(self, moment: float) -> None:
        """Records that everything up to a moment is evaluated."""
        self.evaluated_until = max(self.evaluated_until, moment - moment % self.step_seconds)
