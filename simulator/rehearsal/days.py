"""Game days from the command line: which are played, what is shown of them, and what is left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from simulator.rehearsal.home import EVERY, Home
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import alone
from simulator.report.page import write
from simulator.report.values import Outcome
from simulator.scenarios import Scenario
from simulator.scenarios.neighbours import NEIGHBOURS
from simulator.scenarios.proof import prove
from simulator.scenarios.proof import write as write_proof
from simulator.scenarios.snapshot import Snapshot, snapshot

HEADINGS = ("scenario", "expected", "seen", "times")
AT_ONCE = 2
"""Copies played at the same time: the functions of each take a core of their own."""


def play(
    root: Path, screen: Screen, days: Sequence[Scenario], *, every: bool, beside: bool
) -> tuple[list[Outcome], list[Path]]:
    """Plays them on copies of one deployed account, and draws them: each on a page of its own, every one on one page.

    every: they are all there are, and every alarm is driven too. beside: other stacks stand beside each, and must stay
    silent.

    Raises RehearsalRunning, and what the deployment or a scenario breaks with.
    """
    home = Home.of(root)
    home.folder.mkdir(parents=True, exist_ok=True)
    with alone(home):
        with _account(root, screen, NEIGHBOURS if beside else ()) as account:
            outcomes = list(_played(account, screen, days))
            pages = {home.drawn(EVERY): outcomes} if every else {home.drawn(one.scenario): [one] for one in outcomes}
            for path, told in pages.items():
                write(told, path)
            if every and not beside:
                _proven(account, screen, home)
        if every and beside:
            with _account(root, screen, ()) as account:
                _proven(account, screen, home)
    return outcomes, list(pages)


@contextlib.contextmanager
def _account(root: Path, screen: Screen, neighbours: Sequence[tuple[str, str]]) -> Iterator[Snapshot]:
    with contextlib.ExitStack() as undo:
        with screen.step("A deployed account to copy") as step:
            account = undo.enter_context(snapshot(root, step.now, neighbours))
            beside = f", {len(neighbours)} stacks next door" if neighbours else ""
            step.done = f"the program with a challenger at 30 %, its alarms OK{beside}"
        yield account


def _played(account: Snapshot, screen: Screen, days: Sequence[Scenario]) -> Iterator[Outcome]:
    for first in range(0, len(days), AT_ONCE):
        group = days[first : first + AT_ONCE]
        with screen.step(", ".join(one.title for one in group)) as step:
            outcomes = account.play(group)
            step.done = "; ".join(f"{one.scenario}: {'as it must' if one.passed else 'FAILED'}" for one in outcomes)
        yield from outcomes


def _proven(account: Snapshot, screen: Screen, home: Home) -> None:
    with screen.step("Driving every alarm to ALARM and back") as step:
        proven = prove(account, step.now)
        write_proof(proven, home.alarms)
        step.done = f"{len(proven)} alarms fired and cleared"


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """The table: a row an outcome; seconds from the first bad datapoint, the platform's and ours apart."""
    return [
        (
            f"{'✓' if one.passed else '✗'} {one.scenario}",
            one.expected,
            one.seen,
            _times(one),
        )
        for one in outcomes
    ]


def _times(outcome: Outcome) -> str:
    named = (
        ("detect", outcome.detect_s),
        ("decide", outcome.decide_s),
        ("flip", outcome.flip_s),
        ("recover", outcome.recover_s),
        ("platform", outcome.platform_s),
    )
    told = [f"{name} {seconds:.0f}" for name, seconds in named if seconds is not None]
    return ", ".join(told if outcome.own_s is None else [*told, f"ours {outcome.own_s:.2f}"])
