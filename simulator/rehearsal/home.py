"""Where a rehearsal keeps its things, so that the command line finds them while it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

REHEARSAL = "rehearsal"
"""The stack's name: the one stack whose outputs come from the rehearsal's engine instead of the Pulumi CLI."""


@dataclass(frozen=True)
class Home:
    """The folder `out/rehearsal` of a checkout."""

    folder: Path

    @classmethod
    def of(cls, root: Path) -> Home:
        return cls(root / "out" / REHEARSAL)

    @property
    def state(self) -> Path:
        """The engine's state file."""
        return self.folder / "stack.json"

    @property
    def stack_file(self) -> Path:
        """The rehearsal edits a copy of Pulumi.rehearsal.yaml: the checkout stays clean."""
        return self.folder / f"Pulumi.{REHEARSAL}.yaml"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def report(self) -> Path:
        """The game days, drawn."""
        return self.folder / "report.html"

    @property
    def alarms(self) -> Path:
        """What every alarm was driven by."""
        return self.folder / "alarms.json"

    def announce(self, environment: dict[str, str]) -> None:
        """Tells other processes how to reach the simulator: the variables of the AWS SDKs and tools."""
        self._announcement.write_text(json.dumps(environment, indent=2))

    def environment(self) -> dict[str, str]:
        """The announced variables; empty where no rehearsal runs."""
        return json.loads(self._announcement.read_text()) if self._announcement.exists() else {}

    def withdraw(self) -> None:
        self._announcement.unlink(missing_ok=True)

    @property
    def _announcement(self) -> Path:
        return self.folder / "simulator.json"
