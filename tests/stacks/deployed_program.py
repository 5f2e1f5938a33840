"""The program as it is deployed: the embedded engine, the simulator in this process, and a registry to publish to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml

from lambdas.rollback.handler import RollbackEnvironment, parse_event
from rehearsal.aws import ACCOUNT, REGION, simulate_aws
from rehearsal.engine import DeploymentSummary, OperationFailed, Stack
from rehearsal.simulated_clock import ManualClock
from tests.aws_clients import make_client
from tests.rehearsal.aws.account import LAYOUT, TRUST, pack_model
from tidewatch import clock as clocks
from tidewatch.permissions import PolicyVariables, build_policy_documents, load_roles
from tidewatch.registry import FeatureSpec, Lineage, ModelDescription, ModelRegistry, TrainingData
from tidewatch.rollback import RollbackResult, run_rollback
from tidewatch.traffic import Clients, ResourceNames, TrafficController

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton@sha256:" + "ab" * 32

CONTRACT = {
    "endpoint": {"name", "arn", "platform", "invoke"},
    "traffic": {"champion", "declared", "versions", "withheld"},
    "drift": {"function", "schedule", "reports"},
    "rollback": {"function", "target", "command"},
    "alarms": {"health", "guardrails", "names", "counts"},
    "registry": {"bucket", "prefix", "signingKey"},
    "buckets": {"capture", "monitoring"},
    "topics": {"P1", "P2", "P3", "escalation"},
    "dashboards": {"executive", "oncall", "debug"},
    "dashboard_names": {"executive", "oncall", "debug"},
}
"""The stack outputs that are objects, and their keys."""

DESCRIPTION = ModelDescription(
    framework="lightgbm",
    owner="ml-platform@example.com",
    image=IMAGE,
    metrics={"auc": 0.66},
    lineage=Lineage(
        commit="0123abc",
        data=TrainingData(reference="s3://lake/flights", digest="sha256:" + "cd" * 32),
        preprocessing="none",
        features=(FeatureSpec(name="hour", kind="numeric", definition="scheduled hour"),),
        hyperparameters={"num_leaves": 31},
        seeds={"lightgbm": 1},
        environment={"python": "3.11"},
        training_run="run-1",
    ),
)


def rehearsal_config(stack: str = "rehearsal") -> dict[str, Any]:
    """The config of a stack's file, as it is in the repository."""
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]


@dataclass
class DeployedProgram:
    """A stack in the simulator, and the edits that are made to its config."""

    folder: Path
    clock: ManualClock
    config: dict[str, Any] = field(default_factory=rehearsal_config)
    name: str = "rehearsal"
    secrets: frozenset[str] = frozenset()

    def set(self, **values: Any) -> DeployedProgram:
        """Edits top-level keys of the config; None takes one out."""
        for key, value in values.items():
            self.config.pop(f"tidewatch:{key}", None)
            if value is not None:
                self.config[f"tidewatch:{key}"] = value
        return self

    def serve(self, champion: str = "blue", **variants: tuple[str, float]) -> DeployedProgram:
        """Edits the variants: variant -> (version, weight), two instances each."""
        settings = {variant: {"version": v, "weight": w, "instances": 2} for variant, (v, w) in variants.items()}
        return self.set(variants=settings, rollbackTo=champion)

    @property
    def stack(self) -> Stack:
        text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.config.items()}
        return Stack("tidewatch", self.name, ROOT, self.folder / "state.json", text, self.secrets)

    def up(self, *, preview: bool = False, **options: Any) -> DeploymentSummary:
        return self.stack.up(preview=preview, **options)

    def refusal(self) -> str:
        """Why `up` refuses; fails where it does not."""
        try:
            self.up(preview=True)
        except OperationFailed as failed:
            return str(failed)
        raise AssertionError("`up` was not refused")

    def outputs(self) -> Mapping[str, Any]:
        return self.stack.outputs()

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(boto3.client("s3"), self.outputs()["registry"]["bucket"], "flights")

    def publish(self, version: str) -> None:
        """A version of its own content, so that no two have the same digest."""
        artifact = self.folder / f"{version}.tar.gz"
        artifact.write_bytes(pack_model({**LAYOUT, "flights/1/version.txt": version}))
        self.registry.publish(version, artifact, DESCRIPTION)

    def weights(self) -> dict[str, float]:
        """The live shares."""
        found = self.endpoint()["ProductionVariants"]
        total = sum(one["CurrentWeight"] for one in found)
        return {one["VariantName"]: round(one["CurrentWeight"] / total, 4) for one in found}

    def endpoint(self) -> Mapping[str, Any]:
        return boto3.client("sagemaker").describe_endpoint(EndpointName=self.outputs()["endpoint"]["name"])

    def flip(self, **weights: float) -> None:
        """Changes the live weights behind everybody's back, and waits for it."""
        boto3.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.outputs()["endpoint"]["name"],
            DesiredWeightsAndCapacities=[{"VariantName": k, "DesiredWeight": v} for k, v in weights.items()],
        )
        self.clock.advance(60)

    def variables(self, name: str = "OMP_NUM_THREADS") -> dict[str, str | None]:
        """One variable of each variant's container, as it is live."""
        sagemaker = boto3.client("sagemaker")
        config = sagemaker.describe_endpoint_config(EndpointConfigName=self.endpoint()["EndpointConfigName"])

        def variable(model: str) -> str | None:
            return sagemaker.describe_model(ModelName=model)["PrimaryContainer"].get("Environment", {}).get(name)

        return {one["VariantName"]: variable(one["ModelName"]) for one in config["ProductionVariants"]}

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """The ledger."""
        return boto3.client("dynamodb").scan(TableName=self.outputs()["ledger"])["Items"]

    def roll_back(self) -> RollbackResult:
        """Does what the deployed function does, with the environment it was deployed with."""
        return run_rollback(
            parse_event({"action": "rollback", "reason": "a test"}), self.controller(), self._function().plan
        )

    def controller(self) -> TrafficController:
        """The traffic of the endpoint, as the deployed function sees it."""
        here = self._function()
        names = ("sagemaker", "dynamodb", "cloudwatch", "s3", "sns")
        clients = Clients(**{one: make_client(one) for one in names})
        return TrafficController(clients, ResourceNames(here.key, here.endpoint, here.ledger, here.control))

    def _function(self) -> RollbackEnvironment:
        name = self.outputs()["rollback"]["function"]
        deployed = boto3.client("lambda").get_function_configuration(FunctionName=name)
        return RollbackEnvironment.from_variables(deployed["Environment"]["Variables"])


@contextmanager
def rehearse_program(home: Path) -> Iterator[DeployedProgram]:
    """A stack that is not deployed yet."""
    before = clocks.get_clock()
    with simulate_aws() as clock:
        clocks.install(clock)
        try:
            yield DeployedProgram(home, clock)
        finally:
            clocks.install(before)


def changes(summary: DeploymentSummary) -> set[str]:
    """The types of what was changed, without what stayed as it was."""
    return {step.urn.split("::")[2].split("$")[-1] for step in summary.steps if step.op != "same"}


def deployer() -> str:
    """A role with what is written down for who runs `pulumi up`, and nothing more."""
    return create_person("deployer")


def create_person(role: str) -> str:
    """A role with what is written down for a person with this work, and nothing more."""
    iam = boto3.client("iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    names = PolicyVariables("aws", ACCOUNT, REGION, "tidewatch", "rehearsal", "flights", "flights")
    for number, text in enumerate(build_policy_documents(load_roles()[role], names)):
        policy = iam.create_policy(PolicyName=f"{role}-{number}", PolicyDocument=text)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    return arn
