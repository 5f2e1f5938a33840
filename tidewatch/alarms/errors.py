"""What is wrong with an alarm or its config: where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable


class AlarmError(Exception):
    """The root of this room's errors."""


class InvalidAlarm(AlarmError):
    """One mistake.

    sentence: what is wrong and what would be right, the second half of a sentence. path: of the value at fault,
    relative to whatever was read, like `guardrails.0.threshold`; "" where the whole is at fault. alarm: its key.
    """

    def __init__(self, sentence: str, path: str = "", alarm: str = "") -> None:
        self.sentence, self.path, self.alarm = sentence, path, alarm
        super().__init__(f"{'.'.join(part for part in (alarm, path) if part)}: {sentence}".removeprefix(": "))

    def with_prefix(self, prefix: str) -> InvalidAlarm:
        """The same mistake, seen from one level up."""
        return InvalidAlarm(self.sentence, ".".join(part for part in (prefix, self.path) if part))


class InvalidAlarms(AlarmError):
    """Every mistake in what was read."""

    def __init__(self, mistakes: Iterable[InvalidAlarm]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
