"""A stack, and what can be done with it."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rehearsal.engine import providers
from rehearsal.engine.deletion import delete_resources
from rehearsal.engine.program import isolate_process, run_program
from rehearsal.engine.provider_resolver import ResourceTypes
from rehearsal.engine.refresh import refresh, resolve_pending
from rehearsal.engine.results import DeploymentFailed, DeploymentStep, DeploymentSummary
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.serialization import reveal_secrets
from rehearsal.engine.state import State
from rehearsal.engine.state_file import StateFile, lock_state

SIMULATED_TYPES = cast("ResourceTypes", providers)


def _ignore_step(step: DeploymentStep) -> None:
    del step


@dataclass(frozen=True)
class Stack:
    """A Pulumi program, its configuration, and the file in which its state lies.

    `program` is the folder that holds `__main__.py`. `config` has full keys (`tidewatch:model`, `aws:region`) and
    string values, objects as JSON. `on_step` is called from several threads, as steps start and end; in a preview
    with what is planned. `types` is the table of AWS types. `reloaded_packages` names the program's own top-level
    packages, which every run imports afresh.

    Every operation raises DeploymentFailed when it does not finish, with what was done in its summary, and EngineError
    when another run is under way on the same state.
    """

    project: str
    name: str
    program: Path
    state: Path
    config: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    on_step: Callable[[DeploymentStep], None] = _ignore_step
    types: ResourceTypes = SIMULATED_TYPES
    reloaded_packages: tuple[str, ...] = ("stacks", "components")

    def __post_init__(self) -> None:
        # A run changes the working directory, so that relative paths would move.
        object.__setattr__(self, "program", self.program.resolve())
        object.__setattr__(self, "state", self.state.resolve())

    def preview(self, *, refresh: bool = False) -> DeploymentSummary:
        """What an update would do, as far as it is known; nothing is touched, the state file neither."""
        with lock_state(self.state):
            return self._run(_refresh_and_update if refresh else _update, dry=True)

    def up(self, *, preview: bool = True, refresh: bool = False) -> DeploymentSummary:
        """Makes what the program declares.

        With a preview first, as the CLI does, what is refused is refused before anything is touched.
        `refresh` reads all resources first, as `up --refresh`.
        """
        operation = _refresh_and_update if refresh else _update
        with lock_state(self.state):
            if preview:
                self._run(operation, dry=True)
            return self._run(operation)

    def refresh(self) -> DeploymentSummary:
        """Takes what is really there into the state."""
        with lock_state(self.state):
            return self._run(_refresh)

    def destroy(self, *, preview: bool = True) -> DeploymentSummary:
        """Deletes everything but what is retained, and refuses what is protected.

        With a preview first, as the CLI does, that is before anything is touched; without one, as with its
        `--skip-preview`, what a protected resource does not depend on is deleted.
        """
        with lock_state(self.state):
            if preview:
                self._run(_destroy, dry=True)
            return _destroy_with_hint(lambda: self._run(_destroy))

    def outputs(self) -> dict[str, Any]:
        """The stack outputs of the last run, secrets opened; none before the first."""
        return reveal_secrets(State(StateFile(self.state), dry=True).outputs)

    def _run(self, operation: Callable[[DeploymentRun], None], *, dry: bool = False) -> DeploymentSummary:
        began, run = time.perf_counter(), DeploymentRun(self, dry=dry)
        try:
            with isolate_process(self.program, self.reloaded_packages):
                contextvars.copy_context().run(operation, run)
        except Exception:
            if not run.errors:
                raise
        finally:
            run.save_outputs()
            run.state.finish()
        summary = DeploymentSummary(
            tuple(run.steps), reveal_secrets(run.state.outputs), tuple(run.notes), time.perf_counter() - began
        )
        if run.errors:
            raise DeploymentFailed(run.errors, summary)
        return summary


def _destroy_with_hint(destroy: Callable[[], DeploymentSummary]) -> DeploymentSummary:
    try:
        return destroy()
    except DeploymentFailed as error:
        if not error.summary.changed_steps:
            raise
        hint = "The remaining resources are unchanged: run destroy again to continue."
        raise DeploymentFailed([*error.errors, hint], error.summary) from error


def _update(run: DeploymentRun) -> None:
    resolve_pending(run)
    run_program(run)
    delete_resources(run, run.state.previous)


def _refresh_and_update(run: DeploymentRun) -> None:
    resolve_pending(run)
    refresh(run, before_update=True)
    run_program(run)
    delete_resources(run, run.state.previous)


def _refresh(run: DeploymentRun) -> None:
    resolve_pending(run)
    refresh(run)


def _destroy(run: DeploymentRun) -> None:
    resolve_pending(run)
    delete_resources(run, run.state.previous)
    run.state.set_outputs({})
