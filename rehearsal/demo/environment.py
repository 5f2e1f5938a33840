"""The environment of a rehearsal: the simulator, the program's stack in it, and the stack file that the demo edits."""

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

from policies.errors import PackUnavailable, PolicyPackError
from policies.loading import open_pack
from rehearsal import aws_environment
from rehearsal.control_client import ControlClient
from rehearsal.demo.console import ProgressStep
from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from rehearsal.engine import DeploymentStep as EngineStep
from rehearsal.engine import DeploymentSummary, Stack
from rehearsal.engine.policy_analyzer import PolicyAnalyzer
from rehearsal.simulated_clock import SharedClock
from rehearsal.simulator_process import SimulatorProcess
from tidewatch import clock
from tidewatch.traffic import Clients, ResourceNames, TrafficController

PROJECT = "tidewatch"
ADVISORY = {"all": "advisory"}
"""How the policies are enforced in a stack whose config does not say it: a rehearsal is not production."""


class RehearsalRunning(RuntimeError):
    """Another rehearsal of this checkout is running; the message says where."""


class RehearsalFailed(RuntimeError):
    """The demo did not go as expected; the message names what was expected and what was observed."""


def _ignore_step(step: EngineStep) -> None:
    del step


@dataclass(frozen=True)
class DemoEnvironment:
    """The checkout, the paths and the simulator that the steps of a demo use."""

    root: Path
    paths: RehearsalPaths
    session: SimulatorProcess

    @property
    def control(self) -> ControlClient:
        return self.session.control

    def get_client(self, service: str) -> Any:
        """A client of the simulator, configured by the environment variables that any AWS tool reads."""
        return boto3.client(service)  # type: ignore[call-overload]

    def up(self, step: ProgressStep, *, preview: bool = True) -> DeploymentSummary:
        """Runs `pulumi up` of the program with the current config of the stack file."""

        def show_progress(engine_step: EngineStep) -> None:
            if engine_step.phase == "start":
                step.show_detail(f"{engine_step.op} {engine_step.name}")

        return self._create_stack(show_progress).up(preview=preview)

    @property
    def has_policies(self) -> bool:
        """Whether the policy pack can run here."""
        return self._create_stack().policies is not None

    def outputs(self) -> dict[str, Any]:
        return self._create_stack().outputs()

    def traffic(self) -> TrafficController:
        """The controller of the endpoint's traffic and ledger."""
        outputs = self.outputs()
        clients = Clients(self.get_client("sagemaker"), self.get_client("dynamodb"), self.get_client("cloudwatch"))
        return TrafficController(
            clients, ResourceNames(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], "")
        )

    def live_shares(self) -> dict[str, float]:
        """The live shares, by variant."""
        split = self.traffic().state().split
        return dict(split.shares) if split else {}

    def _create_stack(self, on_step: Callable[[EngineStep], None] = _ignore_step) -> Stack:
        return create_stack(self.root, self.paths, on_step)


def create_stack(root: Path, paths: RehearsalPaths, on_step: Callable[[EngineStep], None] = _ignore_step) -> Stack:
    """The program of a checkout as the rehearsal's stack, with the current config of its stack file."""
    config: dict[str, Any] = yaml.safe_load(paths.stack_file.read_text())["config"]
    # YAML has parsed moments that are not in quotes.
    config_texts = {
        key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in config.items()
    }
    policies = _open_policies(config.get("tidewatch:policies") or ADVISORY, paths)
    return Stack(PROJECT, REHEARSAL, root, paths.state_file, config_texts, on_step=on_step, policies=policies)


def _open_policies(configuration: object, paths: RehearsalPaths) -> PolicyAnalyzer | None:
    """The policy pack as the stack file configures it; None where it cannot run. Raises RehearsalFailed."""
    try:
        return open_pack(configuration)
    except PackUnavailable:
        return None
    except PolicyPackError as error:
        raise RehearsalFailed(f"{paths.stack_file.name}: tidewatch:policies: {error}") from error


@contextlib.contextmanager
def enter_rehearsal(paths: RehearsalPaths) -> Iterator[Mapping[str, str]]:
    """Connects this process to a running rehearsal's simulator and clock until the end of the block.

    Yields the environment variables of the connection. Raises RehearsalFailed if no rehearsal is running, or while its
    demo is running, because the demo changes the stack by itself.
    """
    variables = paths.read_environment()
    if not variables:
        raise RehearsalFailed(paths.explain_missing())
    if busy_reason := paths.explain_demo_running():
        raise RehearsalFailed(busy_reason)
    with use_simulator(SharedClock(paths.clock_file), variables):
        yield variables


@contextlib.contextmanager
def use_simulator(simulated_clock: clock.Clock, variables: Mapping[str, str]) -> Iterator[None]:
    """Installs a simulator's clock and its AWS environment variables in this process until the end of the block."""
    before = clock.get_clock()
    clock.install(simulated_clock)
    try:
        with aws_environment.isolate_aws_environment(variables):
            yield
    finally:
        clock.install(before)


@contextlib.contextmanager
def start_environment(root: Path, port: int | None = None) -> Iterator[DemoEnvironment]:
    """Starts an empty environment, whatever an earlier rehearsal left; no process remains at the end.

    Raises RehearsalRunning, PortInUse or SimulatorFailed.
    """
    paths = RehearsalPaths.of(root)
    paths.folder.mkdir(parents=True, exist_ok=True)
    with lock_rehearsal(paths), contextlib.ExitStack() as stack:
        _empty_folder(paths)
        shutil.copyfile(root / f"Pulumi.{REHEARSAL}.yaml", paths.stack_file)
        session = stack.enter_context(SimulatorProcess(paths.folder, port))
        stack.callback(paths.remove_connection)
        stack.enter_context(use_simulator(session.clock, session.env))
        paths.write_connection(session.env)
        yield DemoEnvironment(root, paths, session)


@contextlib.contextmanager
def lock_rehearsal(paths: RehearsalPaths) -> Iterator[None]:
    """Allows one rehearsal of a checkout at a time.

    Raises RehearsalRunning if another holds the lock. The kernel releases the lock when its holder dies, for whatever
    reason.
    """
    with (paths.folder.parent / f"{REHEARSAL}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RehearsalRunning(
                f"a rehearsal is already running in {paths.folder}: wait until it ends, or end it with Ctrl-C"
            ) from None
        yield


def _empty_folder(paths: RehearsalPaths) -> None:
    for path in paths.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
