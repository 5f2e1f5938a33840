"""The terminal as every command writes to it: what others wrote is printed, and never obeyed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from tidewatch.text import sanitize_lines

UNBOUNDED_WIDTH = 200
"""Columns where nobody looks at a terminal's width: a line is as long as it must be."""


class Console(rich.console.Console):
    """A console to which text is text: `[bold]` or `[/]` in a name is no markup, and an escape in a reason no command.

    Colours come from rich's own Text and Style. What has to stay on one line goes through tidewatch.text.one_line.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What rich is about to write, each piece of text without what is not seen."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else sanitize_lines(text), style, control)


def create_table_console() -> Console:
    """For tables: as wide as the terminal, or as long as it must be."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=UNBOUNDED_WIDTH)
