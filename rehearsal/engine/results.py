"""The results of a run: its steps as they happen, its summary, and its errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from policies.violations import Violation

Phase = Literal["planned", "start", "done"]

UNCHANGED_OPS = frozenset({"same", "read"})


class EngineError(Exception):
    """The engine or a provider refuses a request of the program; the message is a sentence with the reason."""


class RunAborted(EngineError):
    """Another resource failed. Unchanged resources are still recorded, as the CLI would in parallel."""

    def __init__(self) -> None:
        super().__init__("another resource failed: nothing new is started")


@dataclass(frozen=True)
class DeploymentStep:
    """One operation on one resource, with the Pulumi CLI's names."""

    op: str
    """create, update, replace, delete, delete-replaced, same, read, discard, import or refresh."""
    urn: str
    keys: tuple[str, ...] = ()
    """The properties that changed or force the replacement.

    It is `retain` for an object left in the cloud, and `update` or `delete` for a refresh that found a difference.
    """
    phase: Phase = "done"
    """`planned` in a preview; otherwise `start` before a call and `done` after it."""
    seconds: float = 0.0
    """Wall time of the call."""
    changes: tuple[str, ...] = ()
    """The changes with values, where these can be shown; for a refresh, the known values that it found changed."""

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[1]

    @property
    def type(self) -> str:
        return self.urn.split("::")[2].rsplit("$", 1)[-1]

    @property
    def is_change(self) -> bool:
        """Whether it is more than looking: neither `same` nor `read`, nor a `refresh` that found what was known."""
        if self.op == "refresh":
            return bool(self.changes) or "delete" in self.keys
        return self.op not in UNCHANGED_OPS


@dataclass(frozen=True)
class DeploymentSummary:
    """A finished run."""

    steps: tuple[DeploymentStep, ...]
    """In the order of completion."""
    outputs: dict[str, Any]
    """The stack outputs, with secrets in plaintext."""
    notes: tuple[str, ...]
    seconds: float = 0.0
    violations: tuple[Violation, ...] = ()
    """The policies that the stack violates without being refused for them."""

    @property
    def op_counts(self) -> Counter[str]:
        """The number of steps by operation."""
        return Counter(step.op for step in self.steps)

    @property
    def changed_steps(self) -> tuple[DeploymentStep, ...]:
        """The steps with an effect: all but `same`, `read` and a `refresh` without a difference."""
        return tuple(step for step in self.steps if step.is_change)

    @property
    def description(self) -> str:
        """The number of steps with an effect by operation, and the wall time, as a clause."""
        counts = Counter(step.op for step in self.changed_steps)
        changes_text = ", ".join(f"{count} {op}" for op, count in sorted(counts.items()))
        if self.steps and all(step.phase == "planned" for step in self.steps):
            return f"planned in {self.seconds:.1f} s: {changes_text or 'nothing would change'}"
        return f"{changes_text or 'nothing changed'} in {self.seconds:.1f} s"


class OperationFailed(Exception):
    """A run that did not finish; `errors` are its messages, `summary` its completed steps."""

    def __init__(self, errors: Sequence[str], summary: DeploymentSummary) -> None:
        super().__init__("\n".join(errors))
        self.errors, self.summary = tuple(errors), summary
