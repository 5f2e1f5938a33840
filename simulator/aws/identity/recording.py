"""What was needed of IAM while something was done: the source of the documents that people's roles are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simulator.aws.identity.need import Need


@dataclass
class Recorded:
    """Every need of the calls that were made, once, in the order of the first; and the operations without a rule."""

    needs: dict[tuple[str, str, tuple[tuple[str, str], ...]], Need] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set[str])

    def add(self, need: Need) -> None:
        self.needs.setdefault((need.action, need.resource, tuple(sorted(need.keys.items()))), need)

    @property
    def actions(self) -> set[str]:
        return {action for action, _, _ in self.needs}


_current: list[Recorded] = []


@contextmanager
def recording() -> Iterator[Recorded]:
    """Records, in this process, until the end of the block."""
    recorded = Recorded()
    _current.append(recorded)
    try:
        yield recorded
    finally:
        _current.remove(recorded)


def recorders() -> list[Recorded]:
    """Those that listen now."""
    return _current
