from __future__ import annotations

import json
import re
import shlex
import tarfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from cli.main import app
from rehearsal.aws.inference import kserve_v2, triton
from rehearsal.demo.flights_model import (
    FEATURES,
    TrainedModel,
    encode_request_body,
    load_flights,
    sample_month,
    score_locally,
    select_requests,
    train,
)
from rehearsal.demo.flights_model.dataset import CATEGORICAL, UNSEEN_CODE, WEATHER, list_features, select_labelled
from rehearsal.demo.flights_model.drift_reference import SCORE, SCORE_OUTPUT, build_flights_reference
from rehearsal.demo.flights_model.training import compute_auc
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference, decode_reference
from tidewatch.registry import parse_description, require_valid_archive


@pytest.fixture(scope="module")
def flights() -> pl.DataFrame:
    return load_flights()


@pytest.fixture(scope="module")
def trained_models(flights: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainedModel]:
    folder = tmp_path_factory.mktemp("models")
    return {
        version: train(version, folder / version, with_weather=weather, flights=flights)
        for version, weather in (("1", False), ("2", True))
    }


def test_every_flight_of_the_year_is_there_in_the_order_of_the_schedule(flights: pl.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights["scheduled"].is_sorted()
    assert flights["late"].null_count() == 9_430
    assert flights.select(FEATURES).null_count().sum_horizontal().item() == 0


def test_nothing_known_only_at_departure_is_asked_about() -> None:
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"} & set(FEATURES)


def test_a_code_stands_for_the_category_that_the_definition_lists(flights: pl.DataFrame) -> None:
    for feature in list_features(with_weather=True):
        if feature.kind != "categorical":
            assert feature.categories == ()
            continue
        codes = flights[feature.name]
        assert codes.min() in {0, UNSEEN_CODE}
        assert codes.max() == len(feature.categories) - 1
        assert flights.filter(pl.col("month") <= 3)[feature.name].min() == 0
    assert {feature.name for feature in list_features(with_weather=False) if not feature.used} == set(WEATHER)


def test_training_and_validation_do_not_share_a_day(flights: pl.DataFrame) -> None:
    months = [set(flights.filter(pl.col("month").is_in(m))["date"]) for m in ((1, 2, 3), (4,))]
    assert max(months[0]) < min(months[1])


def test_the_models_rank_the_flights_of_april_as_the_card_says(
    trained_models: dict[str, TrainedModel], flights: pl.DataFrame
) -> None:
    rows, late = select_labelled(flights, (4,))
    for model in trained_models.values():
        assert model.auc == round(float(roc_auc_score(late, score_locally(model.artifact, rows, "flights"))), 4)
        assert f"AUC {model.auc:.4f}" in model.card.read_text()
    assert 0.64 < trained_models["1"].auc < trained_models["2"].auc < 0.72


def test_the_same_flights_give_the_same_bytes(
    trained_models: dict[str, TrainedModel], flights: pl.DataFrame, tmp_path: Path
) -> None:
    again = train("2", tmp_path, with_weather=True, flights=flights)
    assert again.artifact.read_bytes() == trained_models["2"].artifact.read_bytes()
    assert again.reference.read_bytes() == trained_models["2"].reference.read_bytes()
    assert trained_models["1"].artifact.read_bytes() != trained_models["2"].artifact.read_bytes()


def _reference(model: TrainedModel) -> Reference:
    return decode_reference(model.reference.read_bytes(), str(model.reference))


def test_a_reference_compares_what_the_version_uses_as_its_manifest_has_it(
    trained_models: dict[str, TrainedModel],
) -> None:
    for version, model in trained_models.items():
        found = _reference(model)
        used = {one.name: one.kind for one in list_features(with_weather=version == "2") if one.used}
        kinds = {NumericFeature: "numeric", CategoryFeature: "categorical"}
        assert {one.name: kinds[type(one)] for one in found.features} == used
        assert tuple(one.name for one in found.features) == model.features
        assert found.columns == FEATURES
        assert {one.total + one.missing for one in found.measured_features} == {found.rows}


def test_a_reference_names_categories_as_they_are_read_from_a_float32_tensor(
    trained_models: dict[str, TrainedModel],
) -> None:
    (origin,) = [one for one in _reference(trained_models["1"]).features if one.name == "origin"]
    assert isinstance(origin, CategoryFeature)
    assert set(origin.values) == {"0", "1", "2"}


def test_a_reference_holds_the_scores_that_the_server_gives_the_training_flights_in_float32(
    trained_models: dict[str, TrainedModel], flights: pl.DataFrame
) -> None:
    rows, late = select_labelled(flights, (1, 2, 3))
    for model in trained_models.values():
        found = _reference(model)
        score = found.score
        assert score is not None
        assert isinstance(found.score_output, int)
        served_model = triton.load_model(model.artifact.read_bytes(), {triton.DEFAULT_MODEL: "flights"})
        assert isinstance(served_model, triton.FilModel)
        served = served_model.infer(rows)
        answers = served[:, found.score_output].astype(np.float64)
        assert (score.name, found.rows) == (SCORE, len(late))
        assert 0 <= answers.min() - score.minimum < 0.01, "rounded outwards, as few rows share it"
        assert 0 <= score.maximum - answers.max() < 0.01
        counted = np.bincount(np.searchsorted(score.edges, answers, "right"), minlength=len(score.counts))
        assert tuple(counted.tolist()) == score.counts


def test_the_reference_of_the_same_rows_has_the_same_bytes(
    trained_models: dict[str, TrainedModel], flights: pl.DataFrame
) -> None:
    rows, _ = select_labelled(flights, (1, 2, 3))
    scores = score_locally(trained_models["2"].artifact, rows, "flights")
    assert rows.dtype == scores.dtype == np.float32
    assert build_flights_reference(rows, scores).encode() == trained_models["2"].reference.read_bytes()
    assert build_flights_reference(rows[::-1], scores[::-1]).digest == build_flights_reference(rows, scores).digest
    assert build_flights_reference(rows, scores).score_output == SCORE_OUTPUT


def test_the_line_of_the_document_makes_the_same_reference_from_the_training_table(
    trained_models: dict[str, TrainedModel], tmp_path: Path
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^tidewatch (drift reference .+)$", document, re.MULTILINE)
    model, written = trained_models["2"].reference.parent, tmp_path / "new" / "reference.json"
    arguments = shlex.split(line.replace("$MODEL", str(model)).replace("out/reference.json", str(written)))
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert written.read_bytes() == trained_models["2"].reference.read_bytes()


def test_a_sample_is_flights_of_its_month_the_same_every_time(flights: pl.DataFrame) -> None:
    drawn = sample_month(flights, 7, 400)
    july = {row.tobytes() for row in select_requests(flights, date(2013, 7, 1), date(2013, 7, 31)).rows}
    assert (drawn.shape, drawn.dtype) == ((400, len(FEATURES)), np.float32)
    assert all(row.tobytes() in july for row in drawn)
    assert (sample_month(flights, 7, 400) == drawn).all()
    assert not np.array_equal(sample_month(flights, 8, 400), drawn)


def test_both_models_take_the_same_requests_and_only_one_minds_the_weather(
    trained_models: dict[str, TrainedModel], flights: pl.DataFrame
) -> None:
    rows = select_requests(flights, date(2013, 5, 1), date(2013, 5, 2)).rows
    stormy = rows.copy()
    stormy[:, [FEATURES.index(name) for name in WEATHER]] = np.array([2.0, 0.1, 40.0, 60.0, 100.0], np.float32)
    without, with_weather = trained_models["1"], trained_models["2"]
    assert (
        score_locally(without.artifact, rows, "flights") == score_locally(without.artifact, stormy, "flights")
    ).all()
    assert (
        score_locally(with_weather.artifact, stormy, "flights").mean()
        > score_locally(with_weather.artifact, rows, "flights").mean()
    )
    assert set(without.features) == set(FEATURES) - set(WEATHER)
    assert with_weather.features == FEATURES


def test_the_archive_is_one_that_the_registry_and_triton_take(trained_models: dict[str, TrainedModel]) -> None:
    for model in trained_models.values():
        require_valid_archive(model.artifact, "lightgbm", "flights")
        served = triton.load_model(model.artifact.read_bytes(), {triton.DEFAULT_MODEL: "flights"})
        assert [one.dims for one in (*served.inputs, *served.outputs)] == [(len(FEATURES),), (2,)]
        with tarfile.open(model.artifact) as archive:
            assert {(each.mtime, each.uid, each.gid, each.uname) for each in archive} == {(0, 0, 0, "")}


def test_the_lineage_describes_the_model_in_full(trained_models: dict[str, TrainedModel]) -> None:
    description = parse_description(json.loads(trained_models["2"].lineage.read_bytes()), "lineage.json")
    lineage = description.lineage
    assert description.metrics["auc"] == trained_models["2"].auc
    assert tuple(feature.name for feature in lineage.features) == FEATURES
    assert lineage.data.digest.startswith("sha256:")
    assert lineage.environment["lock"].startswith("sha256:")
    assert lineage.hyperparameters["num_leaves"] == 31
    assert lineage.commit


def test_requests_are_the_flights_of_those_days_with_the_answers_that_came_later(flights: pl.DataFrame) -> None:
    asked = select_requests(flights, date(2013, 4, 30), date(2013, 5, 1))
    assert len(asked) == flights.filter(pl.col("date").is_between(date(2013, 4, 30), date(2013, 5, 1))).height
    assert asked.rows.dtype == np.float32
    assert asked.rows.shape == (len(asked), len(FEATURES))
    assert (np.diff(asked.scheduled) >= np.timedelta64(0)).all()
    assert set(np.unique(asked.late[~np.isnan(asked.late)])) == {0.0, 1.0}


def test_a_request_body_is_answered_by_triton(trained_models: dict[str, TrainedModel], flights: pl.DataFrame) -> None:
    rows = select_requests(flights, date(2013, 6, 1), date(2013, 6, 1)).rows[:7]
    served = triton.load_model(trained_models["2"].artifact.read_bytes(), {triton.DEFAULT_MODEL: "flights"})
    answer = kserve_v2.infer(served, "application/json", encode_request_body(rows))
    scores = kserve_v2.decode_scores(answer.content_type, answer.body)
    assert scores.sum(axis=1) == pytest.approx(1.0)
    assert (scores[:, 1] == score_locally(trained_models["2"].artifact, rows, "flights")).all()


def test_categories_are_sent_as_whole_numbers(flights: pl.DataFrame) -> None:
    rows = select_requests(flights, date(2013, 7, 1), date(2013, 7, 1)).rows
    codes = rows[:, [FEATURES.index(name) for name in CATEGORICAL]]
    assert (codes == np.round(codes)).all()


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
    lambda pairs: len({label for _, label in pairs}) == 2
))  # fmt: skip
def test_the_area_under_the_curve_is_that_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in pairs], dtype=np.float32)
    positive = np.array([label for _, label in pairs])
    assert compute_auc(scores, positive) == pytest.approx(float(roc_auc_score(positive, scores)))


def test_the_area_under_the_curve_of_the_docstring() -> None:
    scores = np.array([0.1, 0.4, 0.35, 0.8], dtype=np.float32)
    assert compute_auc(scores, np.array([False, False, True, True])) == 0.75
