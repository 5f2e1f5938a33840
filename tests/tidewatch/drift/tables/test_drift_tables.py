from __future__ import annotations

import csv
import gzip
import io
import math
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.capture.parsing import parse_category, parse_number
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.drift.counting.table_counter import TableCounts, count_table
from tidewatch.drift.errors import InvalidTable, InvalidTraining
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference, hash_value
from tidewatch.drift.statistics import Verdict, judge_profile
from tidewatch.drift.tables import ArrayTable, is_table, open_table
from tidewatch.drift.tables.table_batches import CategoryReader, read_numeric_column
from tidewatch.drift.training.table_reference import build_reference_from_table

TRAINING = "a,b,kind,score\n1,0.5,x,0.1\n2,,y,0.2\n3,1.5,x,0.3\n4,2.5,NA,0.4\n"


@pytest.fixture
def trained_reference(tmp_path: Path) -> Reference:
    return build_reference_from_table(open_table(write_table(tmp_path, TRAINING, "train.csv")), score="score")


def write_table(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def hash_values(feature: CategoryFeature, *values: str) -> list[str]:
    """What a reference keeps of values that few rows have."""
    return [hash_value(value, feature.salt) for value in values]


def count_rows(folder: Path, content: str | bytes, trained: Reference, name: str = "rows.csv") -> TableCounts:
    return count_table(open_table(write_table(folder, content, name)), trained, name)


def read_rejections(found: TableCounts) -> dict[str, int]:
    account = found.profile.accounting
    assert account.read == account.parsed + account.rejected_total
    assert account.parsed == found.profile.rows
    return {str(reason): number for reason, number in account.rejected.items()}


def places(found: TableCounts) -> list[tuple[str, int, str | None]]:
    return [(each.reason, each.offset, each.column) for each in found.profile.accounting.examples]


def test_a_reference_tells_numbers_from_categories_and_keeps_the_order_of_the_columns(
    trained_reference: Reference,
) -> None:
    assert trained_reference.rows == 4
    assert trained_reference.columns == ("a", "b", "kind")
    assert [type(one) for one in trained_reference.features] == [NumericFeature, NumericFeature, CategoryFeature]
    assert [one.missing for one in trained_reference.features] == [0, 1, 1]
    assert trained_reference.score is not None
    assert trained_reference.score.name == "score"


def test_the_same_rows_give_the_same_reference_from_csv_gzip_parquet_and_arrays(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.5, None, 4.0], "k": ["x", "y", None, "x"], "s": [0.1, 0.2, 0.3, 0.4]})
    text = frame.write_csv()
    frame.write_parquet(tmp_path / "t.parquet")
    paths = [
        write_table(tmp_path, text, "t.csv"),
        write_table(tmp_path, gzip.compress(text.encode()), "t.csv.gz"),
        write_table(tmp_path, "\ufeff" + text.replace("\n", "\r\n"), "dos.csv"),
        write_table(tmp_path, text.replace("x", '"x"'), "quoted.CSV"),
        tmp_path / "t.parquet",
    ]
    digests = {build_reference_from_table(open_table(path), score="s").digest for path in paths}
    arrays = {"a": np.array([1.0, 2.5, np.nan, 4.0]), "k": ["x", "y", None, "x"], "s": np.array([0.1, 0.2, 0.3, 0.4])}
    digests.add(build_reference_from_table(ArrayTable(arrays), score="s").digest)
    assert len(digests) == 1


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    frame = pl.DataFrame({"": [0, 1, 2], "x": [0.5, 1.5, 2.5]})
    frame.write_parquet(tmp_path / "t.parquet")
    paths = [tmp_path / "t.parquet", write_table(tmp_path, frame.write_csv(), "t.csv")]
    assert {build_reference_from_table(open_table(path)).columns for path in paths} == {("Unnamed: 0", "x")}
    assert len({build_reference_from_table(open_table(path)).digest for path in paths}) == 1


def test_excluded_columns_are_no_features_but_stay_columns(tmp_path: Path) -> None:
    made = build_reference_from_table(open_table(write_table(tmp_path, TRAINING)), score="score", exclude=["b"])
    assert made.columns == ("a", "b", "kind")
    assert [one.name for one in made.features] == ["a", "kind"]


def test_a_column_of_numbers_can_be_declared_categorical(tmp_path: Path) -> None:
    table = open_table(write_table(tmp_path, "zip,n\n3,1\n3.0,2\n04,3\n"))
    made = build_reference_from_table(table, categorical=["zip"]).features[0]
    assert isinstance(made, CategoryFeature)
    assert dict(zip(made.values, made.counts, strict=True)) == dict(
        zip(hash_values(made, "3", "04"), (2, 1), strict=True)
    )


def test_parquet_types_become_numbers_or_categories(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "f32": pl.Series([0.1, 0.2], dtype=pl.Float32),
            "int": [1, 2],
            "decimal": pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2)),
            "text": ["1", "2.5"],
            "bool": [True, False],
            "date": [date(2013, 1, 1), date(2013, 1, 2)],
            "enum": pl.Series(["u", "v"], dtype=pl.Categorical),
            "nothing": pl.Series([None, None], dtype=pl.Null),
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    made = {one.name: one for one in build_reference_from_table(open_table(tmp_path / "t.parquet")).features}
    numeric = {name for name, one in made.items() if isinstance(one, NumericFeature)}
    assert numeric == {"f32", "int", "decimal", "text"}
    f32 = made["f32"]
    assert isinstance(f32, NumericFeature)
    assert f32.edges[1] == (float(np.float32(0.1)) + float(np.float32(0.2))) / 2
    for name, values in (("bool", ("false", "true")), ("date", ("2013-01-01", "2013-01-02"))):
        feature = made[name]
        assert isinstance(feature, CategoryFeature)
        assert set(feature.values) == set(hash_values(feature, *values))


@pytest.mark.parametrize(
    ("content", "options", "error", "says"),
    [
        ("", {}, InvalidTable, "is empty"),
        ("a,b\n", {}, InvalidTraining, "no rows"),
        ("a,b,a\n1,2,3\n", {}, InvalidTable, "more than once: 'a'"),
        ("age,b\n1,2\n", {"score": "aeg"}, InvalidTable, "no column 'aeg': did you mean 'age'"),
        ("age,b\n1,2\n", {"exclude": ["zzz"]}, InvalidTable, "the columns are age, b"),
        ("a,s\n1,high\n", {"score": "s"}, InvalidTable, "the score 's' is not numeric: it holds 'high'"),
        ("a,b\n1,2\n1\n", {}, InvalidTable, r"at byte 8 \(missing_columns\)"),
        (
            "a,b\ninf,2\n1,3\n-Infinity,1\n",
            {},
            InvalidTraining,
            "'a' holds infinity, or a number near the largest possible, in 2 rows",
        ),
        ("a,b\n1,2\n", {"exclude": ["a", "b"]}, InvalidTable, "no column is left"),
        ("a;b\n1;2\n", {}, InvalidTable, "separates its columns by ';'"),
        ("a,b\n1,2\n".encode("utf-16"), {}, InvalidTable, "is not UTF-8 at byte 0: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), {}, InvalidTable, "zero bytes, like UTF-16 text: save it as UTF-8"),
        (
            "a,b\n1,é\n".encode("latin-1"),
            {},
            InvalidTable,
            "the training data is not UTF-8 at byte 4: save it as UTF-8",
        ),
        (b'a,"b\n1,2\n', {}, InvalidTable, "does not start with a CSV header"),
        ("\na,b\n1,2\n", {}, InvalidTable, "blank first line in place of the header: start with the header"),
        ("2019,2020\n5,6\n", {}, InvalidTable, "or give the columns names that are not numbers"),
        ("sep=,\na,b\n1,2\n", {}, InvalidTable, "starts with 'sep=,', a line that only Excel reads: remove that line"),
        ("sep=;\na;b\n1;2\n", {}, InvalidTable, "starts with 'sep=;', a line that only Excel reads"),
    ],
)
def test_training_data_that_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, content: str | bytes, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        build_reference_from_table(open_table(write_table(tmp_path, content)), **options)


def test_tables_that_are_none_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidTable, match="cannot be read as Parquet"):
        open_table(write_table(tmp_path, "no parquet", "t.parquet"))
    with pytest.raises(InvalidTable, match=r"tables end in \.csv"):
        open_table(write_table(tmp_path, "a\n1\n", "t.xlsx"))
    pl.DataFrame({"a": [[1, 2]], "b": [1]}).write_parquet(tmp_path / "nested.parquet")
    assert build_reference_from_table(open_table(tmp_path / "nested.parquet"), exclude=["a"]).rows == 1
    with pytest.raises(InvalidTable, match=r"'a' \(List\(Int64\)\)"):
        build_reference_from_table(open_table(tmp_path / "nested.parquet"))
    with pytest.raises(InvalidTable, match="the arrays are not a table"):
        ArrayTable({"a": [1, 2], "b": [1]})


def test_tables_are_known_by_their_names() -> None:
    assert [is_table(name) for name in ("a.csv", "A.CSV.GZ", "b.parquet", "c.jsonl", "d.jsonl.gz", "csv")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_rows_are_counted_and_every_reject_has_its_reason_place_and_column(
    tmp_path: Path, trained_reference: Reference
) -> None:
    content = (
        "score,kind,b,a,extra\n"
        "0.2,x,1,2,ignored\n"
        "0.2,x,1,abc,\n"  # 40
        "0.2,x,1e999,2,\n"
        "0.2,x\n"
        "\n"
        "0.2,x,1,2,3,4\n"
        "nan,None,NA,null,\n"
        " 0.2 , x, 1 ,+2.,\n"
        "0.2,x,1,true,"
    )
    found = count_rows(tmp_path, content, trained_reference)
    assert read_rejections(found) == {"not_a_number": 2, "not_finite": 1, "missing_columns": 1, "extra_columns": 1}
    assert found.profile.rows == 3
    assert found.absent_columns == frozenset()
    for reason, offset, column in places(found):
        line = content[offset:].split("\n", 1)[0]
        assert offset == 0 or content[offset - 1] == "\n"
        expected = {
            RejectReason.NOT_A_NUMBER: ("abc" in line or "true" in line) and column == "a",
            RejectReason.NOT_FINITE: "1e999" in line and column == "b",
            RejectReason.MISSING_COLUMNS: line == "0.2,x",
            RejectReason.EXTRA_COLUMNS: line.endswith("3,4"),
        }
        assert expected[RejectReason(reason)]
    missing = [int(counts[-1]) for counts in found.profile.counts]
    assert missing == [1, 1, 1, 1]
    kinds = found.profile.counts[2]
    assert kinds.tolist() == [1, 0, 0, 1, 1]  # "x" as it is, " x" unseen


def test_even_and_odd_blocks_are_counted_alike(tmp_path: Path, trained_reference: Reference) -> None:
    rows = "".join(f"{at % 7},{at / 3},{'xyz'[at % 3]},0.{at % 10}\n" for at in range(5000))
    head = "a,b,kind,score\n"
    even = count_rows(tmp_path, head + rows, trained_reference)
    odd = count_rows(tmp_path, head + rows + "1,2\n", trained_reference)
    quoted = count_rows(tmp_path, head + rows.replace("x", '"x"'), trained_reference)
    zipped = count_rows(tmp_path, gzip.compress((head + rows).encode()), trained_reference, "rows.csv.gz")
    assert even.profile.rows == 5000
    assert read_rejections(odd) == {"missing_columns": 1}
    assert places(odd) == [("missing_columns", len(head + rows), None)]
    for other in (odd, quoted, zipped):
        assert [each.tolist() for each in other.profile.counts] == [each.tolist() for each in even.profile.counts]


def test_bytes_that_are_no_text_and_quotes_that_never_close_cost_their_rows_only(
    tmp_path: Path, trained_reference: Reference
) -> None:
    head = b"a,b,kind,score\n1,2,x,0.1\n"
    found = count_rows(tmp_path, head + b"1,2,\xff\xfe,0.1\n1,2,y,0.1\n", trained_reference)
    assert read_rejections(found) == {"not_utf8": 1}
    assert found.profile.rows == 2
    found = count_rows(tmp_path, head + b'1,2,"y"z,0.1\n1,2,y,0.1\n1,2,"y,0.1\n', trained_reference)
    assert read_rejections(found) == {"bad_payload": 2}
    assert found.profile.rows == 2


def test_a_gzip_file_that_breaks_off_is_told(tmp_path: Path, trained_reference: Reference) -> None:
    whole = gzip.compress(TRAINING.encode() * 1, 0)
    found = count_rows(tmp_path, whole[:-12], trained_reference, "rows.csv.gz")
    assert read_rejections(found)["truncated"] == 1


def test_a_training_table_whose_gzip_breaks_off_is_to_be_copied_again(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 5000, 0)
    for cut in (len(whole) - 4000, 12):
        with pytest.raises(InvalidTable, match=r"breaks off at byte \d+: copy it, or write it, again"):
            build_reference_from_table(open_table(write_table(tmp_path, whole[:cut], "train.csv.gz")))


@pytest.mark.parametrize("blank", ["", "\r", '""', "NA"])
def test_an_empty_line_of_one_column_is_a_missing_value_but_at_the_end(tmp_path: Path, blank: str) -> None:
    lines = ["a", blank, "1", blank, blank, "2", *["3"] * 10_000]
    trained = build_reference_from_table(open_table(write_table(tmp_path, "\n".join(lines) + "\n\n\n")))
    assert (trained.rows, trained.features[0].missing) == (10_005, 3)
    found = count_rows(tmp_path, "a\n1\n" + f"2.{'0' * 60}\n" * 70_000 + f"{blank}\n3\n", trained)
    assert (found.profile.rows, found.profile.counts[0][-1]) == (70_003, 1)
    unnamed = open_table(write_table(tmp_path, f"{blank}\n1\n"), ["a"])
    assert build_reference_from_table(unnamed).features[0].missing == 1


def test_quoted_fields_may_hold_commas_newlines_and_quotes(tmp_path: Path) -> None:
    rows = [["city", "n"], ["New York, NY", "1"], ["two\nlines", "2"], ['a "b"', "3"]]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    made = build_reference_from_table(open_table(write_table(tmp_path, text.getvalue()))).features[0]
    assert isinstance(made, CategoryFeature)
    assert set(made.values) == set(hash_values(made, "New York, NY", "two\nlines", 'a "b"'))


def test_columns_that_a_table_lacks_are_told(tmp_path: Path, trained_reference: Reference) -> None:
    found = count_rows(tmp_path, "b,other\n1,2\n2,3\n", trained_reference)
    assert found.absent_columns == {"a", "kind", "score"}
    assert found.profile.rows == 2
    assert found.profile.counts[-1].sum() == 0


def test_rows_without_any_known_column_are_counted_all_the_same(tmp_path: Path, trained_reference: Reference) -> None:
    pl.DataFrame({"x": [1, 2], "y": [1, 2]}).write_parquet(tmp_path / "t.parquet")
    for table in (open_table(tmp_path / "t.parquet"), open_table(write_table(tmp_path, "x,y\n1,2\n3,4\n"))):
        found = count_table(table, trained_reference, "t")
        assert found.profile.accounting.read == 2
        assert len(found.absent_columns) == 4


def test_a_parquet_file_without_rows_has_none(tmp_path: Path, trained_reference: Reference) -> None:
    pl.DataFrame({"a": [1.0]}).clear().write_parquet(tmp_path / "t.parquet")
    assert count_table(open_table(tmp_path / "t.parquet"), trained_reference, "t", lambda *_: None).profile.rows == 0
    with pytest.raises(InvalidTraining, match="no rows"):
        build_reference_from_table(open_table(tmp_path / "t.parquet"))


def test_parquet_rows_are_rejected_by_what_they_hold(tmp_path: Path, trained_reference: Reference) -> None:
    frame = pl.DataFrame(
        {"a": ["1", "abc", None, "inf"], "b": [1.0, 2.0, float("nan"), 1.0], "kind": [1.0, 2.0, 3.0, 4.0]}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    found = count_table(open_table(tmp_path / "t.parquet"), trained_reference, "t.parquet")
    assert read_rejections(found) == {"not_a_number": 1, "not_finite": 1}
    assert places(found) == [("not_a_number", 1, "a"), ("not_finite", 3, "a")]
    frame.with_columns(a=pl.Series([True, False, True, None])).write_parquet(tmp_path / "t.parquet")
    found = count_table(open_table(tmp_path / "t.parquet"), trained_reference, "t.parquet")
    assert read_rejections(found) == {"not_a_number": 3}


def test_an_infinite_number_in_a_category_is_rejected(tmp_path: Path, trained_reference: Reference) -> None:
    pl.DataFrame({"a": [1, 2], "b": [1, 2], "kind": [float("inf"), 1.0]}).write_parquet(tmp_path / "t.parquet")
    found = count_table(open_table(tmp_path / "t.parquet"), trained_reference, "t.parquet")
    assert places(found) == [("not_finite", 0, "kind")]
    with pytest.raises(InvalidTable, match="'kind' holds infinity"):
        build_reference_from_table(open_table(tmp_path / "t.parquet"), categorical=["kind"])


def test_reading_tells_how_far_it_is(tmp_path: Path, trained_reference: Reference) -> None:
    path = write_table(tmp_path, TRAINING)
    pl.read_csv(path).write_parquet(tmp_path / "t.parquet")
    for each in (path, tmp_path / "t.parquet"):
        told: list[tuple[int, int]] = []
        count_table(open_table(each), trained_reference, "t", lambda done, size, told=told: told.append((done, size)))
        assert told[-1] == (each.stat().st_size, each.stat().st_size)


CELLS = st.one_of(
    st.sampled_from(["", "nan", "NaN", "NA", "null", "None", "inf", "-Infinity", "NAN", "1_0", "0x1", ".", "1."]),
    st.sampled_from([" 1", "1 ", "\t1", "+.5e-3", "1e999", "3.0", "-0.0", "١", "1e5.5", "e", "--1", "True", "9" * 20]),
    st.floats().map(repr),
    st.from_regex(r"[+-]?[0-9.]{1,4}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text(max_size=4),
)  # fmt: skip


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_columns_of_text_are_read_by_the_rules_of_captured_records(cells: list[str]) -> None:
    read = read_numeric_column(pl.Series(cells, dtype=pl.String))
    for at, cell in enumerate(cells):
        try:
            expected = parse_number(cell)
        except RecordRejected:
            assert read.is_invalid[at]
            continue
        assert not read.is_invalid[at]
        assert read.is_infinite[at] == math.isinf(expected)
        assert read.values[at] == expected or (math.isnan(expected) and math.isnan(read.values[at]))
    assert CategoryReader().read(pl.Series(cells, dtype=pl.String)) == [parse_category(cell) for cell in cells]


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_every_row_is_accounted_for_and_quoting_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], ending: str
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    trained = build_reference_from_table(ArrayTable({"a": [1.0, 2.0], "b": [1.0, 3.0], "kind": ["x", "y"]}))
    found: list[TableCounts] = []
    if "\r" not in ending:
        # Before Python 3.13 the writer leaves it without quotes then, and unquoted it ends a line.
        rows = [(a.replace("\r", ""), b.replace("\r", ""), kind.replace("\r", "")) for a, b, kind in rows]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator=ending).writerows([("a", "b", "kind"), *rows])
        content = text.getvalue().encode(errors="surrogatepass")
        found.append(count_rows(folder, content, trained))
    first, second = found
    assert first.profile.accounting.read == len(rows)
    assert read_rejections(first) == read_rejections(second)
    assert [each.tolist() for each in first.profile.counts] == [each.tolist() for each in second.profile.counts]


def test_nothing_of_the_drift_room_loads_polars_before_a_table_is_read() -> None:
    code = (
        "import sys, tidewatch.drift.training.table_reference, tidewatch.drift.reports.html_report; "
        "sys.exit('polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "content",
    [
        "-0.256,6.023,1.052\n1.113,6.089,0.455\n", "AA,1.5,2013-01-01\nUA,2.5,2013-01-02\n", "5,AA\n6,UA\n",
        "green,S\nred,L\ngreen,L\nred,S\n", "1,,2\n3,4,5\n", "2013,1\n2014,2\n", "0.5\n0.7\n",
    ],
)  # fmt: skip
def test_a_first_row_that_reads_as_data_is_refused_and_read_under_given_names(tmp_path: Path, content: str) -> None:
    path = write_table(tmp_path, content)
    with pytest.raises(InvalidTable, match="give --no-header NAMES"):
        open_table(path)
    names = [f"c{at}" for at in range(content.split("\n")[0].count(",") + 1)]
    table = open_table(path, names)
    assert table.names == tuple(names)
    assert sum(len(batch.starts) for batch in table.iter_batches(names)) == content.count("\n")
    with pytest.raises(InvalidTable, match="names are given for them"):
        open_table(path, [*names, "more"])


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n",
        "store,2019,2020\n5,1,2\n",
        "0,1,2\n5,6,7\n",
        ",0,1\n0,5,6\n",
        "colour,size\nred,S\n",
        "a,b\n",
        "a,b\nx,b\n",
    ],
)
def test_a_row_of_names_is_a_header_also_where_some_are_numbers(tmp_path: Path, content: str) -> None:
    names = content.split("\n")[0].split(",")
    assert open_table(write_table(tmp_path, content)).names == tuple(name or "Unnamed: 0" for name in names)


def test_names_are_for_csv_alone(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InvalidTable, match="remove --no-header"):
        open_table(tmp_path / "t.parquet", ["a"])


EMPTY, FLAGS = "x,note\n" + "1,\n2,N/A\n" * 20, "x,flag\n" + "1,0\n2,1\n" * 20
WORDS = FLAGS.replace(",0", ",false").replace(",1", ",true")


@pytest.mark.parametrize("note", ["call back", "7", "true", "inf", "2013-01-01"])
def test_a_column_that_was_empty_in_training_rejects_nothing_and_what_comes_is_new(tmp_path: Path, note: str) -> None:
    trained = build_reference_from_table(open_table(write_table(tmp_path, EMPTY, "train.csv")))
    found = count_rows(tmp_path, "x,note\n" + f"1,{note}\n2,{note}\n" * 40, trained)
    assert (found.profile.accounting.parsed, read_rejections(found)) == (80, {})
    by_name = {each.name: each for each in judge_profile(trained, found.profile).features}
    assert (by_name["x"].verdict, by_name["note"].verdict) == (Verdict.OK, Verdict.DRIFT)
    assert by_name["note"].reasons == (
        "100.0% of the rows have a value now, and training had none at all: its values are new",
    )


@pytest.mark.parametrize("yes", ["true", "TRUE", "True", "1.0", "1"])
@pytest.mark.parametrize("no", ["false", "FALSE", "False", "0.0", "0"])
@pytest.mark.parametrize(
    "training", [FLAGS, FLAGS.replace(",0", ",false").replace(",1", ",true")], ids=["digits", "words"]
)
def test_a_flag_is_one_value_in_every_spelling(tmp_path: Path, training: str, yes: str, no: str) -> None:
    trained = build_reference_from_table(open_table(write_table(tmp_path, training, "train.csv")))
    same = count_rows(tmp_path, training, trained).profile
    assert count_rows(tmp_path, "x,flag\n" + f"1,{no}\n2,{yes}\n" * 20, trained).profile == same


@pytest.mark.parametrize("training", [FLAGS, WORDS, FLAGS.replace("2,1\n", "2,1\n3,\n")], ids=["0/1", "words", "some"])
def test_flags_that_are_declared_categories_are_one_value_in_every_spelling(tmp_path: Path, training: str) -> None:
    trained = build_reference_from_table(open_table(write_table(tmp_path, training, "train.csv")), categorical=["flag"])
    told = [count_rows(tmp_path, content, trained).profile for content in (training, FLAGS, WORDS)]
    assert [profile.counts[1][:2].sum() for profile in told] == [40, 40, 40]
    assert told[1].counts[1].tolist() == told[2].counts[1].tolist()


def test_zeros_and_ones_beside_another_category_are_no_flags(tmp_path: Path) -> None:
    trained = build_reference_from_table(
        open_table(write_table(tmp_path, FLAGS + "1,2\n" * 20, "train.csv")), categorical=["flag"]
    )
    assert count_rows(tmp_path, "x,flag\n1,true\n", trained).profile.counts[1].tolist()[-2:] == [1, 0]


def test_a_third_value_makes_no_flags(tmp_path: Path) -> None:
    trained = build_reference_from_table(open_table(write_table(tmp_path, FLAGS + "1,2\n", "train.csv")))
    assert read_rejections(count_rows(tmp_path, "x,flag\n1,true\n", trained)) == {"not_a_number": 1}
