"""What the command line needs from where a stack lives: AWS, or a backend that another distribution registers."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config

from cli.errors import UserError
from cli.project import ROOT
from cli.resolved_config import ResolvedConfig, SecretValues, read_secrets
from tidewatch import clock
from tidewatch.aws import sessions
from tidewatch.aws.connection import Connection, find_config_faults

ENTRY_POINT_GROUP = "tidewatch.backends"
"""Each entry point of this group is named after the stack that it serves, and is called with that name."""


class AwsAccess(Protocol):
    """AWS as one stack reaches it."""

    @property
    def region(self) -> str:
        """The region of the clients; "" if nothing sets one."""
        ...

    @property
    def is_simulated(self) -> bool:
        """Whether the account is simulated: it has only what this program uses, and no quotas and prices."""
        ...

    def now(self) -> datetime:
        """Returns the current time of the account."""
        ...

    def create_client(self, service: str, region: str, config: Config) -> Any:
        """Returns a client of a service; "" is the stack's own region."""
        ...


class StackBackend(Protocol):
    """What commands need to know about one stack that depends on where it lives."""

    @property
    def deploy_program(self) -> str:
        """The program that runs `up`, `preview` and `destroy` for the stack."""
        ...

    @property
    def undeployed_remedy(self) -> str:
        """What to do about missing outputs; "" if the reason already contains it."""
        ...

    @property
    def first_variant_remedy(self) -> str:
        """What to do about a stack without an endpoint, because no variant is set."""
        ...

    def find_stack_file(self, root: Path) -> Path:
        """Returns the stack's config file for the checkout in `root`; it need not exist."""
        ...

    def read_secrets(self, project: Path) -> SecretValues:
        """Returns the config's values with its secrets, or why they cannot be read.

        `project` is the stack file's folder.
        """
        ...

    def explain_edit_refusal(self) -> str:
        """Returns why the stack file must not be edited now, as a sentence; "" if it may be."""
        ...

    def read_outputs(self) -> dict[str, Any]:
        """Returns the outputs; empty if nothing is deployed. Raises UserError if they cannot be read."""
        ...

    def explain_missing_outputs(self) -> str:
        """Returns why there are no outputs, and what to do, as a sentence."""
        ...

    def explain_missing_output(self, name: str) -> str:
        """Returns why a part of the outputs is empty, and what to do, as a sentence."""
        ...

    def explain_missing_endpoint(self) -> str:
        """Returns why the endpoint is missing although the outputs name it, as a sentence.

        "" if AWS's error is enough.
        """
        ...

    def connect(self, read_config: Callable[[], ResolvedConfig]) -> AwsAccess:
        """Connects to AWS for the stack, whose config `read_config` reads. Raises UserError if that fails."""
        ...

    def adapt_commands(self, text: str) -> str:
        """Returns a text in which the commands work for this stack as they are typed."""
        ...


@dataclass(frozen=True)
class PulumiBackend:
    """A stack on AWS that the Pulumi CLI deploys; with "" as the stack, only this machine's settings."""

    stack: str

    deploy_program = "pulumi"

    @property
    def undeployed_remedy(self) -> str:
        return f"pulumi up --stack {self.stack}, if it was never deployed"

    @property
    def first_variant_remedy(self) -> str:
        return f"tidewatch promote NAME/VERSION --stack {self.stack}, then pulumi up --stack {self.stack}"

    def find_stack_file(self, root: Path) -> Path:
        return root / f"Pulumi.{self.stack}.yaml"

    def read_secrets(self, project: Path) -> SecretValues:
        return read_secrets(self.stack, project)

    def explain_edit_refusal(self) -> str:
        return ""

    def read_outputs(self) -> dict[str, Any]:
        if shutil.which("pulumi") is None:
            raise UserError(
                "the Pulumi CLI is not on PATH: install it (https://www.pulumi.com/docs/install/), or rehearse "
                "without it: `make demo`"
            )
        result = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
            ["pulumi", "stack", "output", "--json", "--show-secrets", "--stack", self.stack],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            message = (result.stderr or result.stdout).strip().removeprefix("error: ")
            raise UserError(f"pulumi cannot read the outputs of the stack {self.stack}: {message}")
        return json.loads(result.stdout or "{}")

    def explain_missing_outputs(self) -> str:
        return f"the stack {self.stack} has no outputs yet: deploy it first with `pulumi up --stack {self.stack}`"

    def explain_missing_output(self, name: str) -> str:
        return (
            f"the stack {self.stack} has no {name} yet: no variant is set. Publish a version, then "
            f"`tidewatch promote NAME/VERSION --stack {self.stack}` and `pulumi up --stack {self.stack}`"
        )

    def explain_missing_endpoint(self) -> str:
        return ""

    def connect(self, read_config: Callable[[], ResolvedConfig]) -> AwsAccess:
        return AwsConnection(self._resolve_connection(read_config()) if self.stack else Connection())

    def adapt_commands(self, text: str) -> str:
        return text

    def _resolve_connection(self, config: ResolvedConfig) -> Connection:
        """Connects as the stack's AWS provider does. Raises UserError if its settings are wrong or cannot be read."""
        if unreadable_paths := [path for path in config.unreadable_paths if path.startswith("aws:")]:
            raise UserError(
                f"{', '.join(unreadable_paths)} cannot be read here, and AWS cannot be reached without it: "
                f"{config.reason}"
            )
        if mistakes := list(find_config_faults(config.values)):
            raise UserError(f"Pulumi.{self.stack}.yaml:\n" + "\n".join(mistakes))
        connection = Connection.from_config(config.values)
        try:
            sessions.get_session(connection)
        except sessions.AccountNotAllowed as error:
            raise UserError(str(error)) from error
        return connection


class AwsConnection:
    """AWS itself, reached with a stack's connection or with this machine's settings."""

    is_simulated = False

    def __init__(self, connection: Connection) -> None:
        self._connection, self._local_region = connection, boto3.Session().region_name or ""

    @property
    def region(self) -> str:
        return self._connection.region or self._local_region

    def now(self) -> datetime:
        return clock.get_clock().now()

    def create_client(self, service: str, region: str, config: Config) -> Any:
        return sessions.create_client(self._connection, service, region, config)


def get_backend(stack: str) -> StackBackend:
    """Returns the backend that is registered under the stack's name, or else AWS."""
    registered = _find_registered_backends().get(stack)
    return registered.load()(stack) if registered else PulumiBackend(stack)


@functools.cache
def _find_registered_backends() -> Mapping[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=ENTRY_POINT_GROUP)}
