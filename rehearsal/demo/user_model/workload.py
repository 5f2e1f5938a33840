"""The workload of the demo, read from a user's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.filesize import decimal

from rehearsal.aws.sagemaker.replay import InferenceRequest, ReplayResult, replay_requests
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.environment import DemoEnvironment
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.requests_replay import HEADINGS, PAGE_TITLE, RequestsDriftSummary, RequestsReplay
from rehearsal.demo.user_model import defaults
from rehearsal.demo.user_model.stack_config import StackCopy
from rehearsal.demo.workload import FIRST_VERSION, IMAGE, SECOND_VERSION, ModelVersion
from rehearsal.gamedays.harness import Harness
from tidewatch.drift.reference import Reference

if TYPE_CHECKING:
    from rehearsal.aws.sagemaker.replay import Runtime


@dataclass(frozen=True)
class UserFiles:
    """The files of a folder by purpose; None for a missing one."""

    artifact: Path
    reference: Path
    requests: Path
    challenger: Path | None
    lineage: Path | None
    card: Path | None


@dataclass
class UserWorkload:
    """A folder that passed all checks."""

    name: str
    files: UserFiles
    stack: StackCopy
    """The copy of the stack file that is deployed."""
    reference: Reference
    requests: Sequence[InferenceRequest]
    frameworks: Mapping[str, str]
    """The framework of each version, for a generated lineage."""
    names_image: bool
    """Whether the folder's lineage names the container image."""
    _next_request: int = 0

    @property
    def preparation_title(self) -> str:
        return f"Reading {self.files.artifact.parent}"

    @property
    def requests_name(self) -> str:
        return self.files.requests.name

    def write_stack_file(self, paths: RehearsalPaths) -> None:
        paths.stack_file.write_text(self.stack.text)

    def prepare(self, folder: Path) -> Sequence[ModelVersion]:
        folder.mkdir(parents=True, exist_ok=True)
        card = self._provide_card(folder)
        image = "" if self.names_image or self.files.lineage is None else IMAGE
        return [
            ModelVersion(
                version,
                artifact,
                self._provide_lineage(folder, version),
                card,
                self.files.reference,
                description,
                image=image,
            )
            for version, artifact, description in (
                (
                    FIRST_VERSION,
                    self.files.artifact,
                    self._describe_artifact(self.files.artifact) + self._describe_dropped_keys(),
                ),
                (SECOND_VERSION, *self._provide_challenger(folder)),
            )
        ]

    def sample_request(self) -> InferenceRequest:
        return self.requests[0]

    def send_requests(self, runtime: Runtime, endpoint: str, requests: int) -> ReplayResult:
        """Sends the next requests; after the last one, the first follows again."""
        batch = [
            self.requests[index % len(self.requests)]
            for index in range(self._next_request, self._next_request + requests)
        ]
        self._next_request += requests
        return replay_requests(runtime, endpoint, batch)

    def create_harness(self, env: DemoEnvironment) -> Harness:
        runtime, finish = env.get_client("sagemaker-runtime"), env.control.wait_for_functions
        rows = np.empty((0, 0), np.float32)
        return Harness(env.control, env.outputs(), rows, runtime, finish, requests=self.requests)

    def run_drift(self, env: DemoEnvironment, console: ProgressConsole) -> RequestsDriftSummary:
        summary = RequestsReplay(env, console, self.requests, self.requests_name).run()
        console.print_grid(
            PAGE_TITLE, HEADINGS, [version_drift.cells for version_drift in summary.versions], sentences=True
        )
        return summary

    def _provide_challenger(self, folder: Path) -> tuple[Path, str]:
        if self.files.challenger is not None:
            return self.files.challenger, self._describe_artifact(self.files.challenger)
        repacked = folder / "challenger.tar.gz"
        defaults.repack_model(self.files.artifact, self.name, repacked)
        return repacked, "the same model, packed with an extra file (no challenger.tar.gz)"

    def _provide_lineage(self, folder: Path, version: str) -> Path:
        if self.files.lineage is not None:
            return self.files.lineage
        path = folder / f"lineage-{version}.json"
        folder, owner = self.files.artifact.parent, self.stack.settings.model.owner
        path.write_bytes(defaults.build_lineage(folder, self.frameworks[version], owner, IMAGE, self.reference))
        return path

    def _provide_card(self, folder: Path) -> Path:
        if self.files.card is not None:
            return self.files.card
        path = folder / "card.md"
        path.write_text(defaults.build_card(self.name, self.reference))
        return path

    def _describe_dropped_keys(self) -> str:
        dropped_keys = self.stack.dropped_keys
        return f" (the copy of your stack file is without {', '.join(dropped_keys)})" if dropped_keys else ""

    def _describe_artifact(self, artifact: Path) -> str:
        missing = [name for name, path in (("lineage", self.files.lineage), ("card", self.files.card)) if path is None]
        return f"{artifact.name}, {decimal(artifact.stat().st_size)}" + (
            f", with a {' and a '.join(missing)} made for it" if missing else ""
        )
