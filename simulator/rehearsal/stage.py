"""The stage of a rehearsal: the simulator, the program as it is deployed to it, and the stack file that is edited."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from simulator import environment
from simulator.clock import SharedClock
from simulator.control import Control
from simulator.engine import Stack, Summary
from simulator.engine import Step as EngineStep
from simulator.rehearsal.home import REHEARSAL, Home
from simulator.rehearsal.screen import Step
from simulator.session import Rehearsal
from tidewatch import clock
from tidewatch.traffic import Clients, Place, TrafficController

PROJECT = "tidewatch"


class RehearsalRunning(RuntimeError):
    """Another rehearsal of this checkout is on; the text says so."""


class RehearsalFailed(RuntimeError):
    """The story did not go as it must; the text says what was expected and what was seen."""


def _ignore(step: EngineStep) -> None:
    del step


@dataclass(frozen=True)
class Stage:
    """What the acts of a rehearsal work with."""

    root: Path
    home: Home
    session: Rehearsal

    @property
    def control(self) -> Control:
        return self.session.control

    def client(self, service: str) -> Any:
        """A client of the simulator, found through the environment as any AWS tool finds it."""
        return boto3.client(service)  # type: ignore[call-overload]

    def up(self, step: Step, *, preview: bool = True) -> Summary:
        """`pulumi up` of the program, with the config as the stack file has it now."""

        def show(one: EngineStep) -> None:
            if one.phase == "start":
                step.now(f"{one.op} {one.name}")

        return self._stack(show).up(preview=preview)

    def outputs(self) -> dict[str, Any]:
        return self._stack().outputs()

    def traffic(self) -> TrafficController:
        """The endpoint's traffic and its ledger."""
        outputs = self.outputs()
        clients = Clients(self.client("sagemaker"), self.client("dynamodb"), self.client("cloudwatch"))
        return TrafficController(clients, Place(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], ""))

    def live(self) -> dict[str, float]:
        """The live shares by slot."""
        split = self.traffic().state().split
        return dict(split.shares) if split else {}

    def _stack(self, show: Callable[[EngineStep], None] = _ignore) -> Stack:
        return program(self.root, self.home, show)


def program(root: Path, home: Home, show: Callable[[EngineStep], None] = _ignore) -> Stack:
    """The program of a checkout as the rehearsal's stack, with the config as its stack file has it now."""
    config: dict[str, Any] = yaml.safe_load(home.stack_file.read_text())["config"]
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return Stack(PROJECT, REHEARSAL, root, home.state, text, on_step=show)


@contextlib.contextmanager
def entered(home: Home) -> Iterator[Mapping[str, str]]:
    """Into the rehearsal that another process keeps running: to the end of the block, AWS is its simulator, and the
    time its clock's. Yields the variables that lead there. Raises RehearsalFailed where none runs, and while its story
    still plays, which would find a stack that is not its own."""
    variables = home.environment()
    if not variables:
        raise RehearsalFailed(home.missing())
    if untimely := home.still_told():
        raise RehearsalFailed(untimely)
    with inside(SharedClock(home.clock), variables):
        yield variables


@contextlib.contextmanager
def inside(simulated: clock.Clock, variables: Mapping[str, str]) -> Iterator[None]:
    """To the end of the block, this process has a simulator's time, and AWS is where these variables lead."""
    before = clock.current()
    clock.install(simulated)
    try:
        with environment.only(variables):
            yield
    finally:
        clock.install(before)


@contextlib.contextmanager
def staged(root: Path, port: int | None = None) -> Iterator[Stage]:
    """A stage that is clean at the start, whatever an earlier rehearsal left, and leaves no process at the end.

    Raises RehearsalRunning, PortInUse or SimulatorBroken.
    """
    home = Home.of(root)
    home.folder.mkdir(parents=True, exist_ok=True)
    with alone(home), contextlib.ExitStack() as undo:
        _clean(home)
        shutil.copyfile(root / f"Pulumi.{REHEARSAL}.yaml", home.stack_file)
        session = undo.enter_context(Rehearsal(home.folder, port))
        undo.callback(home.withdraw)
        undo.enter_context(inside(session.clock, session.env))
        home.announce(session.env)
        yield Stage(root, home, session)


@contextlib.contextmanager
def alone(home: Home) -> Iterator[None]:
    """One rehearsal of a checkout at a time; raises RehearsalRunning. The kernel lets go of the lock when its holder
    dies, however it dies."""
    with (home.folder.parent / f"{REHEARSAL}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RehearsalRunning(
                f"a rehearsal is running in {home.folder}: wait for it, or end it with Ctrl-C"
            ) from None
        yield


def _clean(home: Home) -> None:
    for path in home.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
