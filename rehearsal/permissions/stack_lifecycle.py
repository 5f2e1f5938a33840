"""The work of each role, done once in a simulated account: a role's policy must allow the calls that it makes."""

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

from cli.aws_session import Session
from cli.backend import PulumiBackend
from cli.main import app
from rehearsal import aws_environment
from rehearsal.aws import simulate_aws
from rehearsal.aws.constants import REGION
from rehearsal.aws.lambda_ import api as lambda_api
from rehearsal.engine import OperationFailed, Stack
from rehearsal.simulated_clock import ManualClock
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

RoleContext = Callable[[str, str], AbstractContextManager[object]]
"""A context manager factory: runs the block as a role (first argument) in a named activity (second)."""


class LifecycleStepFailed(RuntimeError):
    """A command failed; the message holds its output."""


@dataclass
class StackLifecycle:
    """A stack in the simulator of this process, with the files and config that people edit."""

    directory: Path
    clock: ManualClock
    act_as: RoleContext
    config: dict[str, Any] = field(default_factory=dict[str, Any])

    def run_all(self) -> None:
        """Runs all work in the order of a stack's life, except its destruction. Raises the error of a failed step."""
        self.create_stack()
        self.deploy_canary()
        self.change_weights_manually()
        self.roll_back()
        self.replace_challenger()

    def create_stack(self) -> None:
        """Deploys the shared parts, publishes three versions and verifies one."""
        with self.act_as("preview", "preview before the first `up`"):
            self._build_stack().preview()
        with self.act_as("deployer", "`up` without variants"):
            self._build_stack().up(preview=False)
        for version in ("1", "2", "3"):
            with self.act_as("publisher", "tidewatch publish"):
                self.publish(version)
        for role in ("publisher", "operator", "reader"):
            with self.act_as(role, "tidewatch models"):
                self.run_command("models", "--json")
        self.require_signatures()

    def require_signatures(self) -> None:
        """Pins the key that signs, and verifies a version with it; from then on every `up` does."""
        with self.act_as("publisher", "tidewatch public-key"):
            pem = self.run_command("public-key")
        self.config["tidewatch:governance"] = {"signatures": {"required": True, "publicKeys": [{"pem": pem}]}}
        self._build_stack()
        for role in ("publisher", "operator", "reader"):
            with self.act_as(role, "tidewatch verify"):
                self.run_command("verify", "flights/1")

    def deploy_canary(self) -> None:
        """Sends traffic to blue, then deploys a canary."""
        self._set_variants(blue=("1", 100))
        with self.act_as("preview", "preview of the first variant"):
            self._build_stack().preview()
        with self.act_as("deployer", "`up` with the first variant"):
            self._build_stack().up(preview=False)
        self._set_variants(blue=("1", 95), green=("2", 5))
        with self.act_as("preview", "preview with `--refresh`"):
            self._build_stack().preview(refresh=True)
        with self.act_as("deployer", "`up --refresh` with a canary"):
            self._build_stack().up(preview=False, refresh=True)

    def change_weights_manually(self) -> None:
        """Changes the weights in the console; a preview notices it, the sweep records it, an operator acknowledges."""
        self._set_weights_manually({"blue": 1.0, "green": 9.0})
        self._set_variants(blue=("1", 60), green=("2", 40))
        with self.act_as("preview", "preview with out-of-band weights"), suppress(OperationFailed):
            self._build_stack().preview()
        self._run_sweep()
        self._check_status()
        self._acknowledge_incident()

    def roll_back(self) -> None:
        """Rolls back as an operator, checks the status, and acknowledges."""
        with self.act_as("operator", "tidewatch rollback"):
            self.run_command("rollback", "--reason", "a drill")
        with self.act_as("operator", "tidewatch runbook"):
            self._invoke_cli("runbook", "guardrail-green", "--stack", STACK)
        self._check_status()
        self._acknowledge_incident()

    def replace_challenger(self) -> None:
        """Deploys a new version on other hosts as the challenger.

        The old one is drained, and the new one gets its share.
        """
        self._add_manual_schedule()
        self.config["tidewatch:endpoint"]["instanceType"] = "ml.g5.xlarge"
        self._set_variants(blue=("1", 60), green=("3", 40))
        with self.act_as("deployer", "`up` that replaces a version"):
            self._build_stack().up(preview=False)

    def destroy(self) -> None:
        """Destroys the stack with everything in it."""
        with self.act_as("deployer", "`destroy`"):
            self._build_stack().destroy()

    def _add_manual_schedule(self) -> None:
        """Adds a scheduled minimum capacity by hand, which a deployment that pauses autoscaling has to restore."""
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
        artifact, lineage = self.directory / f"{version}.tar.gz", self.directory / "lineage.yaml"
        artifact.write_bytes(_build_artifact(version))
        lineage.write_text(yaml.safe_dump(LINEAGE))
        self.run_command("publish", str(artifact), "--version", version, "--lineage", str(lineage))

    def run_command(self, *words: str) -> str:
        """Runs a command of the stack and returns its output. Raises LifecycleStepFailed."""
        return self._invoke_cli(*words, "--stack", STACK)

    def outputs(self) -> Mapping[str, Any]:
        return self._build_stack().outputs()

    def _check_status(self) -> None:
        for role in ("operator", "reader"):
            with self.act_as(role, "tidewatch status"):
                self.run_command("status", "--json")
        with self.act_as("operator", "tidewatch doctor"):
            self.run_command("doctor", "--json")

    def _acknowledge_incident(self) -> None:
        incidents = json.loads(self.run_command("status", "--json"))["incidents"]
        incident = incidents[-1]["id"]
        with self.act_as("operator", "tidewatch acknowledge"):
            self.run_command("acknowledge", incident)
        self.config["tidewatch:acknowledgedIncident"] = incident
        with self.act_as("deployer", "`up` with an acknowledgement"):
            self._build_stack().up(preview=False)

    def _set_variants(self, champion: str = "blue", **variants: tuple[str, float]) -> None:
        self.config["tidewatch:variants"] = {
            variant: {"version": version, "weight": weight, "instances": 1}
            for variant, (version, weight) in variants.items()
        }
        self.config["tidewatch:rollbackTo"] = champion

    def _set_weights_manually(self, weights: Mapping[str, float]) -> None:
        boto3.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.outputs()["endpoint"]["name"],
            DesiredWeightsAndCapacities=[{"VariantName": k, "DesiredWeight": v} for k, v in weights.items()],
        )
        self.clock.advance(60)

    def _run_sweep(self) -> None:
        """Calls the sweep, as EventBridge does each minute; no schedule runs here."""
        function = self.outputs()["rollback"]["function"]
        boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"action": "sweep"}).encode())

    def _build_stack(self) -> Stack:
        path = self.directory / f"Pulumi.{STACK}.yaml"
        path.write_text(yaml.safe_dump({"config": self.config}))
        text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.config.items()}
        return Stack(PROJECT, STACK, ROOT, self.directory / "state.json", text)

    def _invoke_cli(self, *words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        if result.exception is not None and not (isinstance(result.exception, SystemExit) and "doctor" in words):
            raise LifecycleStepFailed(
                f"tidewatch {' '.join(words)}: {result.exception}\n{result.output[-800:]}"
            ) from result.exception
        return result.stdout


@contextmanager
def start_lifecycle(act_as: RoleContext, **settings: Any) -> Iterator[StackLifecycle]:
    """A new lifecycle in its own simulator. `settings` are config keys in addition to those of the stack file."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{STACK}.yaml").read_text())["config"]
    config |= {f"tidewatch:{key}": value for key, value in settings.items()}
    before = clocks.get_clock()
    with ExitStack() as undo:
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="tidewatch-permissions-")))
        undo.callback(clocks.install, before)
        undo.enter_context(
            aws_environment.isolate_aws_environment({"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION})
        )
        clock = undo.enter_context(simulate_aws())
        clocks.install(clock)
        lifecycle = StackLifecycle(directory, clock, act_as, config)
        for patch in _build_patches(lifecycle):
            undo.enter_context(patch)
        yield lifecycle


def _build_patches(lifecycle: StackLifecycle) -> Iterator[AbstractContextManager[Any]]:
    """Makes the command line use the stack of this process, and stops background functions."""

    def read_outputs(backend: PulumiBackend) -> dict[str, Any]:
        del backend
        return dict(lifecycle.outputs())

    def find_stack_file(backend: PulumiBackend, root: Path) -> Path:
        del root
        return lifecycle.directory / f"Pulumi.{backend.stack}.yaml"

    yield mock.patch.object(PulumiBackend, "read_outputs", read_outputs)
    yield mock.patch.object(PulumiBackend, "find_stack_file", find_stack_file)
    yield mock.patch.object(Session, "is_simulated", new=True)
    yield mock.patch.object(lambda_api, "_run_in_thread")


def _build_artifact(version: str) -> bytes:
    """The smallest model that the simulator serves; each version has its own digest."""
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
