"""What is said of columns when a reference is made."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tidewatch.drift.tables import ArrayTable, open_table
from tidewatch.drift.training.table_reference import build_reference_from_table


def collect_notes(columns: dict[str, list[object]], score: str | None = None) -> list[str]:
    found: list[str] = []
    build_reference_from_table(ArrayTable(columns), score=score, note=found.append)
    return found


@pytest.mark.parametrize("name", ["customer", " customer", "it's 7", "two\nlines", "a\x1b[31mb\\", "bell\x07's"])
def test_the_option_that_leaves_a_column_out_works_as_it_is_printed(name: str) -> None:
    (said,) = collect_notes({name: list(range(100)), "x": [0.5, 1.5] * 50})
    option = said[said.index("--exclude") : said.index(" leaves it out")]
    assert option.isprintable()
    told = subprocess.run(["bash", "-c", f"printf '%s|' {option}"], capture_output=True, check=True)
    assert told.stdout.decode() == f"--exclude|{name}|"


@pytest.mark.parametrize("word", ["?", "-", "missing", "none"])
@pytest.mark.parametrize("share", [5, 2])
def test_a_word_beside_numbers_is_told(word: str, share: int) -> None:
    (said,) = collect_notes({"age": [word, *["41", "42.5", "43", "44"][: share - 1]] * 40})
    assert said == (
        f"age holds numbers except for {1 / share:.1%} of its values, the first {word!r}, so it became a category: if "
        "this means a missing value, empty those cells"
    )


def test_most_numbers_beside_several_words_are_told_and_codes_are_not() -> None:
    assert "for 40.0% of its values, the first 'XL'" in collect_notes({"size": ["XL", "41", "42", "S", "40"] * 40})[0]
    assert collect_notes({"code": ["A1", "17", "B2", "C3"] * 40}) == []
    assert collect_notes({"kind": ["a", "b"] * 40}) == []


@pytest.mark.parametrize("word", ["\\N", "NaT", "NAN", "Null"])
def test_words_of_databases_for_no_value_are_missing_numbers(tmp_path: Path, word: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,x\n" + f"41,1\n{word},2\n" * 50)
    found: list[str] = []
    made = build_reference_from_table(open_table(path), note=found.append)
    assert (made.features[0].missing, found) == (50, [])


@pytest.mark.parametrize(
    "dates",
    [
        ["2026-11-01", "2026-11-02"],
        ["2026-11-01 10:00:00", "2026-11-01T11:00:00.5Z"],
        ["01/11/2026", "2.11.2026"],
        ["2026-11", "2026-12"],
    ],
)
def test_dates_are_told(dates: list[object]) -> None:
    (said,) = collect_notes({"booked on": dates * 40})
    assert said.startswith("booked on holds dates, and all later dates will be new")
    assert said.endswith(f"or --exclude {shlex.quote('booked on')} leaves it out")
    assert collect_notes({"hour": ["10:00:00", "11:00:00"] * 40, "stay": ["2 days", "3 days"] * 40}) == []


def test_a_score_without_any_value_is_told() -> None:
    (said,) = collect_notes({"x": [0.5, 1.5] * 40, "y": [None] * 80}, score="y")
    assert said.startswith("the score y has no value in any row, so answers cannot be compared")
