"""The work of each role, done once against a simulated account: what it calls is what its document must allow."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import lightgbm
import numpy as np
import yaml
from typer.testing import CliRunner

import cli.outputs
from cli.aws import Session
from cli.main import app
from cli.stackfile import StackFile
from simulator import environment
from simulator.aws import in_process, lambda_api
from simulator.aws.world import REGION
from simulator.clock import ManualClock
from simulator.engine import DeploymentFailed, Stack
from tidewatch import clock as clocks

PROJECT, STACK = "tidewatch", "dev"
ROOT = Path(__file__).resolve().parents[2]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton@sha256:" + "ab" * 32
LINEAGE = {
    "framework": "lightgbm",
    "owner": "ml-platform@example.com",
    "image": IMAGE,
    "metrics": {"auc": 0.66},
    "lineage": {
        "commit": "0123abc",
        "data": {"reference": "s3://lake/flights", "digest": "sha256:" + "cd" * 32},
        "preprocessing": "none",
        "features": [{"name": "hour", "kind": "numeric", "definition": "scheduled hour"}],
        "hyperparameters": {"num_leaves": 31},
        "seeds": {"lightgbm": 1},
        "environment": {"python": "3.11"},
        "training_run": "run-1",
    },
}

_TRITON = """
name: "flights"
backend: "fil"
max_batch_size: 1024
input [ { name: "input__0" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "output__0" data_type: TYPE_FP32 dims: [ 2 ] } ]
parameters [
  { key: "model_type" value: { string_value: "lightgbm" } },
  { key: "predict_proba" value: { string_value: "true" } }
]
"""

As = Callable[[str, str], AbstractContextManager[object]]
"""Does what is in the block as a role, in an activity that has a name."""


class StepFailed(RuntimeError):
    """A command of the story ended with an error; the text has it."""


@dataclass
class Story:
    """A stack in the simulator of this process, and the files and config that its people edit."""

    home: Path
    clock: ManualClock
    as_: As
    config: dict[str, Any] = field(default_factory=dict[str, Any])

    def lives(self) -> None:
        """Everything that everybody does, in the order of a stack's life, but for its end. Raises what a step fails
        with."""
        self.begins()
        self.serves()
        self.is_flipped_by_hand()
        self.is_rolled_back()
        self.is_promoted()

    def begins(self) -> None:
        """The shared parts, and three versions."""
        with self.as_("preview", "preview before the first `up`"):
            self._stack().preview()
        with self.as_("deployer", "`up` without variants"):
            self._stack().up(preview=False)
        for version in ("1", "2", "3"):
            with self.as_("publisher", "tidewatch publish"):
                self.publish(version)
        for role in ("publisher", "operator", "reader"):
            with self.as_(role, "tidewatch models"):
                self.type("models", "--json")

    def serves(self) -> None:
        """Traffic to blue, then a canary."""
        self._serve(blue=("1", 100))
        with self.as_("preview", "preview of the first variant"):
            self._stack().preview()
        with self.as_("deployer", "`up` with the first variant"):
            self._stack().up(preview=False)
        self._serve(blue=("1", 95), green=("2", 5))
        with self.as_("preview", "preview with `--refresh`"):
            self._stack().preview(refresh=True)
        with self.as_("deployer", "`up --refresh` with a canary"):
            self._stack().up(preview=False, refresh=True)

    def is_flipped_by_hand(self) -> None:
        """Somebody changes the weights in the console, a preview notices it, the sweep writes it down, and it is
        acknowledged."""
        self._by_hand({"blue": 1.0, "green": 9.0})
        self._serve(blue=("1", 60), green=("2", 40))
        with self.as_("preview", "preview over weights that somebody changed"), suppress(DeploymentFailed):
            self._stack().preview()
        self._sweep()
        self._look()
        self._acknowledged()

    def is_rolled_back(self) -> None:
        """An operator rolls back, looks, and acknowledges."""
        with self.as_("operator", "tidewatch rollback"):
            self.type("rollback", "--reason", "a drill")
        with self.as_("operator", "tidewatch runbook"):
            self._command("runbook", "guardrail-green", "--stack", STACK)
        self._look()
        self._acknowledged()

    def is_promoted(self) -> None:
        """A new version takes the challenger's place, on other hosts: it is drained, deployed, and gets its share."""
        self._scheduled_by_hand()
        self.config["tidewatch:endpoint"]["instanceType"] = "ml.g5.xlarge"
        self._serve(blue=("1", 60), green=("3", 40))
        with self.as_("deployer", "`up` with a version in the place of another"):
            self._stack().up(preview=False)

    def ends(self) -> None:
        """The stack goes, with everything in it."""
        with self.as_("deployer", "`destroy`"):
            self._stack().destroy()

    def _scheduled_by_hand(self) -> None:
        """Somebody gives what scales a floor for the mornings: a deployment that takes it off has to put it back."""
        scaling = boto3.client("application-autoscaling")
        for target in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]:
            scaling.put_scheduled_action(
                ServiceNamespace="sagemaker",
                ResourceId=target["ResourceId"],
                ScalableDimension=target["ScalableDimension"],
                ScheduledActionName="mornings",
                Schedule="cron(0 6 * * ? *)",
                ScalableTargetAction={"MinCapacity": target["MinCapacity"]},
            )

    def publish(self, version: str) -> None:
        artifact, lineage = self.home / f"{version}.tar.gz", self.home / "lineage.yaml"
        artifact.write_bytes(_packed(version))
        lineage.write_text(yaml.safe_dump(LINEAGE))
        self.type("publish", str(artifact), "--version", version, "--lineage", str(lineage))

    def type(self, *words: str) -> str:
        """Runs a command of the stack; what it prints. Raises StepFailed."""
        return self._command(*words, "--stack", STACK)

    def outputs(self) -> Mapping[str, Any]:
        return self._stack().outputs()

    def _look(self) -> None:
        for role in ("operator", "reader"):
            with self.as_(role, "tidewatch status"):
                self.type("status", "--json")
        with self.as_("operator", "tidewatch doctor"):
            self.type("doctor", "--json")

    def _acknowledged(self) -> None:
        found = json.loads(self.type("status", "--json"))["incidents"]
        incident = found[-1]["id"]
        with self.as_("operator", "tidewatch acknowledge"):
            self.type("acknowledge", incident)
        self.config["tidewatch:acknowledgedIncident"] = incident
        with self.as_("deployer", "`up` with an acknowledgement"):
            self._stack().up(preview=False)

    def _serve(self, champion: str = "blue", **slots: tuple[str, float]) -> None:
        self.config["tidewatch:variants"] = {
            slot: {"version": version, "weight": weight, "instances": 1} for slot, (version, weight) in slots.items()
        }
        self.config["tidewatch:rollbackTo"] = champion

    def _by_hand(self, weights: Mapping[str, float]) -> None:
        boto3.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.outputs()["endpoint"]["name"],
            DesiredWeightsAndCapacities=[{"VariantName": k, "DesiredWeight": v} for k, v in weights.items()],
        )
        self.clock.advance(60)

    def _sweep(self) -> None:
        """What EventBridge does each minute: here nothing runs beside the steps."""
        function = self.outputs()["rollback"]["function"]
        boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"action": "sweep"}).encode())

    def _stack(self) -> Stack:
        path = self.home / f"Pulumi.{STACK}.yaml"
        path.write_text(yaml.safe_dump({"config": self.config}))
        text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.config.items()}
        return Stack(PROJECT, STACK, ROOT, self.home / "state.json", text)

    def _command(self, *words: str) -> str:
        done = CliRunner().invoke(app, list(words))
        if done.exception is not None and not (isinstance(done.exception, SystemExit) and "doctor" in words):
            raise StepFailed(f"tidewatch {' '.join(words)}: {done.exception}\n{done.output[-800:]}") from done.exception
        return done.stdout


@contextmanager
def story(as_: As, **settings: Any) -> Iterator[Story]:
    """A story that has not begun, in a simulator of its own. settings: keys of the config besides those of the file."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{STACK}.yaml").read_text())["config"]
    config |= {f"tidewatch:{key}": value for key, value in settings.items()}
    before = clocks.current()
    with ExitStack() as undo:
        home = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="tidewatch-permissions-")))
        undo.callback(clocks.install, before)
        undo.enter_context(environment.only({"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION}))
        clock = undo.enter_context(in_process())
        clocks.install(clock)
        told = Story(home, clock, as_, config)
        for patch in _patches(told):
            undo.enter_context(patch)
        yield told


def _patches(told: Story) -> Iterator[AbstractContextManager[Any]]:
    """The command line finds its stack in this process; nothing runs beside the steps."""
    of = StackFile.of

    def outputs(stack: str) -> dict[str, Any]:
        del stack
        return dict(told.outputs())

    def file(stack: str) -> StackFile:
        return of(stack, told.home)

    yield mock.patch.object(cli.outputs, "_deployed", outputs)
    yield mock.patch.object(StackFile, "of", file)
    yield mock.patch.object(Session, "simulated", new=True)
    yield mock.patch.object(lambda_api, "_run_beside")


def _packed(version: str) -> bytes:
    """The smallest model that the simulator serves; no two versions have the same digest."""
    rows = np.arange(120, dtype=np.float64).reshape(40, 3)
    labels = (rows[:, 0] > 60).astype(np.float64)
    trained = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(rows, labels), 1)
    files = {"config.pbtxt": _TRITON, "1/model.txt": trained.model_to_string(), "1/version.txt": version}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"flights/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
