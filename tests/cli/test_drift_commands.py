from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import cli.progress
from cli.commands.drift import drift
from cli.errors import UserError
from rehearsal.aws import simulate_aws
from tidewatch.drift.errors import DriftError, InvalidReference, InvalidTable

ROOT = Path(__file__).parents[2]

MEASURES = {"verdict", "psi", "ks", "p_value", "js", "kl", "missing_rate", "unseen_rate"}


def run(*arguments: object) -> Any:
    return CliRunner().invoke(drift, [str(argument) for argument in arguments])


def table(rows: int, seed: int, shift: float = 0.0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "distance": random.normal(1000 + 100 * shift, 100, rows).round(3),
            "carrier": random.choice(["AA", "UA", "B6"], rows),
            "score": random.random(rows).astype(np.float32),
        }
    )


def capture_rows(frame: pl.DataFrame) -> str:
    """The rows as SageMaker would capture them, one record each."""
    return "".join(
        json.dumps(
            {
                "captureData": {
                    "endpointInput": {
                        "observedContentType": "text/csv", "mode": "INPUT",
                        "data": f"{distance},{carrier}\n", "encoding": "CSV",
                    },
                    "endpointOutput": {
                        "observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT",
                        "data": str(score), "encoding": "CSV",
                    },
                },
                "eventMetadata": {"eventId": f"e{at}", "inferenceTime": "2013-05-14T12:00:00Z"},
                "eventVersion": "0",
            }
        ) + "\n"
        for at, (distance, carrier, score) in enumerate(frame.iter_rows())
    )  # fmt: skip


@pytest.fixture
def training(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    table(1000, 1).write_csv(path)
    return path


@pytest.fixture
def reference_file(tmp_path: Path, training: Path) -> Path:
    path = tmp_path / "reference.json"
    assert run("reference", training, "-o", path, "--score", "score").exit_code == 0
    return path


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with simulate_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="capture")
        yield s3


def run_check(reference_file: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
    result = run("check", "--reference", reference_file, "--json", *arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def test_reference_says_what_it_found(tmp_path: Path, training: Path) -> None:
    path = tmp_path / "reference.json"
    result = run("reference", training, "-o", path, "--score", "score")
    assert result.exit_code == 0, result.output
    lines = [line.split(None, 1) for line in result.stdout.splitlines()]
    assert lines[1:5] == [["rows", "1,000"], ["numeric", "1: distance"], ["category", "1: carrier"], ["score", "score"]]
    assert lines[5][0] == "sha256"
    before = path.read_bytes()
    run("reference", training, "--output", path, "--score", "score")
    assert path.read_bytes() == before


def test_reference_takes_excluded_and_categorical_columns(tmp_path: Path, training: Path) -> None:
    path = tmp_path / "reference.json"
    result = run(
        "reference", training, "-o", path, "--exclude", "carrier", "--exclude", "score", "--categorical", "distance"
    )
    assert "category 1: distance" in result.stdout
    assert "none: give --score COLUMN" in result.stdout
    assert json.loads(path.read_bytes())["columns"] == ["distance", "carrier", "score"]


def test_rows_like_the_training_are_ok_in_every_form(tmp_path: Path, reference_file: Path) -> None:
    rows = table(500, 2)
    rows.write_csv(tmp_path / "rows.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(rows.write_csv().encode()))
    (tmp_path / "rows.jsonl").write_text(capture_rows(rows))
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(capture_rows(rows).encode()))
    answers = []
    for name in ("rows.csv", "rows.csv.gz", "rows.parquet", "rows.jsonl", "rows.jsonl.gz"):
        code, told = run_check(reference_file, tmp_path / name)
        assert code == 0, name
        answers.append(told)
    assert all(told == answers[0] for told in answers)
    assert answers[0]["model"] == "ok"
    assert answers[0]["rows"] == 500
    assert answers[0]["records"] == {"read": 500, "parsed": 500, "rejected": {}, "header_rows": 0}
    assert list(answers[0]["features"]) == ["distance", "carrier", "score"]
    assert all(set(feature) == MEASURES for feature in answers[0]["features"].values())
    assert answers[0]["features"]["carrier"]["ks"] is None


def test_several_paths_add_up(tmp_path: Path, reference_file: Path) -> None:
    rows = table(600, 2)
    for at in range(3):
        part = tmp_path / f"captured/{at}"
        part.mkdir(parents=True)
        (part / "file.jsonl").write_text(capture_rows(rows[at * 200 : at * 200 + 200]))
        rows[at * 200 : at * 200 + 200].write_csv(tmp_path / f"{at}.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    expected = run_check(reference_file, tmp_path / "rows.parquet")
    assert run_check(reference_file, tmp_path / "captured") == expected
    assert run_check(reference_file, *(tmp_path / f"{at}.csv" for at in range(3))) == expected
    mixed = run("check", "--reference", reference_file, tmp_path / "captured", tmp_path / "0.csv")
    assert "cannot be checked together" in str(mixed.exception)


def test_objects_in_s3_are_read_by_key_and_by_prefix(tmp_path: Path, reference_file: Path, bucket: Any) -> None:
    rows = table(200, 2)
    rows.write_csv(tmp_path / "rows.csv")
    expected = run_check(reference_file, tmp_path / "rows.csv")
    for key, part in (("cfg/e/v/2013/05/14/12/a.jsonl", rows[:100]), ("cfg/e/v/2013/05/14/13/b.jsonl", rows[100:])):
        bucket.put_object(Bucket="capture", Key=key, Body=capture_rows(part).encode())
    bucket.put_object(Bucket="capture", Key="cfg-other/c.jsonl", Body=b"never read")
    bucket.put_object(Bucket="capture", Key="cfg/readme.txt", Body=b"never read")
    assert run_check(reference_file, "s3://capture/cfg") == expected
    assert run_check(reference_file, "s3://capture/cfg/") == expected
    assert (
        run_check(reference_file, *(f"s3://capture/cfg/e/v/2013/05/14/{name}" for name in ("12/a.jsonl", "13")))
        == expected
    )
    missing = run("check", "--reference", reference_file, "s3://capture/nothing")
    assert isinstance(missing.exception, UserError)
    assert "no object under s3://capture/nothing" in str(missing.exception)
    assert "download s3://b/t.csv first" in str(run("check", "--reference", reference_file, "s3://b/t.csv").exception)


@pytest.mark.parametrize(
    ("rows", "shift", "code", "verdict"),
    [(500, 0.0, 0, "ok"), (2000, 0.37, 3, "warning"), (500, 1.5, 4, "drift"), (20, 0.0, 5, "insufficient data")],
)
def test_the_exit_code_tells_the_verdict(
    tmp_path: Path, reference_file: Path, rows: int, shift: float, code: int, verdict: str
) -> None:
    table(rows, 4, shift).write_csv(tmp_path / "rows.csv")
    assert run_check(reference_file, tmp_path / "rows.csv")[0] == code
    shown = run("check", "--reference", reference_file, tmp_path / "rows.csv")
    assert shown.exit_code == code
    assert shown.stdout.startswith(f"model: {verdict}")


def test_a_table_without_a_feature_is_invalid_and_without_the_score_is_judged(
    tmp_path: Path, reference_file: Path
) -> None:
    rows = table(500, 2)
    rows.drop("carrier").write_csv(tmp_path / "rows.csv")
    code, told = run_check(reference_file, tmp_path / "rows.csv")
    assert (code, told["model"], told["features"]["carrier"]["verdict"]) == (6, "invalid", "invalid")
    rows.drop("score").with_columns(note=pl.lit("ignored")).write_csv(tmp_path / "rows.csv")
    code, told = run_check(reference_file, tmp_path / "rows.csv")
    assert (code, told["model"]) == (0, "ok")
    assert told["features"]["score"]["verdict"] == "insufficient data"


def test_a_feature_that_turned_into_text_is_invalid(tmp_path: Path, reference_file: Path) -> None:
    table(500, 2).with_columns(distance=pl.lit("far")).write_csv(tmp_path / "rows.csv")
    code, told = run_check(reference_file, tmp_path / "rows.csv")
    assert (code, told["rows"], told["records"]) == (
        6,
        0,
        {"read": 500, "parsed": 0, "rejected": {"not_a_number": 500}, "header_rows": 0},
    )


def test_rejects_are_shown_by_reason_with_up_to_three_places(tmp_path: Path, reference_file: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(capture_rows(table(500, 2)) + "secret-7\n" * 5 + '{"secret')
    result = run("check", "--reference", reference_file, path)
    lines = result.stdout.splitlines()
    at = lines.index("records: 506 read = 500 parsed + 6 rejected")
    assert lines[at - 1] == "rows: 500 judged"
    assert lines[at + 1] == "  not_json: 5"
    assert lines[at + 2].startswith("    the line is not JSON")
    assert all(line.startswith(f"    {path}, byte ") for line in lines[at + 3 : at + 6])
    assert lines[at + 6] == "  truncated: 1"
    assert len(lines) == at + 9
    assert "secret" not in result.output
    table(500, 2).with_columns(
        distance=pl.when(pl.int_range(500) == 7).then(pl.lit("x")).otherwise("distance")
    ).write_csv(tmp_path / "rows.csv")
    assert ", column distance" in run("check", "--reference", reference_file, tmp_path / "rows.csv").stdout


def test_a_table_tells_what_moved(tmp_path: Path, reference_file: Path) -> None:
    table(500, 2, 1.5).write_csv(tmp_path / "rows.csv")
    shown = run("check", "--reference", reference_file, tmp_path / "rows.csv").stdout.splitlines()
    assert shown[0] == "model: drift, 1 of 3 features drift"
    assert shown[2].split()[:2] == ["distance", "drift"]
    assert "of its values were below" in shown[2]


def test_the_report_is_written_as_a_page(tmp_path: Path, reference_file: Path) -> None:
    table(500, 2, 1.5).write_csv(tmp_path / "rows.csv")
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for path in pages:
        assert run_check(reference_file, tmp_path / "rows.csv", "--html", path)[0] == 4
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert "▲ drift" in pages[0].read_text()
    title = f"<title>Drift report: drift · rows.csv against {reference_file.name}</title>"
    assert title in pages[0].read_text()
    (tmp_path / "more").mkdir()
    table(500, 2, 1.5).write_csv(tmp_path / "more" / "other.csv")
    both = [tmp_path / "rows.csv", tmp_path / "more" / "other.csv"]
    assert run_check(reference_file, *both, "--html", pages[1])[0] == 4
    assert f"rows.csv and 1 more against {reference_file.name}</title>" in pages[1].read_text()
    assert run_check(reference_file, tmp_path / "rows.csv", "--html", tmp_path / "out" / "new" / "c.html")[0] == 4
    assert (tmp_path / "out" / "new" / "c.html").read_bytes() == pages[0].read_bytes()
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "a.html"
    assert str(run("check", "--reference", reference_file, tmp_path / "rows.csv", "--html", below).exception) == (
        f"cannot write {below}: not a directory"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"schema": 2}', "has schema 2, but this tidewatch reads up to 1: upgrade tidewatch"),
        ("{}", "is not a reference"),
        ("not json", "is not a reference"),
    ],
)
def test_a_reference_that_cannot_be_read_is_refused(tmp_path: Path, training: Path, content: str, says: str) -> None:
    path = tmp_path / "reference.json"
    path.write_text(content)
    result = run("check", "--reference", path, training)
    assert isinstance(result.exception, InvalidReference)
    assert says in str(result.exception)


def test_what_is_not_there_is_named(tmp_path: Path, training: Path, reference_file: Path) -> None:
    (tmp_path / "nowhere").write_text("a file, below which nothing can be written")
    for arguments, says in (
        (("check", "--reference", "/nowhere.json", training), "cannot read /nowhere.json: no such file or directory"),
        (
            ("check", "--reference", reference_file, "/nowhere.csv"),
            "cannot read /nowhere.csv: no such file or directory",
        ),
        (
            ("check", "--reference", reference_file, "/nowhere.parquet"),
            "cannot read /nowhere.parquet: no such file or directory",
        ),
        (("check", "--reference", reference_file, "/nowhere.jsonl"), "/nowhere.jsonl is neither a file nor a folder"),
        (("reference", "/nowhere.csv", "-o", tmp_path / "r.json"), "cannot read /nowhere.csv: no such file"),
        (
            ("reference", training, "-o", tmp_path / "nowhere" / "r.json"),
            f"cannot write {tmp_path}/nowhere/r.json: not a directory",
        ),
    ):
        result = run(*arguments)
        assert isinstance(result.exception, UserError)
        assert says in str(result.exception)
        assert str(result.exception).count("/nowhere") == 1


def test_a_mistyped_column_is_guessed(tmp_path: Path, training: Path) -> None:
    result = run("reference", training, "-o", tmp_path / "r.json", "--score", "scores")
    assert isinstance(result.exception, InvalidTable)
    assert "did you mean 'score'" in str(result.exception)
    assert isinstance(result.exception, DriftError)


def test_a_long_check_shows_its_progress_on_a_terminal_only(
    tmp_path: Path, reference_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.jsonl").write_text(capture_rows(table(100, 2)))
    table(100, 2).write_csv(tmp_path / "rows.csv")
    monkeypatch.setattr(cli.progress, "SHOW_AFTER", -1.0)
    for name, says in (("rows.jsonl", "count records"), ("rows.csv", "count rows.csv")):
        assert run("check", "--reference", reference_file, tmp_path / name).stderr == ""
        monkeypatch.setenv("FORCE_COLOR", "1")
        result = run("check", "--reference", reference_file, tmp_path / name, "--json")
        monkeypatch.delenv("FORCE_COLOR")
        assert says in result.stderr
        assert json.loads(result.stdout)["model"] == "ok"


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "drift", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_itself_answers_with_exit_codes_and_sentences(tmp_path: Path, training: Path) -> None:
    reference_file = tmp_path / "r.json"
    done = command("reference", training, "-o", reference_file, "--score", "score")
    assert (done.returncode, done.stderr) == (0, "")
    table(500, 2, 1.5).write_csv(tmp_path / "rows.csv")
    done = command("check", "--reference", reference_file, tmp_path / "rows.csv", "--json")
    assert (done.returncode, json.loads(done.stdout)["model"], done.stderr) == (4, "drift", "")
    (tmp_path / "empty.jsonl").write_text("")
    assert command("check", "--reference", reference_file, tmp_path / "empty.jsonl").returncode == 5
    done = command("reference", tmp_path / "nothing.csv", "-o", reference_file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tidewatch: cannot read {tmp_path}/nothing.csv: no such file or directory\n"
    (tmp_path / "head.csv").write_text("a,b\n")
    done = command("reference", tmp_path / "head.csv", "-o", reference_file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tidewatch: the training data has no rows")
    assert command("check", tmp_path / "rows.csv").returncode == 2


def test_every_place_gives_the_same_exit_codes() -> None:
    codes = "0 ok, 3 warning, 4 drift, 5 insufficient data, 6 invalid, 1 an error, 2 wrong usage"
    assert codes in " ".join(run("check", "--help").stdout.split())
    assert codes in " ".join((ROOT / "README.md").read_text().split())
    assert codes.replace("0 ok", "0 is ok") in " ".join((ROOT / "docs" / "drift.md").read_text().split())


def test_a_few_texts_among_the_numbers_of_a_column_are_refused(tmp_path: Path, training: Path) -> None:
    header, *rows = training.read_text().splitlines()
    at = header.split(",").index("distance")
    cells = rows[3].split(",")
    rows[3] = ",".join([*cells[:at], "abc", *cells[at + 1 :]])
    broken = tmp_path / "broken.csv"
    broken.write_text("\n".join([header, *rows]))
    said = run("reference", broken, "-o", tmp_path / "reference.json")
    assert isinstance(said.exception, InvalidTable)
    assert "'distance' holds numbers except for 1 of" in str(said.exception)
    assert "'abc'" in str(said.exception)
    made = run("reference", broken, "-o", tmp_path / "reference.json", "--categorical", "distance")
    assert made.exit_code == 0
    assert "most values of distance occur once" in made.output


def test_columns_that_tell_rows_apart_and_nothing_else_are_named(tmp_path: Path) -> None:
    rows = [f"{at},{(at * 7919) % 100_003},{at % 7 / 2},u{at}" for at in range(300)]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join([",customer,x,user", *rows]))
    made = run("reference", data, "-o", tmp_path / "reference.json")
    assert made.exit_code == 0
    assert [line for line in made.output.splitlines() if line.startswith("note: ")] == [
        "note: Unnamed: 0 counts the rows up: is it the index of a data frame, or an id? "
        "--exclude 'Unnamed: 0' leaves it out",
        "note: no two rows share a value of customer, a whole number: is it an id? --exclude customer leaves it out",
        "note: most values of user occur once, so its drift cannot be measured: is it an id, or a time? "
        "--exclude user leaves it out",
    ]
    arguments = ["reference", data, "-o", tmp_path / "reference.json"]
    for name in ("Unnamed: 0", "customer", "user"):
        arguments += ["--exclude", name]
    assert "note" not in run(*arguments).output
    assert run("check", data, "--reference", tmp_path / "reference.json").exit_code == 0
    requests = tmp_path / "requests.jsonl"
    side = {"observedContentType": "text/csv", "mode": "INPUT", "data": data.read_text(), "encoding": "CSV"}
    event = {"eventId": "e", "inferenceTime": "2013-05-14T12:00:00Z"}
    requests.write_text(json.dumps({"captureData": {"endpointInput": side}, "eventMetadata": event}) + "\n")
    told = json.loads(run("check", "--json", requests, "--reference", tmp_path / "reference.json").stdout)
    assert told["records"] == {"read": 1, "parsed": 1, "rejected": {}, "header_rows": 1}


def test_codes_are_told_with_their_labels(tmp_path: Path) -> None:
    data, now, labels = (tmp_path / name for name in ("training.csv", "now.csv", "labels.csv"))
    data.write_text("store,n\n" + "".join(f"{17 + at % 2},{at}\n" for at in range(400)))
    now.write_text("store,n\n" + "".join(f"17,{at}\n" for at in range(400)))
    labels.write_text('column,value,label\nstore,17,"Lisbon, Baixa"\nstore,18.0,Porto\nstore,19,Faro\n')
    reference_file = tmp_path / "reference.json"
    assert "1: store" in run("reference", data, "-o", reference_file, "--labels", labels).output
    said = run("check", now, "--reference", reference_file, "--html", tmp_path / "page.html")
    assert said.exit_code == 4
    assert '"17: Lisbon, Baixa"' in " ".join(said.output.split())
    assert "18: Porto" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("value,label\n17,Lisbon\n", "give labels as a table of column, value and label"),
        ("column,value,label\nstore,17,\n", "does not hold a column, a value and a label"),
        ("column,value,label\nstore,17\n", "has a row that does not fit its header, at byte 19 (missing_columns)"),
        ("column,value,label\nstore,17,Lisbon\nstore,17,Porto\n", "two labels to the value '17' of 'store'"),
        (
            "column,value,label\nstor,17,Lisbon\n",
            "labels.csv gives labels to 'stor': the table has no column 'stor': did you mean 'store'?",
        ),
        ("column,value,label\ny,17,Lisbon\n", "'y', which is not a category feature; the category features are store"),
        (f"column,value,label\nstore,17,{'x' * 1001}\n", "a label of over 1000 characters"),
    ],
)
def test_labels_that_cannot_be_kept_are_refused(tmp_path: Path, table: str, says: str) -> None:
    (tmp_path / "training.csv").write_text("store,y\n" + "".join(f"{at % 9},0.{at}\n" for at in range(100)))
    (tmp_path / "labels.csv").write_text(table)
    arguments = ("-o", tmp_path / "reference.json", "--labels", tmp_path / "labels.csv", "--categorical", "store")
    said = run("reference", tmp_path / "training.csv", *arguments, "--score", "y")
    assert isinstance(said.exception, InvalidTable)
    assert says in str(said.exception)
    assert not (tmp_path / "reference.json").exists()


def test_labels_in_another_coding_or_without_a_row_s_place_are_told_where(tmp_path: Path, training: Path) -> None:
    labels = tmp_path / "labels.csv"
    arguments = ("reference", training, "-o", tmp_path / "r.json", "--labels", labels)
    for content, says in (
        ("column,value,label\ncarrier,AA,Málaga\n".encode("latin-1"), "labels.csv is not UTF-8 at byte 19: save it as"),
        (
            b"column,value,label\ncarrier,AA,Lisbon, Baixa\n",
            "labels.csv has a row that does not fit its header, at byte 19",
        ),
    ):
        labels.write_bytes(content)
        assert says in str(run(*arguments).exception)


def test_a_name_or_a_label_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    data, labels, reference_file = (tmp_path / name for name in ("training.csv", "labels.csv", "r.json"))
    told = {"1": "None", "2": "NA", "3": "TRUE", "4": "5.0", "5": "2026-11-01 10:00:00"}
    data.write_text("NaN,n\n" + "".join(f"{1 + at % 5},{at}.5\n" for at in range(200)))
    rows = "".join(f"NaN,{value}.0,{text}\n" for value, text in told.items())
    for form in ("csv", "parquet"):
        labels.write_text(f"column,value,label\n{rows}")
        if form == "parquet":
            pl.read_csv(labels, infer_schema=False).write_parquet(labels := tmp_path / "labels.parquet")
        assert run("reference", data, "-o", reference_file, "--labels", labels).exit_code == 0
        feature = json.loads(reference_file.read_bytes())["features"][0]
        assert dict(zip(feature["values"], feature["labels"], strict=True)) == told


@pytest.mark.parametrize(
    ("values", "labelled", "why"),
    [
        (9, "x", "it has none of the values in {}, the first of them 'x'"),
        (250, "1", "it has more than 200 values, so all are kept hashed"),
        (150, "1", "a value that fewer than 20 rows hold is kept hashed"),
        (60, "59", "only its 50 most frequent values have one"),
    ],
)
def test_a_column_that_no_label_fits_is_told(tmp_path: Path, values: int, labelled: str, why: str) -> None:
    data, labels, reference_file = (tmp_path / name for name in ("training.csv", "labels.csv", "r.json"))
    data.write_text("store,n\n" + "".join(f"{at % values},{at}.5\n" for at in range(1300)))
    labels.write_text(f"column,value,label\nstore,{labelled},Lisbon\n")
    made = run("reference", data, "-o", reference_file, "--labels", labels)
    assert f"note: no label of store is kept: {why.format(labels)}" in made.output.splitlines()
    assert "labels" not in json.loads(reference_file.read_bytes())["features"][0]


def test_nothing_that_is_read_is_written_over(tmp_path: Path, training: Path, reference_file: Path) -> None:
    labels, linked, captures = tmp_path / "labels.csv", tmp_path / "report.html", tmp_path / "captured"
    labels.write_text("column,value,label\ncarrier,AA,American\n")
    linked.symlink_to(training)
    captures.mkdir()
    (captures / "a.jsonl").write_text(capture_rows(table(60, 2)))
    before = {path: path.read_bytes() for path in (training, labels, reference_file, captures / "a.jsonl")}
    for arguments in (
        ("reference", training, "--labels", labels, "-o", labels),
        ("reference", training, "-o", linked),
        ("check", training, "--reference", reference_file, "--html", reference_file),
        ("check", training, "--reference", reference_file, "--html", training),
        ("check", training, "--reference", reference_file, "--html", linked),
        ("check", captures, "--reference", reference_file, "--html", captures / "a.jsonl"),
    ):
        said = run(*arguments)
        assert isinstance(said.exception, UserError), arguments
        assert "would be overwritten: give the re" in str(said.exception)
    assert {path: path.read_bytes() for path in before} == before
    for _ in range(2):
        assert run("check", captures, "--reference", reference_file, "--html", captures / "page.html").exit_code == 0


def test_a_table_that_is_named_again_is_counted_once(tmp_path: Path, training: Path, reference_file: Path) -> None:
    (tmp_path / "linked.csv").symlink_to(training)
    for paths in ([training, training], [training, tmp_path / "linked.csv"], [training, f"{tmp_path}/./train.csv"]):
        assert run_check(reference_file, *paths)[1]["records"]["read"] == 1000
    folder = tmp_path / "now"
    folder.mkdir()
    table(100, 1).write_parquet(folder / "part-0.parquet")
    table(100, 2).write_parquet(folder / "part-1.parquet")
    assert run_check(reference_file, folder, folder / "part-0.parquet")[1]["records"]["read"] == 200


def test_an_empty_argument_is_refused(tmp_path: Path, reference_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run("check", "--reference", reference_file, "")
    assert isinstance(said.exception, UserError)
    assert "a PATH is empty" in str(said.exception)


def test_the_training_data_is_not_overwritten(training: Path) -> None:
    before = training.read_bytes()
    said = run("reference", training, "-o", training)
    assert isinstance(said.exception, UserError)
    assert "give the reference another name" in str(said.exception)
    assert training.read_bytes() == before


def test_a_table_of_another_format_is_not_read_as_captured_records(tmp_path: Path, reference_file: Path) -> None:
    (tmp_path / "rows.tsv").write_text("distance\tcarrier\n1\tAA\n")
    said = run("check", "--reference", reference_file, tmp_path / "rows.tsv")
    assert "save them as .csv or .parquet" in str(said.exception)


def capture_answers(frame: pl.DataFrame, answer: Callable[[float], object]) -> str:
    """The rows as SageMaker captures them, each with this answer in JSON."""
    lines = [json.loads(line) for line in capture_rows(frame).splitlines()]
    for line, score in zip(lines, frame["score"].to_list(), strict=True):
        line["captureData"]["endpointOutput"] |= {
            "observedContentType": "application/json", "data": json.dumps(answer(score)), "encoding": "JSON",
        }  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        (lambda score: {"predictions": [{"score": score, "predicted_label": 0}]}, ()),
        (lambda score: {"score": score, "model_version": 7}, ()),
        (lambda score: {"p": score, "model_version": 7}, ("--score-output", "p")),
        (lambda score: [1 - score, score], ("--score-output", "1")),
        (lambda score: [1 - score, score], ("--score-output", "-1")),
    ],
)
def test_training_rows_are_ok_however_an_answer_names_their_score(
    tmp_path: Path, answer: Callable[[float], object], options: tuple[str, ...]
) -> None:
    rows = table(300, 1)
    rows.write_parquet(tmp_path / "training.parquet")
    made = run("reference", tmp_path / "training.parquet", "-o", tmp_path / "r.json", "--score", "score", *options)
    assert made.exit_code == 0, made.output
    (tmp_path / "now.jsonl").write_text(capture_answers(rows, answer))
    told = json.loads(run("check", tmp_path / "now.jsonl", "--reference", tmp_path / "r.json", "--json").stdout)
    assert (told["model"], told["records"]["parsed"]) == ("ok", 300)
    assert told["features"]["score"]["psi"] < 0.01


def test_a_place_of_the_score_without_a_score_is_refused(tmp_path: Path) -> None:
    table(30, 1).write_parquet(tmp_path / "training.parquet")
    made = run("reference", tmp_path / "training.parquet", "-o", tmp_path / "r.json", "--score-output", "1")
    assert isinstance(made.exception, UserError)
    assert "needs --score COLUMN" in str(made.exception)
