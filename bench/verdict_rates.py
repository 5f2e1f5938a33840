"""The rates of verdicts at one size, the rates that are required, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from rich.table import Table

from bench.populations import Distributions
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.statistics import Verdict

SIZES = (50, 500, 5_000, 50_000)
WINDOWS = 1_000
REFERENCE_ROWS = (100_000, 1_000)
"""The rows of the references."""
WINDOWS_PER_REFERENCE = 50
"""After that many windows another reference is drawn: it is a sample, and an unlucky one would alarm in all its
windows."""
MAX_ALARM_RATE = 0.01
MIN_DETECTION_RATE = 0.99


class VerdictRequirement(Enum):
    """The verdicts that a scenario's windows must have."""

    NO_ALARM = auto()
    """At most MAX_ALARM_RATE of them are a drift, and at most MAX_ALARM_RATE a warning."""
    DETECTED = auto()
    """At least MIN_DETECTION_RATE of them are a drift or a warning."""
    DRIFT = auto()
    """At least MIN_DETECTION_RATE of them are a drift."""


@dataclass(frozen=True)
class VerdictRates:
    """A scenario at one size, with the share of the windows that got each verdict."""

    scenario: str
    reference_rows: int
    window_rows: int
    windows: int
    drift: float
    warning: float
    peer: float | None = None
    """The share of the peer's windows with drift; None if no peer was measured."""
    peer_windows: int = 0
    requirement: VerdictRequirement = VerdictRequirement.NO_ALARM

    @property
    def detection_rate(self) -> float:
        """The share of the windows whose verdict meets the requirement."""
        return self.drift if self.requirement is VerdictRequirement.DRIFT else self.drift + self.warning


def count_verdicts(
    scenario: str, requirement: VerdictRequirement, reference_rows: int, window_rows: int, verdicts: Sequence[Verdict]
) -> VerdictRates:
    """Returns the row of these verdicts."""
    drift, warning = (verdicts.count(verdict) / len(verdicts) for verdict in (Verdict.DRIFT, Verdict.WARNING))
    return VerdictRates(scenario, reference_rows, window_rows, len(verdicts), drift, warning, requirement=requirement)


def draw_profiles(
    reference: Reference, distributions: Distributions, rows: int, windows: int, rng: np.random.Generator
) -> Iterator[Profile]:
    """Draws windows of `rows` rows from the columns' distributions, counted in the reference's bins."""
    counts_by_feature = [
        rng.multinomial(rows, distributions[feature.name].compute_shares(feature), windows)
        for feature in reference.measured_features
    ]
    for window in range(windows):
        yield Profile(reference.digest, Accounting(rows, rows), rows, tuple(each[window] for each in counts_by_feature))


def list_misses(rows: Iterable[VerdictRates]) -> list[str]:
    """Returns a sentence for each row that misses its requirement."""
    sentences: list[str] = []
    for row in rows:
        where = f"{row.scenario}, {row.window_rows} rows against {row.reference_rows}"
        if row.requirement is VerdictRequirement.NO_ALARM:
            if row.drift > MAX_ALARM_RATE or row.warning > MAX_ALARM_RATE:
                sentences.append(
                    f"{where}: {row.drift:.1%} drift and {row.warning:.1%} warning, each at most {MAX_ALARM_RATE:.0%}"
                )
        elif row.detection_rate < MIN_DETECTION_RATE:
            sentences.append(
                f"{where}: found in {row.detection_rate:.1%} of the windows, at least {MIN_DETECTION_RATE:.0%}"
            )
    return sentences


TABLE_HEADINGS = ("scenario", "reference rows", "window rows", "windows", "drift", "warning")


def format_cells(row: VerdictRates) -> tuple[str, ...]:
    """Returns a row's cells as they are printed; the peer's share is last, if it was measured."""
    own = (row.scenario, f"{row.reference_rows:,}", f"{row.window_rows:,}", f"{row.windows:,}")
    shares = (f"{row.drift:.1%}", f"{row.warning:.1%}")
    return (*own, *shares) if row.peer is None else (*own, *shares, f"{row.peer:.0%} of {row.peer_windows}")


def render_table(rows: Sequence[VerdictRates], peer: str = "") -> Table:
    """Returns the rows as a table for a terminal."""
    printed = Table(*TABLE_HEADINGS, *([peer] if peer else []), title="verdicts", title_justify="left", box=None)
    for row in rows:
        printed.add_row(*format_cells(row))
    return printed


def render_markdown(rows: Sequence[VerdictRates], peer: str = "") -> str:
    """Returns the rows as a Markdown table."""
    return render_markdown_table((*TABLE_HEADINGS, *([peer] if peer else [])), [format_cells(row) for row in rows])


def render_markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (headings, ("---",) * len(headings), *rows))


def render_by_window(rows: Sequence[VerdictRates]) -> str:
    """Returns a Markdown table with a column for each window size and `drift / warning` in each cell."""
    sizes = sorted({row.window_rows for row in rows})
    shares = {(row.scenario, row.reference_rows, row.window_rows): row for row in rows}
    lines: list[tuple[str, ...]] = []
    for scenario, reference_rows in dict.fromkeys((row.scenario, row.reference_rows) for row in rows):
        rates = [shares.get((scenario, reference_rows, size)) for size in sizes]
        cells_text = ("" if row is None else f"{row.drift:.1%} / {row.warning:.1%}" for row in rates)
        lines.append((scenario, f"{reference_rows:,}", *cells_text))
    return render_markdown_table(("column", "reference rows", *(f"{size:,}" for size in sizes)), lines)
