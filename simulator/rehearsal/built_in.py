"""The material of `make demo`: real flights, a model without the weather and one with it, and a year of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.rehearsal.home import Home
from simulator.rehearsal.material import FIRST, IMAGE, SECOND, Version
from simulator.rehearsal.months import TITLE, Drift, notes, table
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import RehearsalFailed, Stage
from simulator.rehearsal.year import FLIGHTS, MONTHS, Year
from simulator.replay import Replayed, replay
from simulator.scenarios.scene import Scene
from simulator.story import NAME, Trained, load_flights, requests, sample, train
from simulator.story.flights import WEATHER

if TYPE_CHECKING:
    from simulator.replay import Runtime

ROWS = 8
"""Flights of a request."""


@dataclass(frozen=True)
class _Rows:
    """replayed: those after the validation month, in their order; year: a sample of each month. Request rows."""

    replayed: npt.NDArray[np.float32]
    year: Mapping[int, npt.NDArray[np.float32]]


@dataclass
class Flights:
    """The flights, once `prepare` has loaded them."""

    name: str = NAME
    preparing: str = "Training two models on January to March 2013, validating on April"
    asked: str = "flights"
    _rows: _Rows | None = None
    _used: int = 0

    def furnish(self, home: Home) -> None:
        del home  # the checkout's own stack file is there already

    def prepare(self, folder: Path) -> Sequence[Version]:
        flights = load_flights()
        trained = [
            train(version, folder / version, with_weather=weather, flights=flights, image=IMAGE)
            for version, weather in ((FIRST, False), (SECOND, True))
        ]
        later = requests(flights, date(2013, 5, 1), date(2013, 12, 31)).rows
        self._rows = _Rows(later, {month: sample(flights, month, FLIGHTS) for month in MONTHS})
        without = f"without the {len(WEATHER)} columns of the weather"
        return [_version(one, told) for one, told in zip(trained, (without, "with them"), strict=True)]

    def ask(self, runtime: Runtime, endpoint: str, requests: int) -> Replayed:
        rows = self._loaded().replayed[self._used : self._used + requests * ROWS]
        self._used += requests * ROWS
        return replay(runtime, endpoint, rows, rows_per_request=ROWS, threads=4)

    def scene(self, stage: Stage) -> Scene:
        runtime, finish = stage.client("sagemaker-runtime"), stage.control.wait_for_functions
        return Scene(stage.control, stage.outputs(), self._loaded().replayed, runtime, finish)

    def drift(self, stage: Stage, screen: Screen) -> Drift:
        seen = Year(stage, screen, self._loaded().year).play()
        screen.grid(TITLE, *table(seen.months), notes=notes(seen.months))
        if not set(WEATHER) & seen.features.keys():
            raise RehearsalFailed(f"no feature of the weather drifted in the year: {seen.features}")
        return seen

    def _loaded(self) -> _Rows:
        if self._rows is None:
            raise RehearsalFailed("there are no flights before the training has loaded them")
        return self._rows


def _version(one: Trained, columns: str) -> Version:
    told = f"AUC {one.auc:.4f}, {columns}"
    return Version(one.version, one.artifact, one.lineage, one.card, one.reference, told, round(one.auc, 4))
