"""A deployed account of which every game day gets a copy.

The process is forked, so that no game day sees another's traces. The simulation lives in this process; a copy has its
own clock, its own port for functions, and its own functions.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import boto3
import msgspec
import numpy as np
import numpy.typing as npt
import yaml

from rehearsal import aws_environment
from rehearsal.aws import create_local_control, simulate_aws
from rehearsal.aws.account import current_account
from rehearsal.aws.constants import REGION
from rehearsal.aws.forking import fork, isolate_account, kill, read_result, wait_for_functions
from rehearsal.aws.inference.local_runtime import LocalRuntime
from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.demo.flights_model import TrainedModel, load_flights, select_requests, train
from rehearsal.demo.paths import REHEARSAL
from rehearsal.engine import Stack
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.neighbours import capture_states, expect_silence
from rehearsal.gamedays.notification_queue import subscribe_queue
from rehearsal.gamedays.outcome import build_outcome
from rehearsal.gamedays.scenario import Scenario
from tidewatch import clock as clocks
from tidewatch.registry import ModelDescription, ModelRegistry

PROJECT = "tidewatch"
IMAGE = "785573368785.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver@sha256:" + "7d" * 32
"""A digest in the right form for an image that the simulator never pulls: it serves the artifact itself."""
BLUE, GREEN = ("1", 70), ("2", 30)
"""Version and weight of each variant: the challenger has enough traffic for a verdict each minute."""
WARMUP_MINUTES = 15
"""Minutes until every alarm has its datapoints and is OK."""
SEED = 2013
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """The deployed account."""

    outputs: dict[str, Any]
    rows: npt.NDArray[np.float32]
    """Flights to send."""
    queue_url: str
    neighbours: tuple[dict[str, Any], ...] = ()
    """The outputs of other stacks in the account."""

    def run_scenarios(self, scenarios: Sequence[Scenario]) -> list[GameDayOutcome]:
        """Runs each scenario on its own copy, all at the same time. Raises ForkFailed."""
        return self.run_on_copies(
            [lambda harness, scenario=scenario: _run_scenario(scenario, harness) for scenario in scenarios]
        )

    def run_on_copies(self, tasks: Sequence[Callable[[Harness], T]]) -> list[T]:
        """Runs each task on its own copy, all at the same time. Returns their results, which must pickle.

        Raises ForkFailed.
        """
        copies: list[tuple[int, int]] = []
        try:
            copies.extend(fork(lambda work=work: work(self._create_harness())) for work in tasks)
            return [read_result(pid, reading) for pid, reading in copies]
        except BaseException:
            kill(pid for pid, _ in copies)
            raise

    def _create_harness(self) -> Harness:
        isolate_account()
        harness = Harness(
            create_local_control(),
            self.outputs,
            self.rows,
            LocalRuntime(),
            wait_for_functions,
            self.queue_url,
            neighbours=self.neighbours,
        )
        boto3.client("sqs").purge_queue(QueueUrl=self.queue_url)
        return harness


def _run_scenario(scenario: Scenario, harness: Harness) -> GameDayOutcome:
    before = capture_states(harness)
    scenario.run(harness)
    if harness.neighbours:
        # A function emits its counts of a minute in the next one.
        harness.run_minutes()
        expect_silence(harness, before)
    return build_outcome(scenario.name, scenario.requirement, scenario.expected_result, harness)


@contextmanager
def deploy_snapshot(
    root: Path, on_progress: Callable[[str], None] = lambda _: None, neighbours: Sequence[tuple[str, str]] = ()
) -> Iterator[Snapshot]:
    """Trains and publishes two models, deploys the program with a challenger, and waits until all alarms are OK.

    `neighbours` are project and stack of others in the same account that serve only the first model.
    """
    before = clocks.get_clock()
    region = aws_environment.isolate_aws_environment({"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION})
    with tempfile.TemporaryDirectory(prefix="tidewatch-game-day-") as folder, region:
        work_folder = Path(folder)
        on_progress("training two models")
        rows, models = _train_models(work_folder / "models")
        with simulate_aws() as clock:
            clocks.install(clock)
            try:
                on_progress("deploying the program")
                outputs = _deploy(root, work_folder, models, (PROJECT, REHEARSAL), {"blue": BLUE, "green": GREEN})
                neighbour_outputs = [
                    _deploy(root, work_folder, models, each, {"blue": ("1", 100)}) for each in neighbours
                ]
                queue_url = subscribe_queue(outputs)
                on_progress("letting it run until every alarm has its data")
                _warm_up(
                    Harness(
                        create_local_control(),
                        outputs,
                        rows,
                        LocalRuntime(),
                        wait_for_functions,
                        neighbours=tuple(neighbour_outputs),
                    )
                )
                yield Snapshot(outputs, rows, queue_url, tuple(neighbour_outputs))
            finally:
                clocks.install(before)


def _train_models(folder: Path) -> tuple[npt.NDArray[np.float32], list[TrainedModel]]:
    flights = load_flights()
    models = [
        train(version, folder / version, with_weather=weather, flights=flights, image=IMAGE)
        for version, weather in ((BLUE[0], False), (GREEN[0], True))
    ]
    # Shuffled: any thousand rows look like all of them, without drift that no scenario injected.
    rows = select_requests(flights, date(2013, 1, 1), date(2013, 3, 31)).rows
    return np.random.default_rng(SEED).permutation(rows), models


def _deploy(
    root: Path,
    work_folder: Path,
    models: list[TrainedModel],
    project_and_stack: tuple[str, str],
    variants: Mapping[str, tuple[str, float]],
) -> dict[str, Any]:
    """Deploys the program under that project and stack. Returns its outputs.

    Events and the sweep start no function meanwhile, since there is nothing to report yet.
    """
    from rehearsal.aws.lambda_ import api as lambda_api

    run_beside = lambda_api._run_in_thread
    lambda_api._run_in_thread = lambda here, work: None  # noqa: ARG005
    try:
        config: dict[str, Any] = yaml.safe_load((root / f"Pulumi.{REHEARSAL}.yaml").read_text())["config"]
        _create_stack(root, work_folder, config, project_and_stack).up(preview=False)
        bucket = _create_stack(root, work_folder, config, project_and_stack).outputs()["registry"]["bucket"]
        registry = ModelRegistry(boto3.client("s3"), bucket, config["tidewatch:model"]["name"])
        for model in models:
            description = msgspec.json.decode(model.lineage.read_bytes(), type=ModelDescription)
            registry.publish(model.version, model.artifact, description, card=model.card, reference=model.reference)
        config["tidewatch:variants"] = {
            variant: {"version": version, "weight": weight, "instances": 2}
            for variant, (version, weight) in variants.items()
        }
        config["tidewatch:rollbackTo"] = "blue"
        stack = _create_stack(root, work_folder, config, project_and_stack)
        stack.up(preview=False)
        return stack.outputs()
    finally:
        lambda_api._run_in_thread = run_beside


def _create_stack(root: Path, work_folder: Path, config: dict[str, Any], project_and_stack: tuple[str, str]) -> Stack:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    project, name = project_and_stack
    return Stack(project, name, root, work_folder / f"{project}-{name}.json", text)


def _warm_up(harness: Harness) -> None:
    harness.run_minutes(WARMUP_MINUTES)
    current_account().functions.close()
