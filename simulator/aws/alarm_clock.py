"""When alarms are evaluated.

Source: CloudWatch user guide, "Alarm evaluation": "For any period of one minute or longer, an alarm is evaluated every
minute"; every 10 seconds for a period below a minute.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60
EVERY_MINUTE_FOR = 6 * 3600
"""Simulated seconds of one jump of the clock that are evaluated minute by minute. Nobody measures anything within a
jump, so what it can still show lies at its beginning."""
THEN_EVERY = 15 * 60
"""Simulated seconds between two evaluations in the rest of a longer jump; its last minute is evaluated in any case."""


@dataclass
class AlarmClock:
    """Up to when alarms have been evaluated, in seconds since the epoch, how often that is done, and when a period of
    a suppressor ends."""

    stepped: float
    step: int = MINUTE
    wake: float | None = None

    @classmethod
    def at(cls, now: float) -> AlarmClock:
        """A clock for alarms that are made from now on."""
        return cls(now - now % MINUTE)

    def following(self, reached: float, began: float, quiet: bool) -> float:
        """The next moment at which something is due, in a jump that began at `began` and has reached `reached`.

        Where all is quiet, no alarm changes before the end of the jump, and only its last moment is left.
        """
        last = reached - reached % self.step
        moment = self.stepped + self.step
        if quiet:
            moment = max(moment, last)
        elif moment - began > EVERY_MINUTE_FOR:
            rough = self.stepped - self.stepped % THEN_EVERY + THEN_EVERY
            moment = max(moment, min(rough, last))
        return moment if self.wake is None else min(moment, self.wake)

    def passed(self, moment: float) -> None:
        """Notes that everything up to a moment is done."""
        self.stepped = max(self.stepped, moment - moment % self.step)
