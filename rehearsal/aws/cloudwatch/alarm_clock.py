"""When alarms are evaluated.

Source: CloudWatch user guide, "Alarm evaluation": "For any period of one minute or longer, an alarm is evaluated every
minute"; every 10 seconds for a period below a minute.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60
MINUTE_STEP_SECONDS = 6 * 3600
"""Simulated seconds of one jump of the clock that are evaluated minute by minute. Nobody measures anything within a
jump, so what it can still show lies at its beginning."""
COARSE_STEP_SECONDS = 15 * 60
"""Simulated seconds between two evaluations in the rest of a longer jump; its last minute is evaluated in any case."""


@dataclass
class AlarmClock:
    """Up to when alarms have been evaluated, in seconds since the epoch, how often that is done, and when a period of
    a suppressor ends."""

    evaluated_until: float
    step_seconds: int = MINUTE
    next_wakeup: float | None = None

    @classmethod
    def from_timestamp(cls, now: float) -> AlarmClock:
        """A clock for alarms that are made from now on."""
        return cls(now - now % MINUTE)

    def next_due(self, until: float, jump_start: float, is_stable: bool) -> float:
        """The next moment at which something is due, in a jump that began at `began` and has reached `reached`.

        Where all is quiet, no alarm changes before the end of the jump, and only its last moment is left.
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
        """Notes that everything up to a moment is done."""
        self.evaluated_until = max(self.evaluated_until, moment - moment % self.step_seconds)
