"""A stack and its operations."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rehearsal.engine import providers
from rehearsal.engine.deletion import delete_resources
from rehearsal.engine.policy_analyzer import PolicyAnalyzer
from rehearsal.engine.policy_checks import check_stack
from rehearsal.engine.program import isolate_process, run_program
from rehearsal.engine.provider_resolver import ResourceTypes
from rehearsal.engine.refresh import refresh, resolve_pending
from rehearsal.engine.results import DeploymentStep, DeploymentSummary, OperationFailed
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.serialization import reveal_secrets
from rehearsal.engine.state import State
from rehearsal.engine.state_file import StateFile, lock_state

SIMULATED_TYPES = cast("ResourceTypes", providers)


def _ignore_step(step: DeploymentStep) -> None:
    del step


@dataclass(frozen=True)
class Stack:
    """A Pulumi program, its configuration, and its state file.

    Every operation raises OperationFailed if it does not finish, with the completed steps in its summary, and
    EngineError while another run uses the same state.
    """

    project: str
    name: str
    program: Path
    """The folder with `__main__.py`."""
    state: Path
    config: Mapping[str, str] = field(default_factory=dict)
    """Full keys (`tidewatch:model`, `aws:region`) and string values, objects as JSON."""
    secrets: frozenset[str] = frozenset()
    on_step: Callable[[DeploymentStep], None] = _ignore_step
    """Called from several threads when a step starts and ends; in a preview for each planned step."""
    types: ResourceTypes = SIMULATED_TYPES
    """The table of AWS types."""
    reloaded_packages: tuple[str, ...] = ("stacks", "components")
    """The program's own top-level packages, which every run imports again."""
    policies: PolicyAnalyzer | None = None
    """The policies that every update must keep; None for none."""

    def __post_init__(self) -> None:
        # A run changes the working directory, which would change the meaning of relative paths.
        object.__setattr__(self, "program", self.program.resolve())
        object.__setattr__(self, "state", self.state.resolve())

    def preview(self, *, refresh: bool = False) -> DeploymentSummary:
        """The steps that an update would take, as far as they are known; nothing changes, not even the state file."""
        with lock_state(self.state):
            return self._run(_refresh_and_update if refresh else _update, dry=True)

    def up(self, *, preview: bool = True, refresh: bool = False) -> DeploymentSummary:
        """Deploys the program.

        With a preview first, as in the CLI, errors appear before any change. `refresh` reads all resources first, as
        `up --refresh` does.
        """
        operation = _refresh_and_update if refresh else _update
        with lock_state(self.state):
            if preview:
                self._run(operation, dry=True)
            return self._run(operation)

    def refresh(self) -> DeploymentSummary:
        """Updates the state from the cloud."""
        with lock_state(self.state):
            return self._run(_refresh)

    def destroy(self, *, preview: bool = True) -> DeploymentSummary:
        """Deletes all resources except retained ones, and refuses to delete protected ones.

        With a preview first, as in the CLI, the refusal precedes any change. Without one, as with `--skip-preview`, it
        deletes the resources on which no protected resource depends.
        """
        with lock_state(self.state):
            if preview:
                self._run(_destroy, dry=True)
            return _destroy_with_hint(lambda: self._run(_destroy))

    def outputs(self) -> dict[str, Any]:
        """The stack outputs of the last run, with secrets in plaintext; empty before the first run."""
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
            tuple(run.steps),
            reveal_secrets(run.state.outputs),
            tuple(run.notes),
            time.perf_counter() - began,
            tuple(run.violations),
        )
        if run.errors:
            raise OperationFailed(run.errors, summary)
        return summary


def _destroy_with_hint(destroy: Callable[[], DeploymentSummary]) -> DeploymentSummary:
    try:
        return destroy()
    except OperationFailed as error:
        if not error.summary.changed_steps:
            raise
        hint = "The remaining resources are unchanged: run destroy again to continue."
        raise OperationFailed([*error.errors, hint], error.summary) from error


def _update(run: DeploymentRun) -> None:
    resolve_pending(run)
    _deploy(run)


def _refresh_and_update(run: DeploymentRun) -> None:
    resolve_pending(run)
    refresh(run, before_update=True)
    _deploy(run)


def _deploy(run: DeploymentRun) -> None:
    run_program(run)
    delete_resources(run, run.state.previous)
    check_stack(run)


def _refresh(run: DeploymentRun) -> None:
    resolve_pending(run)
    refresh(run)


def _destroy(run: DeploymentRun) -> None:
    resolve_pending(run)
    delete_resources(run, run.state.previous)
    run.state.set_outputs({})
