"""One value is one value in every spelling: the training's own rows are as in training, however they are sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidewatch.capture.line_reader import Block
from tidewatch.capture.parsing import parse_category
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.counting.table_counter import count_table
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.statistics import Verdict, judge_profile
from tidewatch.drift.tables import open_table
from tidewatch.drift.training.reference_builder import build_reference
from tidewatch.drift.training.table_reference import (
    build_reference_from_table as build_table_reference,
)

TRITON = "application/vnd.sagemaker-triton.binary+json"
CARRIERS = np.array(["AA", "UA", "7", "true"])
Sent = tuple[str, str, str]
"""A body, its encoding and its content type."""


def rows(seed: int, count: int = 200) -> dict[str, Any]:
    """Numbers of two digits, flags and categories; some are missing."""
    drawn = np.random.default_rng(seed)
    x = drawn.integers(10, 100, count) / 100
    x[drawn.random(count) < 0.1] = np.nan
    return {
        "x": x,
        "flag": drawn.integers(0, 2, count).astype(np.float64),
        "carrier": drawn.choice(CARRIERS, count).tolist(),
    }


def train(columns: dict[str, Any]) -> Reference:
    return build_reference(columns)


def list_rows(columns: dict[str, Any]) -> list[tuple[Any, bool, str]]:
    """Row by row: None for a missing number, a bool for a flag."""
    return [
        (None if np.isnan(x) else float(x), bool(flag), carrier)
        for x, flag, carrier in zip(columns["x"], columns["flag"], columns["carrier"], strict=True)
    ]


def as_csv(missing: str, yes: str, no: str) -> Callable[[dict[str, Any]], Sent]:
    def spell(columns: dict[str, Any]) -> Sent:
        lines = [
            f"{missing if x is None else x},{yes if flag else no},{carrier}" for x, flag, carrier in list_rows(columns)
        ]
        return "\n".join(lines) + "\n", "CSV", "text/csv"

    return spell


def as_json(shaped: Callable[[list[dict[str, Any]]], Any]) -> Callable[[dict[str, Any]], Sent]:
    def spell(columns: dict[str, Any]) -> Sent:
        objects = [dict(zip(columns, row, strict=True)) for row in list_rows(columns)]
        return json.dumps(shaped(objects)), "JSON", "application/json"

    return spell


def by_column(objects: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [one[name] for one in objects] for name in objects[0]}


def as_tensors(columns: dict[str, Any]) -> Sent:
    found = by_column([dict(zip(columns, row, strict=True)) for row in list_rows(columns)])
    kinds = {"x": "FP32", "flag": "BOOL", "carrier": "BYTES"}
    tensors = [{"name": n, "shape": [len(v), 1], "datatype": kinds[n], "data": v} for n, v in found.items()]
    return json.dumps({"inputs": tensors}), "JSON", "application/json"


def list_values(objects: list[dict[str, Any]]) -> list[list[Any]]:
    return [list(one.values()) for one in objects]


FORMS = {
    "CSV": as_csv("", "1", "0"),
    "CSV of words": as_csv("N/A", "TRUE", "FALSE"),
    "CSV of pandas": as_csv("<NA>", "True", "False"),
    "CSV of JSON": as_csv("null", "true", "false"),
    "CSV of floats": as_csv("nan", "1.0", "0.0"),
    "objects": as_json(lambda objects: objects),
    "instances": as_json(lambda objects: {"instances": objects}),
    "lists": as_json(list_values),
    "columns": as_json(by_column),
    "columnar inputs": as_json(lambda objects: {"inputs": by_column(objects)}),
    "split": as_json(lambda objects: {"dataframe_split": {"columns": list(objects[0]), "data": list_values(objects)}}),
    "records": as_json(lambda objects: {"dataframe_records": objects}),
    "tensors": as_tensors,
}


def capture(sent: Sent) -> bytes:
    body, encoding, kind = sent
    side = {"observedContentType": kind, "mode": "INPUT", "data": body, "encoding": encoding}
    told = {"eventId": "e", "inferenceTime": "2026-11-01T10:00:00Z"}
    return json.dumps({"captureData": {"endpointInput": side}, "eventMetadata": told, "eventVersion": "0"}).encode()


def assert_as_in_training(reference: Reference, sent: Sent) -> None:
    counting = create_counter(reference)
    counting.count(Block(0, capture(sent) + b"\n", False), "a")
    assert_zeros(reference, counting.profile())


def assert_zeros(reference: Reference, profile: Profile) -> None:
    assert profile.accounting.rejected == {}
    judged = judge_profile(reference, profile)
    assert judged.verdict is Verdict.OK
    for feature in judged.features:
        assert (feature.psi, feature.ks or 0.0, feature.unseen_rate) == (0.0, 0.0, 0.0), feature


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_the_trainings_own_rows_are_as_in_training(form: str, seed: int) -> None:
    columns = rows(seed)
    assert_as_in_training(train(columns), FORMS[form](columns))


def halves(values: Any) -> bytes:
    return np.asarray(values, "<f2").tobytes()


def brains(values: Any) -> bytes:
    """Bfloat16 as its makers round it: to the nearest, ties to even."""
    bits = np.asarray(values, "<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


BINARY = {
    "FP16": halves, "BF16": brains, "FP32": lambda values: np.asarray(values, "<f4").tobytes(),
    "FP64": lambda values: np.asarray(values, "<f8").tobytes(),
}  # fmt: skip


@pytest.mark.parametrize("datatype", BINARY)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
def test_numbers_of_any_precision_that_tells_them_apart_are_as_in_training(datatype: str, scale: float) -> None:
    values = np.random.default_rng(3).integers(10, 40, 400) / 10 * scale
    raw = BINARY[datatype](values)
    described = {"name": "x", "shape": [400, 1], "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    header = json.dumps({"inputs": [described]}).encode()
    body = base64.b64encode(header + raw).decode()
    assert_as_in_training(build_reference({"x": values}), (body, "BASE64", f"{TRITON};json-header-size={len(header)}"))


def spelled_by_pandas(moment: Any) -> str:
    """As pandas writes a value of these kinds into CSV."""
    if isinstance(moment, timedelta):
        days, rest = divmod(moment, timedelta(days=1))
        return f"{days} days {'+' if days < 0 else ''}{str(rest).zfill(8)}"
    return str(moment)


def spelled_by_json(moment: Any) -> str:
    """As JSON writers do: ISO 8601, with Z and thousandths where a timestamp names no zone."""
    if isinstance(moment, datetime):
        return moment.isoformat(timespec="milliseconds") + ("Z" if moment.tzinfo is None else "")
    if isinstance(moment, timedelta):
        return f"P{moment.days}DT0H0M{moment.seconds}S"
    return moment.isoformat()


EAST = timezone(timedelta(hours=2))
WHOLE_SECONDS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda one: one.replace(microsecond=0))
MOMENTS: dict[str, st.SearchStrategy[Any]] = {
    "timestamp": WHOLE_SECONDS,
    "timestamp in UTC": WHOLE_SECONDS.map(lambda one: one.replace(tzinfo=UTC)),
    "timestamp of a zone": WHOLE_SECONDS.map(lambda one: one.replace(tzinfo=EAST)),
    "date": st.dates(date(1970, 1, 1), date(2100, 1, 1)),
    "time": st.times().map(lambda one: one.replace(microsecond=0)),
    "duration": st.integers(-(10**7), 10**7).map(lambda seconds: timedelta(seconds=seconds)),
    "decimal": st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents) / 100),
}


@pytest.mark.parametrize("kind", MOMENTS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_training_table_is_as_in_training_whoever_wrote_it(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    values = data.draw(st.lists(MOMENTS[kind], min_size=1, max_size=5).map(lambda few: few * 60))
    pl.DataFrame({"x": values, "n": range(len(values))}, strict=False).write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("\n".join(["x,n", *[f"{spelled_by_pandas(x)},{n}" for n, x in enumerate(values)]]))
    made = {name: build_table_reference(open_table(tmp_path / name)) for name in ("t.parquet", "t.csv")}
    assert len({one.digest for one in made.values()}) == 1
    told = json.dumps(
        [{"x": str(x) if kind == "decimal" else spelled_by_json(x), "n": n} for n, x in enumerate(values)]
    )
    for reference in made.values():
        for name in made:
            assert_zeros(reference, count_table(open_table(tmp_path / name), reference, name).profile)
        assert_as_in_training(reference, (told, "JSON", "application/json"))


@pytest.mark.parametrize(
    ("column", "sent"),
    [
        (pl.Series(["10.00", "2.50", "-0.10"]).cast(pl.Decimal(10, 2)), [10.0, 2.5, -0.1]),
        (pl.Series(["0.00", "90071992547409930"]).cast(pl.Decimal(38, 2)), [0, 90071992547409930]),
        (pl.Series([0.1, 2.5, 3.0, 1e-7], dtype=pl.Float32), [0.1, 2.5, 3, 1e-7]),
        (pl.Series([time(10, 0, 0, 500_000), time(10)]), ["10:00:00.5", "10:00:00"]),
        (pl.Series([datetime(2026, 11, 1, 10, 0, 0, 500_000)]), ["2026-11-01T10:00:00.500Z"]),
        (pl.Series([timedelta(seconds=1.5)]).cast(pl.Duration("ms")), ["00:00:01.5"]),
    ],
    ids=["decimal", "wide decimal", "float32", "time", "timestamp", "duration"],
)
def test_a_category_of_any_parquet_type_is_what_json_sends_of_it(
    column: pl.Series, sent: list[object], tmp_path: Path
) -> None:
    pl.DataFrame({"x": pl.concat([column] * 60)}).write_parquet(tmp_path / "t.parquet")
    reference = build_table_reference(open_table(tmp_path / "t.parquet"), categorical=["x"])
    told = json.dumps([{"x": each} for each in sent * 60])
    assert_as_in_training(reference, (told, "JSON", "application/json"))


@pytest.mark.parametrize("beside", [{}, {"y": ("BYTES", ["a", "b", "c"])}], ids=["numbers alone", "beside text"])
def test_a_category_of_single_precision_is_what_json_sends_of_it(beside: dict[str, tuple[str, list[str]]]) -> None:
    values = [0.1, 2.5, 1e-7]
    texts = [repr(value) for value in values]
    reference = build_reference({"x": texts * 60, "w": np.ones(180), **{name: list("abc") * 60 for name in beside}})
    columns = {"x": ("FP32", values), "w": ("FP32", [1.0] * 3), **beside}
    tensors = [
        {"name": name, "shape": [180, 1], "datatype": kind, "data": held * 60} for name, (kind, held) in columns.items()
    ]
    assert_as_in_training(reference, (json.dumps({"inputs": tensors}), "JSON", "application/json"))


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("2026-11-01 10:00", "2026-11-01T10:00:00"), ("2026-11-01T00:00:00.000000", "2026-11-01"),
        ("2026-11-01T00:30:00+02:00", "2026-10-31T22:30:00"), ("2026-11-01T10:00:00.120Z", "2026-11-01T10:00:00.12"),
        ("1:02:03", "01:02:03"), ("-1 day, 23:59:57", "-00:00:03"), ("-2 days +23:59:59", "-1 days 00:00:01"),
        ("P-1DT23H59M57S", "-00:00:03"),
        ("2 days, 1:02:03.500000", "2 days 01:02:03.5"), ("P7DT0H0M0S", "7 days"),
        ("2026-11-01 10:00:00+00", "2026-11-01T10:00:00"), ("2026-11-01 12:00:00+02", "2026-11-01T10:00:00"),
        ("2026-11-01 10:00:00 UTC", "2026-11-01T10:00:00"), ("P0D", "00:00:00"),
        ("P7D", "7 days"), ("-P1D", "-1 days"), ("P-1D", "-1 days"),
    ],
)  # fmt: skip
def test_a_moment_has_one_spelling(text: str, spelled: str) -> None:
    assert parse_category(text) == spelled
    assert parse_category(spelled) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "30 days",
        "P",
        "P7",
        "PD",
        "PT",
        "P7DT",
        "7D",
        "24:00:00",
        "12:34",
        "99:99:99",
        "2026-13-01 10:00:00",
        "0001-01-01T00:00:00+10:00",
        "3:1",
    ],
)
def test_what_is_no_moment_is_its_own_category(text: str) -> None:
    assert parse_category(text) == text
