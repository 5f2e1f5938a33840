"""What a rehearsal's story is played with: two versions of a model, requests to it, and a last act of its own.

The acts are in play.py, the same for all material: built_in.py has the flights, own/ what a user brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulator.rehearsal.home import Home
from simulator.rehearsal.hours import Watched
from simulator.rehearsal.months import Drift
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import Stage
from simulator.replay import Replayed
from simulator.scenarios.scene import Scene

if TYPE_CHECKING:
    from simulator.replay import Runtime

IMAGE = "785573368785.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver@sha256:" + "7d" * 32
"""A digest of the right form for an image that the simulator never pulls: it serves the artifact by itself."""

FIRST, SECOND = "1", "2"
"""The versions of every story: the champion, and the canary."""


@dataclass(frozen=True)
class Version:
    """A version on disk, ready for `tidewatch publish`. told: what is said of it. auc: where it was measured; image:
    what serves it, where its lineage names none."""

    version: str
    artifact: Path
    lineage: Path
    card: Path
    reference: Path
    told: str
    auc: float | None = None
    image: str = ""


class Material(Protocol):
    """name: the model's, in the registry. preparing: the title of what `prepare` does. asked: what is sent, in
    titles."""

    @property
    def name(self) -> str: ...
    @property
    def preparing(self) -> str: ...
    @property
    def asked(self) -> str: ...

    def furnish(self, home: Home) -> None:
        """Puts what the first `up` needs into the rehearsal's folder."""
        ...

    def prepare(self, folder: Path) -> Sequence[Version]:
        """FIRST and SECOND, made in `folder` while the first `up` runs."""
        ...

    def ask(self, runtime: Runtime, endpoint: str, requests: int) -> Replayed:
        """Sends the next so many requests."""
        ...

    def scene(self, stage: Stage) -> Scene:
        """The scene of a game day with these requests."""
        ...

    def drift(self, stage: Stage, screen: Screen) -> Drift | Watched:
        """The last act: what the drift function makes of the requests. Raises RehearsalFailed."""
        ...
