"""What a rehearsal's story is played with: two versions of a model, requests to it, and a last act of its own.

The acts are in play.py, the same for all material: built_in.py has the flights, own/ what a user brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rehearsal.aws.sagemaker.replay import ReplayResult
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.drift_summary import YearDriftSummary
from rehearsal.demo.environment import DemoEnvironment
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.requests_replay import RequestsDriftSummary
from rehearsal.gamedays.harness import Harness

if TYPE_CHECKING:
    from rehearsal.aws.sagemaker.replay import Runtime

IMAGE = "785573368785.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver@sha256:" + "7d" * 32
"""A digest of the right form for an image that the simulator never pulls: it serves the artifact by itself."""

FIRST_VERSION, SECOND_VERSION = "1", "2"
"""The versions of every story: the champion, and the canary."""


@dataclass(frozen=True)
class ModelVersion:
    """A version on disk, ready for `tidewatch publish`. told: what is said of it. auc: where it was measured; image:
    what serves it, where its lineage names none."""

    version: str
    artifact: Path
    lineage: Path
    card: Path
    reference: Path
    description: str
    auc: float | None = None
    image: str = ""


class Workload(Protocol):
    """name: the model's, in the registry. preparing: the title of what `prepare` does. asked: what is sent, in
    titles."""

    @property
    def name(self) -> str: ...
    @property
    def preparation_title(self) -> str: ...
    @property
    def requests_name(self) -> str: ...

    def write_stack_file(self, paths: RehearsalPaths) -> None:
        """Puts what the first `up` needs into the rehearsal's folder."""
        ...

    def prepare(self, folder: Path) -> Sequence[ModelVersion]:
        """FIRST and SECOND, made in `folder` while the first `up` runs."""
        ...

    def send_requests(self, runtime: Runtime, endpoint: str, requests: int) -> ReplayResult:
        """Sends the next so many requests."""
        ...

    def create_harness(self, env: DemoEnvironment) -> Harness:
        """The harness of a game day with these requests."""
        ...

    def run_drift(self, env: DemoEnvironment, console: ProgressConsole) -> YearDriftSummary | RequestsDriftSummary:
        """The last act: what the drift function makes of the requests. Raises RehearsalFailed."""
        ...
