"""One deployed account that every game day gets a copy of: the process is forked, so that none sees another's traces.

What is simulated lives in this process; a copy has its own clock, its own port for functions, and functions of its own.
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

from simulator import environment
from simulator.aws import in_process, local_control
from simulator.aws.copies import begin, ended, finish, given_up, own_world
from simulator.aws.local_runtime import LocalRuntime
from simulator.aws.world import REGION, world
from simulator.engine import Stack
from simulator.rehearsal.home import REHEARSAL
from simulator.report.values import Outcome
from simulator.scenarios.listening import listen
from simulator.scenarios.neighbours import expect_silence, look
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene
from simulator.scenarios.telling import told
from simulator.story import Trained, load_flights, requests, train
from tidewatch import clock as clocks
from tidewatch.registry import Description, Registry

PROJECT = "tidewatch"
IMAGE = "785573368785.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver@sha256:" + "7d" * 32
"""A digest of the right form for an image that the simulator never pulls: it serves the artifact by itself."""
BLUE, GREEN = ("1", 70), ("2", 30)
"""Version and weight of each slot: a challenger with enough traffic to be judged each minute."""
WARM_MINUTES = 15
"""Until every alarm has its datapoints and is OK."""
SEED = 2013
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """The deployed account. rows: flights to send. neighbours: the outputs of other stacks in it."""

    outputs: dict[str, Any]
    rows: npt.NDArray[np.float32]
    pages: str
    neighbours: tuple[dict[str, Any], ...] = ()

    def play(self, scenarios: Sequence[Scenario]) -> list[Outcome]:
        """Plays each on a copy of its own, all at once. Raises CopyBroken."""
        return self.copies([lambda scene, one=one: _played(one, scene) for one in scenarios])

    def copies(self, works: Sequence[Callable[[Scene], T]]) -> list[T]:
        """What each returns that is done to a copy, all at once; it must pickle. Raises CopyBroken."""
        begun: list[tuple[int, int]] = []
        try:
            begun.extend(begin(lambda work=work: work(self._scene())) for work in works)
            return [ended(pid, reading) for pid, reading in begun]
        except BaseException:
            given_up(pid for pid, _ in begun)
            raise

    def _scene(self) -> Scene:
        own_world()
        scene = Scene(
            local_control(), self.outputs, self.rows, LocalRuntime(), finish, self.pages, neighbours=self.neighbours
        )
        boto3.client("sqs").purge_queue(QueueUrl=self.pages)
        return scene


def _played(scenario: Scenario, scene: Scene) -> Outcome:
    before = look(scene)
    scenario.play(scene)
    if scene.neighbours:
        # What a function counts at the end of a minute is told in the next one.
        scene.minutes()
        expect_silence(scene, before)
    return told(scenario.name, scenario.states, scenario.expected, scene)


@contextmanager
def snapshot(
    root: Path, say: Callable[[str], None] = lambda _: None, neighbours: Sequence[tuple[str, str]] = ()
) -> Iterator[Snapshot]:
    """Trains two models, publishes them, deploys the program with a challenger, and lets it run until all is well.

    neighbours: project and stack of others that serve the first of the models alone, in the same account.
    """
    before = clocks.current()
    region = environment.only({"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION})
    with tempfile.TemporaryDirectory(prefix="tidewatch-game-day-") as folder, region:
        home = Path(folder)
        say("training two models")
        rows, trained = _trained(home / "models")
        with in_process() as clock:
            clocks.install(clock)
            try:
                say("deploying the program")
                outputs = _deployed(root, home, trained, (PROJECT, REHEARSAL), {"blue": BLUE, "green": GREEN})
                beside = [_deployed(root, home, trained, each, {"blue": ("1", 100)}) for each in neighbours]
                pages = listen(outputs)
                say("letting it run until every alarm has its data")
                _warm(Scene(local_control(), outputs, rows, LocalRuntime(), finish, neighbours=tuple(beside)))
                yield Snapshot(outputs, rows, pages, tuple(beside))
            finally:
                clocks.install(before)


def _trained(folder: Path) -> tuple[npt.NDArray[np.float32], list[Trained]]:
    flights = load_flights()
    models = [
        train(version, folder / version, with_weather=weather, flights=flights, image=IMAGE)
        for version, weather in ((BLUE[0], False), (GREEN[0], True))
    ]
    # In no order of time: any thousand of them look like all, and no drift is in them that nobody put there.
    rows = requests(flights, date(2013, 1, 1), date(2013, 3, 31)).rows
    return np.random.default_rng(SEED).permutation(rows), models


def _deployed(
    root: Path, home: Path, trained: list[Trained], called: tuple[str, str], slots: Mapping[str, tuple[str, float]]
) -> dict[str, Any]:
    """The program under that project and stack. Events and the sweep start no function meanwhile: nothing is to be told
    yet."""
    from simulator.aws import lambda_api

    beside = lambda_api._run_beside
    lambda_api._run_beside = lambda here, work: None  # noqa: ARG005
    try:
        config: dict[str, Any] = yaml.safe_load((root / f"Pulumi.{REHEARSAL}.yaml").read_text())["config"]
        _stack(root, home, config, called).up(preview=False)
        bucket = _stack(root, home, config, called).outputs()["registry"]["bucket"]
        registry = Registry(boto3.client("s3"), bucket, config["tidewatch:model"]["name"])
        for one in trained:
            described = msgspec.json.decode(one.lineage.read_bytes(), type=Description)
            registry.publish(one.version, one.artifact, described, card=one.card, reference=one.reference)
        config["tidewatch:variants"] = {
            slot: {"version": version, "weight": weight, "instances": 2} for slot, (version, weight) in slots.items()
        }
        config["tidewatch:rollbackTo"] = "blue"
        stack = _stack(root, home, config, called)
        stack.up(preview=False)
        return stack.outputs()
    finally:
        lambda_api._run_beside = beside


def _stack(root: Path, home: Path, config: dict[str, Any], called: tuple[str, str]) -> Stack:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    project, name = called
    return Stack(project, name, root, home / f"{project}-{name}.json", text)


def _warm(scene: Scene) -> None:
    scene.minutes(WARM_MINUTES)
    world().functions.close()
