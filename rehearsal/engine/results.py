"""What a run tells: its steps while they happen, its summary at the end, and why it was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Phase = Literal["planned", "start", "done"]

UNCHANGED_OPS = frozenset({"same", "read"})


class EngineError(Exception):
    """The engine or a provider will not do what the program asks; the sentence says why."""


class RunAborted(EngineError):
    """Another resource failed. What is unchanged is still recorded, as it would have been beside it in the CLI."""

    def __init__(self) -> None:
        super().__init__("another resource failed: nothing new is started")


@dataclass(frozen=True)
class DeploymentStep:
    """One operation on one resource, named as the Pulumi CLI names it.

    `op` is create, update, replace, delete, delete-replaced, same, read, discard, import or refresh.
    `phase` is `planned` in a preview; otherwise `start` when a call goes out and `done` when it came back.
    `keys` are the properties that changed or force the replacement, `retain` for an object left in the cloud,
    and for a refresh `update` or `delete` where it found a difference.
    `seconds` is the wall time of the call.
    """

    op: str
    urn: str
    keys: tuple[str, ...] = ()
    phase: Phase = "done"
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[1]

    @property
    def type(self) -> str:
        return self.urn.split("::")[2].rsplit("$", 1)[-1]


@dataclass(frozen=True)
class DeploymentSummary:
    """A finished run: its steps in the order in which they were done, and the stack outputs with secrets opened."""

    steps: tuple[DeploymentStep, ...]
    outputs: dict[str, Any]
    notes: tuple[str, ...]
    seconds: float = 0.0

    @property
    def op_counts(self) -> Counter[str]:
        """How many steps of each operation."""
        return Counter(step.op for step in self.steps)

    @property
    def changed_steps(self) -> tuple[DeploymentStep, ...]:
        """The steps that are more than looking: all but `same`, `read` and a `refresh` that found nothing."""
        return tuple(s for s in self.steps if s.op not in UNCHANGED_OPS and (s.op != "refresh" or s.keys))

    @property
    def description(self) -> str:
        """How many steps of each operation that changes something, and the wall time, as a clause."""
        counts = Counter(step.op for step in self.changed_steps)
        changes_text = ", ".join(f"{count} {op}" for op, count in sorted(counts.items()))
        if self.steps and all(step.phase == "planned" for step in self.steps):
            return f"planned in {self.seconds:.1f} s: {changes_text or 'nothing would change'}"
        return f"{changes_text or 'nothing changed'} in {self.seconds:.1f} s"


class DeploymentFailed(Exception):
    """A run that did not finish; `errors` are its sentences, `summary` what was done before."""

    def __init__(self, errors: Sequence[str], summary: DeploymentSummary) -> None:
        super().__init__("\n".join(errors))
        self.errors, self.summary = tuple(errors), summary
