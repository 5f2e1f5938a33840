"""The errors of alarms and their config: where the mistake is, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable


class AlarmError(Exception):
    """The base class of this package's errors."""


class InvalidAlarm(AlarmError):
    """One mistake."""

    def __init__(self, sentence: str, path: str = "", alarm: str = "") -> None:
        self.sentence, self.path, self.alarm = sentence, path, alarm
        super().__init__(f"{'.'.join(part for part in (alarm, path) if part)}: {sentence}".removeprefix(": "))

    def with_prefix(self, prefix: str) -> InvalidAlarm:
        """Returns the same mistake with a path that starts one level higher."""
        return InvalidAlarm(self.sentence, ".".join(part for part in (prefix, self.path) if part))


class InvalidAlarms(AlarmError):
    """All mistakes in what was read."""

    def __init__(self, mistakes: Iterable[InvalidAlarm]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
