"""Runs game days from the command line and writes their pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rehearsal.alarm_coverage.coverage import describe_counts, verify_alarms
from rehearsal.alarm_coverage.coverage import write_coverage as write_proof
from rehearsal.charts.page import write_report
from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.environment import lock_rehearsal
from rehearsal.demo.paths import ALL_GAME_DAYS, RehearsalPaths
from rehearsal.gamedays import Scenario
from rehearsal.gamedays.neighbours import NEIGHBOURS
from rehearsal.gamedays.snapshot import Snapshot, deploy_snapshot

TABLE_HEADINGS = ("scenario", "expected result", "observed result", "times")
PARALLEL_COPIES = 2
"""Copies that run at the same time: the functions of each need a core."""


def run_game_days(
    root: Path, console: ProgressConsole, scenarios: Sequence[Scenario], *, run_all: bool, with_neighbours: bool
) -> tuple[list[GameDayOutcome], list[Path]]:
    """Runs the scenarios on copies of one deployed account and writes their pages.

    Without `run_all` each scenario gets its own page. With it, the scenarios are all that exist: they share one page,
    and every alarm is triggered too. `with_neighbours` deploys other stacks beside each copy, which must stay silent.

    Raises RehearsalRunning, and the errors of the deployment or of a scenario.
    """
    paths = RehearsalPaths.of(root)
    paths.folder.mkdir(parents=True, exist_ok=True)
    with lock_rehearsal(paths):
        with _deploy_account(root, console, NEIGHBOURS if with_neighbours else ()) as account:
            outcomes = list(_run_scenarios(account, console, scenarios))
            pages = (
                {paths.game_day_page(ALL_GAME_DAYS): outcomes}
                if run_all
                else {paths.game_day_page(outcome.scenario): [outcome] for outcome in outcomes}
            )
            for path, page_outcomes in pages.items():
                write_report(page_outcomes, path)
            if run_all and not with_neighbours:
                _verify_coverage(account, console, paths)
        if run_all and with_neighbours:
            with _deploy_account(root, console, ()) as account:
                _verify_coverage(account, console, paths)
    return outcomes, list(pages)


@contextlib.contextmanager
def _deploy_account(root: Path, console: ProgressConsole, neighbours: Sequence[tuple[str, str]]) -> Iterator[Snapshot]:
    with contextlib.ExitStack() as stack:
        with console.run_step("A deployed account to copy") as step:
            account = stack.enter_context(deploy_snapshot(root, step.show_detail, neighbours))
            neighbour_note = f", {len(neighbours)} neighbouring stacks" if neighbours else ""
            step.outcome = f"the program with a challenger at 30 %, its alarms OK{neighbour_note}"
        yield account


def _run_scenarios(
    account: Snapshot, console: ProgressConsole, scenarios: Sequence[Scenario]
) -> Iterator[GameDayOutcome]:
    for first in range(0, len(scenarios), PARALLEL_COPIES):
        group = scenarios[first : first + PARALLEL_COPIES]
        with console.run_step(", ".join(scenario.title for scenario in group)) as step:
            outcomes = account.run_scenarios(group)
            step.outcome = "; ".join(
                f"{outcome.scenario}: {'passed' if outcome.passed else 'FAILED'}" for outcome in outcomes
            )
        yield from outcomes


def _verify_coverage(account: Snapshot, console: ProgressConsole, paths: RehearsalPaths) -> None:
    with console.run_step("Triggering and clearing every alarm") as step:
        covered_alarms = verify_alarms(account, step.show_detail)
        write_proof(covered_alarms, paths.alarm_coverage_file)
        step.outcome = f"{describe_counts(covered_alarms)}: each fired and cleared"


def build_table_rows(outcomes: Sequence[GameDayOutcome]) -> list[tuple[str, ...]]:
    """The rows of the table of outcomes: seconds from the first bad datapoint, the platform's and ours apart."""
    return [
        (
            f"{'✓' if outcome.passed else '✗'} {outcome.scenario}",
            outcome.expected_result,
            outcome.observed_result,
            _format_times(outcome),
        )
        for outcome in outcomes
    ]


def _format_times(outcome: GameDayOutcome) -> str:
    named_times = (
        ("detect", outcome.detect_s),
        ("decide", outcome.decide_s),
        ("flip", outcome.flip_s),
        ("recover", outcome.recover_s),
        ("platform", outcome.platform_s),
    )
    formatted_times = [f"{name} {seconds:.0f}" for name, seconds in named_times if seconds is not None]
    return ", ".join(formatted_times if outcome.own_s is None else [*formatted_times, f"ours {outcome.own_s:.2f}"])
