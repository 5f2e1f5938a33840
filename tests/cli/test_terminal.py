"""Whatever somebody wrote into a name or a reason: the terminal prints it, and does nothing else."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from rich.table import Table
from rich.text import Text

import cli
from cli.commands import status
from cli.console import Console
from tests.tidewatch.hostile_text import texts
from tidewatch.text import is_invisible

INCIDENT = {
    "id": "I",
    "kind": "rollback",
    "state": "rolled_back",
    "opened_at": "2026-01-05",
    "opened_by": "",
    "reason": "",
}
OURS = re.compile(r"\x1b\[[0-9;]*m")
"""Colours and weights, the one thing that we ask of a terminal."""


def print_parts(*parts: Any, terminal: bool = False) -> str:
    """What a console writes."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=5000, highlight=False)
    for part in parts:
        console.print(part, soft_wrap=True)
    return written.getvalue()


def find_obeyed_characters(written: str) -> set[str]:
    """What in it a terminal would obey."""
    return {each for each in OURS.sub("", written) if is_invisible(each) and each != "\n"}


def strip_invisible(text: str) -> str:
    """What of a text takes ink."""
    return "".join(each for each in text if not each.isspace() and not is_invisible(each))


def _table(text: str) -> Table:
    table = Table("heading", text, title=text)
    table.add_row(text, Text(text))
    return table


@pytest.mark.parametrize("terminal", [False, True])
@given(text=texts)
def test_a_terminal_obeys_nothing_that_is_printed(terminal: bool, text: str) -> None:
    assert (
        find_obeyed_characters(print_parts(text, Text(text, style="bold red"), _table(text), terminal=terminal))
        == set()
    )


@given(texts)
def test_markup_is_printed_as_it_stands(text: str) -> None:
    assert strip_invisible(print_parts(text)) == strip_invisible(text)


def test_every_console_of_the_command_line_is_this_one() -> None:
    another = re.compile(r"rich\.console import .*\bConsole\b|\brich\.print")
    others = [each for each in Path(cli.__file__).parent.glob("*.py") if each.name != "console.py"]
    assert not [each.name for each in others if another.search(each.read_text())]


@given(texts)
def test_no_reason_adds_a_line_to_the_status(text: str) -> None:
    def report(words: str) -> dict[str, Any]:
        return {
            "stack": "dev", "model": words, "champion": "blue", "in_sync": False, "withheld": words,
            "endpoint": {"name": words, "status": words},
            "variants": {},
            "incidents": [{**INCIDENT, "document": words, "reason": words, "opened_at": words}],
            "alarms": {
                "firing": [{"severity": "P1", "alarm": words, "since": words, "runbook": words}],
                "missing": [words], "total": 1, "insufficient": 0, "metric_alarms": 1, "composites": 1,
            },
            "budgets": None,
            "drift": {
                words: dict.fromkeys(("version", "hour", "verdict", "severity", "report"), words)
                | {"drifting": [words], "served": False}
            },
            "unavailable": [words],
        }  # fmt: skip

    shown, innocent = (print_parts(*status._render(report(each))) for each in (f"x{text}", "x"))
    assert shown.count("\n") == innocent.count("\n")
    assert find_obeyed_characters(shown) == set()
