"""The terminal output of every command: text from others is printed, and never interpreted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from tidewatch.text import sanitize_lines

UNBOUNDED_WIDTH = 200
"""The width in columns when no terminal limits the length of a line."""


class Console(rich.console.Console):
    """A console that prints text as text: `[bold]` or `[/]` in a name is no markup, and an escape in a text no command.

    Colours come from rich's own Text and Style. Text that must stay on one line goes through tidewatch.text.one_line.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yields what rich is about to write, without invisible characters in any text."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else sanitize_lines(text), style, control)


def create_table_console() -> Console:
    """Returns a console for tables: as wide as the terminal, or wide enough for the longest line."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=UNBOUNDED_WIDTH)
