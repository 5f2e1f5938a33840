"""The project itself under the real CLI: the stack `rehearsal` of a copy, its registry, and what AWS then holds."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rehearsal.demo.pulumi_cli import build_environment
from rehearsal.simulator_process import SimulatorProcess
from tests.real_cli.command import ROOT, Aws, Projects, Pulumi, Result, open_projects
from tests.rehearsal.aws.account import LAYOUT, pack_model
from tests.stacks.deployed_program import DESCRIPTION, rehearsal_config
from tidewatch.aws.dynamodb import from_item
from tidewatch.naming import build_stack_key, hash_stack_key
from tidewatch.registry import ModelRegistry

NOISE = ("Traceback", "KeyboardInterrupt", 'File "', "Error:")
"""What no reader of a refusal should have to read past."""


@dataclass
class Flights:
    """A stack that is edited in its file and deployed by the CLI. `serving` says whether it has its two variants."""

    pulumi: Pulumi
    aws: Aws
    serving: bool = False

    @classmethod
    def of(cls, projects: Projects, aws: Aws, *, project: str = "tidewatch", stack: str = "rehearsal") -> Flights:
        """A stack that is not deployed yet."""
        return cls(projects.of(ROOT, rehearsal_config(), stack=stack, project=project), aws)

    def begin(self) -> Flights:
        """Deployed, serving nothing yet, with three versions in its registry."""
        self.pulumi.up()
        self.publish("1", "2", "3")
        return self

    def publish(self, *versions: str) -> None:
        """Versions of their own content, so that no two have the same digest."""
        registry = ModelRegistry(self.aws.client("s3"), self.pulumi.outputs["registry"]["bucket"], "flights")
        for version in versions:
            artifact = self.pulumi.project.parent / f"{version}.tar.gz"
            artifact.write_bytes(pack_model({**LAYOUT, "flights/1/version.txt": version}))
            registry.publish(version, artifact, DESCRIPTION)

    def serve(self, **variants: tuple[str, float]) -> None:
        """Edits the variants: variant -> (version, weight), two instances each; blue is the champion."""
        settings = {variant: {"version": v, "weight": w, "instances": 2} for variant, (v, w) in variants.items()}
        self.pulumi.configure("tidewatch:variants", settings)
        self.pulumi.configure("tidewatch:rollbackTo", "blue" if variants else "")

    def weigh(self, **weights: float) -> None:
        """Edits weights of variants that are declared."""
        for variant, weight in weights.items():
            self.pulumi.configure(f"tidewatch:variants.{variant}.weight", weight)

    def config(self) -> dict[str, Any]:
        return yaml.safe_load((self.pulumi.project / f"Pulumi.{self.pulumi.stack}.yaml").read_text())["config"]

    @property
    def name(self) -> str:
        """The stack's physical endpoint; there is one at most."""
        mark = hash_stack_key(build_stack_key(self.pulumi.project.name, self.pulumi.stack, "flights"))
        (found,) = self.aws.client("sagemaker").list_endpoints(NameContains=f"flights-{mark}")["Endpoints"]
        return found["EndpointName"]

    def endpoint(self) -> Mapping[str, Any]:
        return self.aws.client("sagemaker").describe_endpoint(EndpointName=self.name)

    def shares(self) -> dict[str, float]:
        """The live shares."""
        weights = {one["VariantName"]: one["CurrentWeight"] for one in self.endpoint()["ProductionVariants"]}
        return {variant: round(weight / sum(weights.values()), 4) for variant, weight in weights.items()}

    def versions(self) -> dict[str, str]:
        """Which version each variant of the live configuration holds, by the tags of its model."""
        sagemaker = self.aws.client("sagemaker")
        live = sagemaker.describe_endpoint_config(EndpointConfigName=self.endpoint()["EndpointConfigName"])
        found = {}
        for variant in live["ProductionVariants"]:
            model = sagemaker.describe_model(ModelName=variant["ModelName"])
            tags = sagemaker.list_tags(ResourceArn=model["ModelArn"])["Tags"]
            found[variant["VariantName"]] = {tag["Key"]: tag["Value"] for tag in tags}["tidewatch:version"]
        return found

    def models(self) -> set[str]:
        return {one["ModelName"] for one in self.aws.client("sagemaker").list_models(MaxResults=100)["Models"]}

    def entries(self) -> list[dict[str, Any]]:
        """The ledger, in order."""
        found = self.aws.client("dynamodb").scan(TableName=self.pulumi.outputs["ledger"])["Items"]
        return sorted(map(from_item, found), key=lambda one: one["sequence"])

    def flip(self, **weights: float) -> None:
        """Changes the live weights behind everybody's back."""
        self.aws.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.name,
            DesiredWeightsAndCapacities=[{"VariantName": k, "DesiredWeight": v} for k, v in weights.items()],
        )
        self.aws.control.advance(60)

    def roll_back(self) -> dict[str, Any]:
        """What the stack output's command does: an invocation without a payload."""
        words = shlex.split(self.pulumi.outputs["rollback"]["command"])
        function = words[words.index("--function-name") + 1]
        answer = self.aws.client("lambda").invoke(FunctionName=function)
        assert "FunctionError" not in answer
        return json.load(answer["Payload"])

    def in_state(self, name: str) -> dict[str, Any]:
        """The outputs of the resource of this logical name, as the state has them."""
        (found,) = (one for one in self.pulumi.resources if one["urn"].endswith(f"::{name}") and one.get("custom"))
        return found["outputs"]

    def read_refusal(self, *command: str) -> str:
        """What a command, an `up` without preview unless another is named, says to a person when it refuses."""
        return sentences(self.pulumi.run(*(command or ("up", "--yes", "--skip-preview")), ok=False))


@contextmanager
def start_rehearsal(folder: Path) -> Iterator[tuple[Projects, Aws]]:
    """A simulator for more than one test, and projects whose stacks are deployed to it."""
    with SimulatorProcess(folder / "rehearsal") as rehearsal:
        aws = Aws(rehearsal.env, rehearsal.control)
        with open_projects(folder / "projects", build_environment(folder, aws.env)) as projects:
            yield projects, aws


def sentences(result: Result) -> str:
    """All that a command wrote, which shows nothing of the program's inside."""
    said = result.out + result.err
    assert not [noise for noise in NOISE if noise in said], said
    return said
