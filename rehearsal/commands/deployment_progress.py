"""How far a deployment has come, for somebody who interrupts it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rehearsal.demo.console import pluralize
from rehearsal.demo.paths import REHEARSAL
from rehearsal.engine import DeploymentStep


@dataclass
class DeploymentProgress:
    """The steps of one `up`, `preview` or `destroy`, which several threads report."""

    command: Sequence[str]
    _planned: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _done: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _running: dict[str, str] = field(default_factory=dict[str, str])

    def follow(self, step: DeploymentStep) -> None:
        """Takes a step that the engine reports."""
        if step.phase == "start":
            self._running[step.urn] = f"{step.op} {step.name}"
            return
        self._running.pop(step.urn, None)
        if step.is_change and step.op != "refresh":
            (self._planned if step.phase == "planned" else self._done).add((step.op, step.urn))

    def describe_interrupt(self) -> Iterator[str]:
        """Two lines: how far it came, and what to do."""
        name, line = self.command[0], f"tidewatch {' '.join(self.command)} --stack {REHEARSAL}"
        if not (self._done or self._running):
            yield f"tidewatch: {name} was interrupted before it changed anything."
            yield f"To begin again: {line}"
            return
        done = f"{len(self._done)} of {pluralize(len(self._planned), 'planned change')}"
        under_way = ", ".join(sorted(self._running.values()))
        yield f"tidewatch: {name} was interrupted after {done}" + (f", during {under_way}." if under_way else ".")
        yield f"To go on from there: {line}"
