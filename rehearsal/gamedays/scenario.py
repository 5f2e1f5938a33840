"""The definition of a game day: a name, an action, and the result that it must have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.gamedays.harness import Harness


@dataclass(frozen=True)
class Scenario:
    """One game day."""

    name: str
    """Words of a-z joined by dashes."""
    title: str
    """For people."""
    requirement: str
    """The required behaviour, as a sentence."""
    expected_result: str
    """The result in a few words."""
    run: Callable[[Harness], None]
    """Runs the scenario and records its expectations in the harness."""
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    """Edits of the stack's config that the snapshot needs, by top-level key."""
