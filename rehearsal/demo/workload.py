"""The workload of the demo: two versions of a model, requests to it, and a last step of its own.

The steps in demo.py are the same for all workloads: flights_workload.py has the flights, user_model/ a user's model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rehearsal.aws.sagemaker.replay import InferenceRequest, ReplayResult
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.drift_summary import YearDriftSummary
from rehearsal.demo.environment import DemoEnvironment
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.requests_replay import RequestsDriftSummary
from rehearsal.gamedays.harness import Harness

if TYPE_CHECKING:
    from rehearsal.aws.sagemaker.replay import Runtime

IMAGE = "785573368785.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver@sha256:" + "7d" * 32
"""A digest in the right form for an image that the simulator never pulls: it serves the artifact itself."""

FIRST_VERSION, SECOND_VERSION = "1", "2"
"""The versions of every demo: the champion and the canary."""


@dataclass(frozen=True)
class ModelVersion:
    """A version on disk, ready for `tidewatch publish`."""

    version: str
    artifact: Path
    lineage: Path
    card: Path
    reference: Path
    description: str
    """Printed after the preparation."""
    auc: float | None = None
    """None if it was not measured."""
    image: str = ""
    """The container image, if the lineage names none."""


class Workload(Protocol):
    """The model and the requests of a demo."""

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        ...

    @property
    def preparation_title(self) -> str:
        """The title of the step that `prepare` runs in."""
        ...

    @property
    def requests_name(self) -> str:
        """The name of the requests in titles."""
        ...

    def write_stack_file(self, paths: RehearsalPaths) -> None:
        """Writes the stack file for the first `up` into the rehearsal's folder."""
        ...

    def prepare(self, folder: Path) -> Sequence[ModelVersion]:
        """Creates FIRST_VERSION and SECOND_VERSION in `folder`, while the first `up` runs."""
        ...

    def sample_request(self) -> InferenceRequest:
        """A request that the model answers."""
        ...

    def send_requests(self, runtime: Runtime, endpoint: str, requests: int) -> ReplayResult:
        """Sends the next `requests` requests."""
        ...

    def create_harness(self, env: DemoEnvironment) -> Harness:
        """The harness of a game day with these requests."""
        ...

    def run_drift(self, env: DemoEnvironment, console: ProgressConsole) -> YearDriftSummary | RequestsDriftSummary:
        """Runs the last step: drift verdicts on the workload's requests. Raises RehearsalFailed."""
        ...
