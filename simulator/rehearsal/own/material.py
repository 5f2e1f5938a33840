"""The story's material, read from a user's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.filesize import decimal

from simulator.rehearsal.home import Home
from simulator.rehearsal.hours import HEADINGS, NAME, Hours, Watched
from simulator.rehearsal.material import FIRST, IMAGE, SECOND, Version
from simulator.rehearsal.own import made
from simulator.rehearsal.own.stackfile import StackCopy
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import Stage
from simulator.replay import Replayed, Request, replay_requests
from simulator.scenarios.scene import Scene
from tidewatch.drift.reference import Reference

if TYPE_CHECKING:
    from simulator.replay import Runtime


@dataclass(frozen=True)
class Files:
    """The files of a folder by what they are; None where there is none."""

    artifact: Path
    reference: Path
    requests: Path
    challenger: Path | None
    lineage: Path | None
    card: Path | None


@dataclass
class Own:
    """A folder that was read and found well. stack: the copy that is deployed; frameworks: of each version, for a
    lineage that is made; names_image: whether the lineage that is there says what serves it."""

    name: str
    files: Files
    stack: StackCopy
    reference: Reference
    requests: Sequence[Request]
    frameworks: Mapping[str, str]
    names_image: bool
    _used: int = 0

    @property
    def preparing(self) -> str:
        return f"Reading {self.files.artifact.parent}"

    @property
    def asked(self) -> str:
        return self.files.requests.name

    def furnish(self, home: Home) -> None:
        home.stack_file.write_text(self.stack.text)

    def prepare(self, folder: Path) -> Sequence[Version]:
        folder.mkdir(parents=True, exist_ok=True)
        card = self._card(folder)
        image = "" if self.names_image or self.files.lineage is None else IMAGE
        return [
            Version(version, artifact, self._lineage(folder, version), card, self.files.reference, told, image=image)
            for version, artifact, told in (
                (FIRST, self.files.artifact, self._told(self.files.artifact) + self._left_out()),
                (SECOND, *self._challenger(folder)),
            )
        ]

    def ask(self, runtime: Runtime, endpoint: str, requests: int) -> Replayed:
        """The next ones, from the beginning again after the last."""
        sent = [self.requests[place % len(self.requests)] for place in range(self._used, self._used + requests)]
        self._used += requests
        return replay_requests(runtime, endpoint, sent)

    def scene(self, stage: Stage) -> Scene:
        runtime, finish = stage.client("sagemaker-runtime"), stage.control.wait_for_functions
        rows = np.empty((0, 0), np.float32)
        return Scene(stage.control, stage.outputs(), rows, runtime, finish, requests=self.requests)

    def drift(self, stage: Stage, screen: Screen) -> Watched:
        seen = Hours(stage, screen, self.requests, self.asked).play()
        screen.grid(NAME, HEADINGS, [one.cells for one in seen.versions], sentences=True)
        return seen

    def _challenger(self, folder: Path) -> tuple[Path, str]:
        if self.files.challenger is not None:
            return self.files.challenger, self._told(self.files.challenger)
        again = folder / "challenger.tar.gz"
        made.same_again(self.files.artifact, self.name, again)
        return again, "the same model, packed with one file more (no challenger.tar.gz)"

    def _lineage(self, folder: Path, version: str) -> Path:
        if self.files.lineage is not None:
            return self.files.lineage
        path = folder / f"lineage-{version}.json"
        folder, owner = self.files.artifact.parent, self.stack.settings.model.owner
        path.write_bytes(made.lineage(folder, self.frameworks[version], owner, IMAGE, self.reference))
        return path

    def _card(self, folder: Path) -> Path:
        if self.files.card is not None:
            return self.files.card
        path = folder / "card.md"
        path.write_text(made.card(self.name, self.reference))
        return path

    def _left_out(self) -> str:
        left_out = self.stack.left_out
        return f" (the copy of your stack file is without {', '.join(left_out)})" if left_out else ""

    def _told(self, artifact: Path) -> str:
        missing = [name for name, path in (("lineage", self.files.lineage), ("card", self.files.card)) if path is None]
        return f"{artifact.name}, {decimal(artifact.stat().st_size)}" + (
            f", with a {' and a '.join(missing)} made for it" if missing else ""
        )
