"""The workload of `make demo`: real flights, a model without weather and one with it, and a year of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rehearsal.aws.inference.kserve_v2 import encode_rows
from rehearsal.aws.sagemaker.replay import InferenceRequest, ReplayResult, replay
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.drift_summary import TABLE_TITLE, YearDriftSummary, build_notes, build_table
from rehearsal.demo.environment import DemoEnvironment, RehearsalFailed
from rehearsal.demo.flights_model import NAME, TrainedModel, load_flights, sample_month, select_requests, train
from rehearsal.demo.flights_model.dataset import WEATHER
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.workload import FIRST_VERSION, IMAGE, SECOND_VERSION, ModelVersion
from rehearsal.demo.year_replay import FLIGHTS, MONTHS, YearReplay
from rehearsal.gamedays.harness import Harness

if TYPE_CHECKING:
    from rehearsal.aws.sagemaker.replay import Runtime

ROWS_PER_REQUEST = 8
"""Flights in a request."""


@dataclass(frozen=True)
class _FlightRows:
    """Request rows of the demo."""

    replay_rows: npt.NDArray[np.float32]
    """The flights after the validation month, in their order."""
    monthly_samples: Mapping[int, npt.NDArray[np.float32]]
    """A sample of each month."""


@dataclass
class FlightsWorkload:
    """The flights, after `prepare` has loaded them."""

    name: str = NAME
    preparation_title: str = "Training two models on January to March 2013, validating on April"
    requests_name: str = "flights"
    _rows: _FlightRows | None = None
    _next_row: int = 0

    def write_stack_file(self, paths: RehearsalPaths) -> None:
        del paths  # the checkout's stack file is already there

    def prepare(self, folder: Path) -> Sequence[ModelVersion]:
        flights = load_flights()
        models = [
            train(version, folder / version, with_weather=weather, flights=flights, image=IMAGE)
            for version, weather in ((FIRST_VERSION, False), (SECOND_VERSION, True))
        ]
        replay_rows = select_requests(flights, date(2013, 5, 1), date(2013, 12, 31)).rows
        self._rows = _FlightRows(replay_rows, {month: sample_month(flights, month, FLIGHTS) for month in MONTHS})
        without = f"without the {len(WEATHER)} columns of the weather"
        return [
            _to_model_version(model, description)
            for model, description in zip(models, (without, "with them"), strict=True)
        ]

    def sample_request(self) -> InferenceRequest:
        rows = self._require_rows().replay_rows[:1]
        return InferenceRequest(*encode_rows(rows, binary=False), len(rows))

    def send_requests(self, runtime: Runtime, endpoint: str, requests: int) -> ReplayResult:
        rows = self._require_rows().replay_rows[self._next_row : self._next_row + requests * ROWS_PER_REQUEST]
        self._next_row += requests * ROWS_PER_REQUEST
        return replay(runtime, endpoint, rows, rows_per_request=ROWS_PER_REQUEST, threads=4)

    def create_harness(self, env: DemoEnvironment) -> Harness:
        runtime, finish = env.get_client("sagemaker-runtime"), env.control.wait_for_functions
        return Harness(env.control, env.outputs(), self._require_rows().replay_rows, runtime, finish)

    def run_drift(self, env: DemoEnvironment, console: ProgressConsole) -> YearDriftSummary:
        summary = YearReplay(env, console, self._require_rows().monthly_samples).run()
        console.print_grid(TABLE_TITLE, *build_table(summary.months), notes=build_notes(summary.months))
        if not set(WEATHER) & summary.features.keys():
            raise RehearsalFailed(f"no feature of the weather drifted in the year: {summary.features}")
        return summary

    def _require_rows(self) -> _FlightRows:
        if self._rows is None:
            raise RehearsalFailed("the training has not loaded the flights yet")
        return self._rows


def _to_model_version(model: TrainedModel, columns: str) -> ModelVersion:
    description = f"AUC {model.auc:.4f}, {columns}"
    return ModelVersion(
        model.version, model.artifact, model.lineage, model.card, model.reference, description, round(model.auc, 4)
    )
