"""Console output of a rehearsal: one line for each step, with a spinner while the step runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from rehearsal.demo.commands import CommandResult


@dataclass
class ProgressStep:
    """A step that is running."""

    title: str
    outcome: str = ""
    """The sentence that stays on the console after the step."""
    seconds: float | None = None
    """Wall seconds of work that began before the step was shown; None: as long as it is shown."""
    _status: Status | None = field(default=None, repr=False)

    def show_detail(self, detail: str) -> None:
        """Shows what the step is doing, until the next call."""
        if self._status is not None:
            self._status.update(Text.assemble(self.title, ("  " + detail, "dim")))


@dataclass
class ProgressConsole:
    """Writes to a console: with a spinner on a terminal, as plain lines elsewhere."""

    console: Console
    step_seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds of each step, by its title."""

    @contextlib.contextmanager
    def run_step(self, title: str) -> Iterator[ProgressStep]:
        began = time.perf_counter()
        with contextlib.ExitStack() as stack:
            status = stack.enter_context(self.console.status(title)) if self.console.is_terminal else None
            step = ProgressStep(title, _status=status)
            yield step
        shown_seconds = time.perf_counter() - began
        self.step_seconds[title] = round(shown_seconds if step.seconds is None else step.seconds, 2)
        line = Text.assemble(("✓ ", "green"), title, (f"  {self.step_seconds[title]:.1f} s", "dim"))
        self.console.print(line, soft_wrap=True)
        if step.outcome:
            self.console.print(Text("  " + step.outcome, style="dim"), soft_wrap=True)

    def print_command(self, command: CommandResult) -> None:
        """Prints a command and its output."""
        self.console.print(Text(f"$ {command.line}", style="bold"), soft_wrap=True)
        self.console.print(Text(command.output.rstrip()), soft_wrap=True)

    def print_grid(
        self,
        title: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        sentences: bool = False,
        notes: Sequence[str] = (),
    ) -> None:
        """Prints a table whose first column names the rows.

        `sentences` wraps the text of the other columns. `notes` are printed below the table.
        """
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for heading in headings:
            table.add_column(heading, style="" if heading else "bold", no_wrap=not sentences or not table.columns)
        for row in rows:
            table.add_row(*row)
        self.console.print()
        self.console.print(table)
        for note in notes:
            self.console.print(Text(note, style="dim"), soft_wrap=True)
        self.console.print()

    def print_summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Prints the final summary, one row for each heading."""
        table = Table(title=title, show_header=False, title_justify="left", box=None, padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for heading, text in rows.items():
            table.add_row(heading, text)
        self.console.print()
        self.console.print(table)


def pluralize(number: int, noun: str) -> str:
    """A number with its noun: 1 hour, 2 hours."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
