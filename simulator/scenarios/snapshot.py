"""One deployed account that every game day gets a copy of: the process is forked, so that none sees another's traces.

What is simulated lives in this process; a copy has its own clock, its own port for functions, and functions of its own.
"""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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

from simulator.aws import in_process, local_control
from simulator.aws.functions import FunctionHost
from simulator.aws.server import make, tick
from simulator.aws.world import REGION, world
from simulator.clock import ManualClock
from simulator.engine import Stack
from simulator.rehearsal.home import REHEARSAL
from simulator.report.values import Outcome
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
LOOK_SECONDS = 0.004
"""Wall seconds between two looks at what functions wait for."""
SEED = 2013
T = TypeVar("T")


class ScenarioBroken(RuntimeError):
    """A game day ended before it had a verdict; the text says why."""


@dataclass(frozen=True)
class Snapshot:
    """The deployed account. rows: flights to send."""

    outputs: dict[str, Any]
    rows: npt.NDArray[np.float32]
    pages: str

    def play(self, scenarios: Sequence[Scenario]) -> list[Outcome]:
        """Plays each on a copy of its own, all at once. Raises ScenarioBroken."""
        return self.copies([lambda scene, one=one: _played(one, scene) for one in scenarios])

    def copies(self, works: Sequence[Callable[[Scene], T]]) -> list[T]:
        """What each returns that is done to a copy, all at once; it must pickle. Raises ScenarioBroken."""
        begun = [_begin(lambda work=work: work(self._scene())) for work in works]
        return [_ended(pid, reading) for pid, reading in begun]

    def _scene(self) -> Scene:
        finish = _own_functions()
        scene = Scene(local_control(), self.outputs, self.rows, finish, self.pages)
        boto3.client("sqs").purge_queue(QueueUrl=self.pages)
        return scene


def _played(scenario: Scenario, scene: Scene) -> Outcome:
    scenario.play(scene)
    return told(scenario.name, scenario.states, scenario.expected, scene)


@contextmanager
def snapshot(root: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[Snapshot]:
    """Trains two models, publishes them, deploys the program with a challenger, and lets it run until all is well."""
    before = clocks.current()
    with tempfile.TemporaryDirectory(prefix="tidewatch-game-day-") as folder, _quiet_environment():
        home = Path(folder)
        say("training two models")
        rows, trained = _trained(home / "models")
        with in_process() as clock:
            clocks.install(clock)
            try:
                say("deploying the program")
                outputs = _deployed(root, home, trained)
                pages = _listen()
                say("letting it run until every alarm has its data")
                _warm(outputs, rows)
                yield Snapshot(outputs, rows, pages)
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


def _deployed(root: Path, home: Path, trained: list[Trained]) -> dict[str, Any]:
    """The program with its challenger. Events and the sweep start no function meanwhile: nothing is to be told yet."""
    from simulator.aws import lambda_api

    beside = lambda_api._run_beside
    lambda_api._run_beside = lambda here, work: None  # noqa: ARG005
    try:
        config: dict[str, Any] = yaml.safe_load((root / f"Pulumi.{REHEARSAL}.yaml").read_text())["config"]
        _stack(root, home, config).up(preview=False)
        bucket = _stack(root, home, config).outputs()["registry"]["bucket"]
        registry = Registry(boto3.client("s3"), bucket, config["tidewatch:model"]["name"])
        for one in trained:
            described = msgspec.json.decode(one.lineage.read_bytes(), type=Description)
            registry.publish(one.version, one.artifact, described, card=one.card, reference=one.reference)
        config["tidewatch:variants"] = {
            slot: {"version": version, "weight": weight, "instances": 2}
            for slot, (version, weight) in (("blue", BLUE), ("green", GREEN))
        }
        config["tidewatch:rollbackTo"] = "blue"
        stack = _stack(root, home, config)
        stack.up(preview=False)
        return stack.outputs()
    finally:
        lambda_api._run_beside = beside


def _stack(root: Path, home: Path, config: dict[str, Any]) -> Stack:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return Stack(PROJECT, REHEARSAL, root, home / "state.json", text)


def _listen() -> str:
    """A queue that hears every topic, as whoever is on call would."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    queue = sqs.create_queue(QueueName="game-day-pages")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in sns.list_topics()["Topics"]:
        sns.subscribe(TopicArn=topic.get("TopicArn", ""), Protocol="sqs", Endpoint=arn)
    return queue


def _warm(outputs: dict[str, Any], rows: npt.NDArray[np.float32]) -> None:
    scene = Scene(local_control(), outputs, rows, _finish)
    scene.minutes(WARM_MINUTES)
    world().functions.close()


def _own_functions() -> Callable[[], None]:
    """A clock and functions of this process, behind a port of its own: those that it was forked with are shared."""
    here = world()
    clock = ManualClock(here.now(), here.home / f"clock-{os.getpid()}")
    here.clock, here.clock_path = clock, here.home / f"clock-{os.getpid()}"
    clock.moved.append(here.settle)
    clocks.install(clock)
    server = make("127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = FunctionHost(here.home, here.clock_path, lambda: f"http://127.0.0.1:{server.server_port}", here.now)
    own.kill_after = here.functions.kill_after
    here.functions = own
    return _finish


def _finish() -> None:
    """Until no function runs: the clock goes to the ends of the operations that they wait for."""
    here = world()
    while any(thread.is_alive() for thread in list(here.running)):
        tick(here)
        time.sleep(LOOK_SECONDS)


def _begin(work: Callable[[], T]) -> tuple[int, int]:
    """A copy of this process that does the work and ends with it: its id, and where its answer is to be read."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _child(work, reading, writing)
    os.close(writing)
    return pid, reading


def _ended(pid: int, reading: int) -> Any:
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    if not answer:
        raise ScenarioBroken("the copy died without a word")
    kind, found = pickle.loads(answer)
    if kind == "failed":
        raise ScenarioBroken(found)
    return found


def _child(work: Callable[[], T], reading: int, writing: int) -> None:
    """Never returns."""
    import traceback

    os.close(reading)
    try:
        answer = ("done", work())
    except BaseException:
        answer = ("failed", traceback.format_exc())
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(answer, pipe)
    world().functions.close()
    os._exit(0)


@contextmanager
def _quiet_environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    os.environ.pop("AWS_PROFILE", None)
    os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = REGION
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
