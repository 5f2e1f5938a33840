"""What a game day is: a name, what is done, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.gamedays.harness import Harness


@dataclass(frozen=True)
class Scenario:
    """name: in words of a-z joined by dashes. title: for people. requirement: what must happen, a sentence.
    expected_result: the end, in a few words.

    run: does it, and records in the harness what it expects. config: edits of the stack's config that the
    snapshot needs, by top-level key.
    """

    name: str
    title: str
    requirement: str
    expected_result: str
    run: Callable[[Harness], None]
    config: dict[str, Any] = field(default_factory=dict[str, Any])
