"""One preview, update, refresh or destroy: what all its parts share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from simulator.engine.journal import Journal
from simulator.engine.names import Names
from simulator.engine.providers import Provider, Providers
from simulator.engine.report import Step, Stopped
from simulator.engine.state import Call, Resource, State
from simulator.engine.wire import Wire, reveal

if TYPE_CHECKING:
    from simulator.engine.stack import Stack


class Run:
    """The state, the providers and the report of one run. Several threads work on it at once.

    A dry run makes no call that changes anything and leaves the state file alone.
    """

    def __init__(self, stack: Stack, *, dry: bool) -> None:
        self.stack, self.dry = stack, dry
        self.state = State(Journal(stack.state), dry=dry)
        self.names = Names(stack.name, stack.project)
        self.providers = Providers(stack.types, stack.project, stack.config)
        self.claimed: set[str] = set()
        self.renamed: dict[str, str] = {}
        self.steps: list[Step] = []
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.exported: tuple[Resource, Wire] | None = None
        """The stack and what it exports, kept until it is known whether the run succeeded."""
        self._report: Callable[[Step], None] = stack.on_step

    def provider(self, resource: Resource) -> Provider:
        return self.providers.of(resource)

    def step(self, op: str, urn: str, keys: tuple[str, ...] = (), seconds: float = 0.0) -> None:
        """Reports what was done, or in a dry run would be."""
        step = Step(op, urn, keys, "planned" if self.dry else "done", seconds)
        with self.state.lock:
            self.steps.append(step)
        self._report(step)

    def started(self, op: str, urn: str, keys: tuple[str, ...] = ()) -> float:
        """Reports that a call goes out, and returns when."""
        self._report(Step(op, urn, keys, "start"))
        return time.perf_counter()

    def since(self, began: float) -> float:
        """Wall seconds since a call went out."""
        return time.perf_counter() - began

    def export(self) -> None:
        """Puts the stack's outputs into the state. After an error an output that is missing may not be gone, so those
        of before stay, as the engine has it."""
        if self.exported is None:
            return
        stack, outputs = self.exported
        stack.outputs = {**self.state.outputs, **outputs} if self.errors else outputs
        self.state.put(stack)
        self.state.set_outputs(stack.outputs)

    @contextlib.contextmanager
    def calling(self, call: Call, resource: Resource) -> Iterator[None]:
        """Journals a call before it goes out, and forgets it if it fails; a kill leaves it pending.

        Raises Stopped when something else failed before.
        """
        if self.errors:
            raise Stopped
        self.state.begin(call, resource)
        try:
            yield
        except Exception:
            self.state.abandon(resource.urn)
            raise

    @contextlib.contextmanager
    def reported(self, what: str) -> Iterator[None]:
        """Keeps the sentence of an error that is raised through."""
        try:
            yield
        except Stopped:
            raise
        except Exception as error:
            self.errors.append(f"{what}: {str(error) or repr(error)}")
            raise

    def settings(self, provider: str) -> Wire:
        """The settings of the explicit provider with this reference, else those of the stack's aws: config."""
        if provider and (resource := self.state.live(provider.rsplit("::", 1)[0])):
            return reveal(resource.inputs)
        return {key.removeprefix("aws:"): value for key, value in self.stack.config.items() if key.startswith("aws:")}
