"""The stack backend of a rehearsal: its engine's state, its simulator, its copy of the stack file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.errors import UserError
from cli.project import PROJECT, ROOT
from cli.resolved_config import ResolvedConfig, SecretValues
from rehearsal.command_lines import CommandTranslator
from rehearsal.demo.paths import FIRST_TRAFFIC, REHEARSAL, RehearsalPaths
from rehearsal.engine import Stack
from rehearsal.simulated_clock import SharedClock


class RehearsalBackend:
    """The stack of the rehearsal that runs in this checkout, in whatever process."""

    deploy_program = "tidewatch"
    undeployed_remedy = ""

    def __init__(self, stack: str = REHEARSAL) -> None:
        self.stack = stack

    @property
    def _paths(self) -> RehearsalPaths:
        return RehearsalPaths.of(ROOT)

    @property
    def first_variant_remedy(self) -> str:
        if self._paths.summary_file.exists():
            return f"tidewatch promote NAME/VERSION --stack {self.stack}, then tidewatch up --stack {self.stack}"
        return "wait: the rehearsal deploys its first model by itself"

    def find_stack_file(self, root: Path) -> Path:
        """The copy of the running rehearsal; otherwise the checkout's file, from which every rehearsal starts."""
        paths = RehearsalPaths.of(root)
        return paths.stack_file if paths.read_environment() else root / f"Pulumi.{self.stack}.yaml"

    def read_secrets(self, project: Path) -> SecretValues:
        """None: the Pulumi CLI does not know the stack."""
        del project
        return {}, "it is a rehearsal's"

    def explain_edit_refusal(self) -> str:
        """Why the stack file may not be edited now; empty if it may.

        Without a rehearsal the edit would change the checkout's file; during the demo only the demo edits the copy.
        """
        paths = self._paths
        return paths.explain_demo_running() if paths.read_environment() else paths.explain_missing()

    def read_outputs(self) -> dict[str, Any]:
        return Stack(PROJECT, self.stack, ROOT, self._paths.state_file).outputs()

    def explain_missing_outputs(self) -> str:
        """Why the stack has no outputs: it was destroyed after the demo, or the demo has not deployed it yet."""
        paths = self._paths
        if not paths.read_environment() or not paths.summary_file.exists():
            return self.explain_missing_output("endpoint")
        return (
            "the stack of the rehearsal was destroyed. To deploy it again, remove tidewatch:variants, "
            "tidewatch:rollbackTo, tidewatch:retire and tidewatch:acknowledgedIncident from "
            f"{paths.stack_file.relative_to(paths.folder.parents[1])} if present, run `tidewatch up --stack "
            f"{self.stack}`, publish a version with `tidewatch publish` (the demo's versions are in "
            "out/rehearsal/models), `tidewatch promote` it and run `tidewatch up` again"
        )

    def explain_missing_output(self, name: str) -> str:
        """Why one output is missing: the demo deploys the parts one `up` after the other."""
        paths = self._paths
        if not paths.read_environment():
            return paths.explain_missing()
        if paths.summary_file.exists():
            return (
                f"the {name} of the rehearsal is not deployed, as no variant is set: `tidewatch promote` a version "
                f"(`tidewatch models --stack {self.stack}` lists them), then `tidewatch up --stack {self.stack}`"
            )
        return (
            f"the {name} of the rehearsal is not deployed yet: "
            f'try again once `tidewatch rehearse` shows "{FIRST_TRAFFIC}", within a minute of its start'
        )

    def explain_missing_endpoint(self) -> str:
        return (
            "the endpoint of the rehearsal is gone. If `tidewatch destroy` was interrupted, run it again; otherwise "
            f"`tidewatch up --refresh --stack {self.stack}` creates the endpoint again"
        )

    def connect(self, read_config: Callable[[], ResolvedConfig]) -> SimulatorAccess:
        """Connects with the variables that the running rehearsal wrote; the stack file does not matter."""
        del read_config
        paths = self._paths
        environment = paths.read_environment()
        if not environment:
            raise UserError(paths.explain_missing())
        return SimulatorAccess(environment, SharedClock(paths.clock_file))

    def adapt_commands(self, text: str) -> str:
        """Translates the commands of a text for the simulator and its clock.

        Without a rehearsal the text stays as it is.
        """
        paths = self._paths
        if not paths.read_environment():
            return text
        return CommandTranslator(
            ROOT, paths.aws_cli, paths.request_file, SharedClock(paths.clock_file).now()
        ).translate(text)


class SimulatorAccess:
    """Access to the simulated AWS of a running rehearsal, at its time."""

    is_simulated = True

    def __init__(self, environment: dict[str, str], clock: SharedClock) -> None:
        self._environment, self._clock = environment, clock

    @property
    def region(self) -> str:
        return self._environment["AWS_DEFAULT_REGION"]

    def now(self) -> datetime:
        return self._clock.now()

    def create_client(self, service: str, region: str, config: Config) -> Any:
        options = {
            "region_name": region or self.region,
            "endpoint_url": self._environment["AWS_ENDPOINT_URL"],
            "aws_access_key_id": self._environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self._environment["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(service, config=config, **options)  # type: ignore[call-overload]
