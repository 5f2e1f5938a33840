"""One preview, update, refresh or destroy: the context that all its parts share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from policies.violations import Violation
from rehearsal.engine.policy_analyzer import PolicyAnalyzer
from rehearsal.engine.provider_resolver import ProviderResolver, ResourceTypes, StateProvider
from rehearsal.engine.results import DeploymentStep, RunAborted
from rehearsal.engine.serialization import PropertyMap, reveal_secrets
from rehearsal.engine.state import OperationKind, Resource, State
from rehearsal.engine.state_file import StateFile
from rehearsal.engine.urns import UrnBuilder


class RunTarget(Protocol):
    """The attributes of the stack that a run reads. The stack starts runs, so that a run cannot import it."""

    @property
    def project(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def program(self) -> Path: ...
    @property
    def state(self) -> Path: ...
    @property
    def config(self) -> Mapping[str, str]: ...
    @property
    def secrets(self) -> frozenset[str]: ...
    @property
    def types(self) -> ResourceTypes: ...
    @property
    def policies(self) -> PolicyAnalyzer | None: ...
    @property
    def on_step(self) -> Callable[[DeploymentStep], None]: ...


class DeploymentRun:
    """The state, the providers and the report of one run. Several threads use it at once.

    A dry run makes no call with an effect and does not write the state file.
    """

    def __init__(self, stack: RunTarget, *, dry: bool) -> None:
        self.stack, self.dry = stack, dry
        self.state = State(StateFile(stack.state), dry=dry)
        self.urn_builder = UrnBuilder(stack.name, stack.project)
        self.providers = ProviderResolver(stack.types, stack.project, stack.config)
        self.registered_urns: set[str] = set()
        self.previous_urns: dict[str, str] = {}
        self.steps: list[DeploymentStep] = []
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.violations: list[Violation] = []
        self.policy_errors: list[str] = []
        """The mandatory violations that a preview has found so far."""
        self.stack_outputs: tuple[Resource, PropertyMap] | None = None
        """The stack and its exports, kept until the run has succeeded or failed."""
        self._on_step: Callable[[DeploymentStep], None] = stack.on_step

    def get_provider(self, resource: Resource) -> StateProvider:
        return self.providers.resolve(resource)

    def record_step(
        self, op: str, urn: str, keys: tuple[str, ...] = (), seconds: float = 0.0, changes: tuple[str, ...] = ()
    ) -> None:
        """Reports a completed step, or a planned one in a dry run."""
        step = DeploymentStep(op, urn, keys, "planned" if self.dry else "done", seconds, changes)
        with self.state.lock:
            self.steps.append(step)
        self._on_step(step)

    def start_step(self, op: str, urn: str, keys: tuple[str, ...] = ()) -> float:
        """Reports that a call starts. Returns its start time."""
        self._on_step(DeploymentStep(op, urn, keys, "start"))
        return time.perf_counter()

    def get_elapsed(self, began: float) -> float:
        """Wall seconds since the start time of a call."""
        return time.perf_counter() - began

    def save_outputs(self) -> None:
        """Writes the stack's outputs to the state.

        After an error the previous outputs stay too, as in the engine: a missing output may still exist.
        """
        if self.stack_outputs is None:
            return
        stack, outputs = self.stack_outputs
        stack.outputs = {**self.state.outputs, **outputs} if self.errors else outputs
        self.state.put(stack)
        self.state.set_outputs(stack.outputs)

    @contextlib.contextmanager
    def journal_operation(self, kind: OperationKind, resource: Resource) -> Iterator[None]:
        """Journals a call before it starts, and removes the entry if it fails; a killed run leaves it pending.

        Raises RunAborted if something else failed before.
        """
        if self.errors:
            raise RunAborted
        self.state.begin_operation(kind, resource)
        try:
            yield
        except Exception:
            self.state.abandon(resource.urn)
            raise

    @contextlib.contextmanager
    def record_error(self, subject: str) -> Iterator[None]:
        """Records the message of an error and raises it again."""
        try:
            yield
        except RunAborted:
            raise
        except Exception as error:
            self.errors.append(f"{subject}: {str(error) or repr(error)}")
            raise

    def get_provider_settings(self, provider: str) -> PropertyMap:
        """The settings of the explicit provider with this reference, or those of the stack's aws: config."""
        if provider and (resource := self.state.get_current(provider.rsplit("::", 1)[0])):
            return reveal_secrets(resource.inputs)
        return {key.removeprefix("aws:"): value for key, value in self.stack.config.items() if key.startswith("aws:")}
