"""A stack, and what can be done with it."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from simulator import provider
from simulator.engine.journal import Journal, alone
from simulator.engine.program import fresh_process, run_program
from simulator.engine.providers import Types
from simulator.engine.refresh import refresh, settle
from simulator.engine.removal import delete
from simulator.engine.report import DeploymentFailed, Step, Summary
from simulator.engine.run import Run
from simulator.engine.state import State
from simulator.engine.wire import reveal

SIMULATED = cast("Types", provider)


def _ignore(step: Step) -> None:
    del step


@dataclass(frozen=True)
class Stack:
    """A Pulumi program, its configuration, and the file in which its state lies.

    `program` is the folder that holds `__main__.py`. `config` has full keys (`tidewatch:model`, `aws:region`) and
    string values, objects as JSON. `on_step` is called from several threads, as steps start and end; in a preview
    with what is planned. `types` is the table of AWS types. `forget` names the program's own top-level packages,
    which every run imports afresh.

    Every operation raises DeploymentFailed when it does not finish, with what was done in its summary, and Refused
    when another run is under way on the same state.
    """

    project: str
    name: str
    program: Path
    state: Path
    config: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    on_step: Callable[[Step], None] = _ignore
    types: Types = SIMULATED
    forget: tuple[str, ...] = ("stacks", "components")

    def __post_init__(self) -> None:
        # A run changes the working directory, so that relative paths would move.
        object.__setattr__(self, "program", self.program.resolve())
        object.__setattr__(self, "state", self.state.resolve())

    def preview(self, *, refresh: bool = False) -> Summary:
        """What an update would do, as far as it is known; nothing is touched, the state file neither."""
        with alone(self.state):
            return self._run(_refreshed_update if refresh else _update, dry=True)

    def up(self, *, preview: bool = True, refresh: bool = False) -> Summary:
        """Makes what the program declares.

        With a preview first, as the CLI does, what is refused is refused before anything is touched.
        `refresh` reads all resources first, as `up --refresh`.
        """
        work = _refreshed_update if refresh else _update
        with alone(self.state):
            if preview:
                self._run(work, dry=True)
            return self._run(work)

    def refresh(self) -> Summary:
        """Takes what is really there into the state."""
        with alone(self.state):
            return self._run(_refresh)

    def destroy(self, *, preview: bool = True) -> Summary:
        """Deletes everything but what is retained, and refuses what is protected.

        With a preview first, as the CLI does, that is before anything is touched; without one, as with its
        `--skip-preview`, what a protected resource does not depend on is deleted.
        """
        with alone(self.state):
            if preview:
                self._run(_destroy, dry=True)
            return _unended(lambda: self._run(_destroy))

    def outputs(self) -> dict[str, Any]:
        """The stack outputs of the last run, secrets opened; none before the first."""
        return reveal(State(Journal(self.state), dry=True).outputs)

    def _run(self, work: Callable[[Run], None], *, dry: bool = False) -> Summary:
        began, run = time.perf_counter(), Run(self, dry=dry)
        try:
            with fresh_process(self.program, self.forget):
                contextvars.copy_context().run(work, run)
        except Exception:
            if not run.errors:
                raise
        finally:
            run.export()
            run.state.finish()
        summary = Summary(tuple(run.steps), reveal(run.state.outputs), tuple(run.notes), time.perf_counter() - began)
        if run.errors:
            raise DeploymentFailed(run.errors, summary)
        return summary


def _unended(destroy: Callable[[], Summary]) -> Summary:
    try:
        return destroy()
    except DeploymentFailed as failed:
        if not failed.summary.changed:
            raise
        goes_on = "What is left stands as it was: run destroy again, which goes on from there."
        raise DeploymentFailed([*failed.errors, goes_on], failed.summary) from failed


def _update(run: Run) -> None:
    settle(run)
    run_program(run)
    delete(run, run.state.before)


def _refreshed_update(run: Run) -> None:
    settle(run)
    refresh(run, first=True)
    run_program(run)
    delete(run, run.state.before)


def _refresh(run: Run) -> None:
    settle(run)
    refresh(run)


def _destroy(run: Run) -> None:
    settle(run)
    delete(run, run.state.before)
    run.state.set_outputs({})
