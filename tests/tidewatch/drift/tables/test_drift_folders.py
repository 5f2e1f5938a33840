"""Folders of tables as Spark writes them, and Parquet that is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from tidewatch.drift.counting.table_counter import count_table
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.tables import is_table, open_table
from tidewatch.drift.training.table_reference import build_reference_from_table

FRAME = pl.DataFrame({"x": [0.5, 1.5, 2.5, 3.5], "kind": ["a", "b", "a", "b"]})


def by_spark(folder: Path) -> Path:
    """Parts with their checksums, the mark of success, and what a task that failed left behind."""
    (folder / "_temporary/0").mkdir(parents=True)
    for at in range(2):
        FRAME[at * 2 : at * 2 + 2].write_parquet(folder / f"part-0000{at}.snappy.parquet")
        (folder / f".part-0000{at}.snappy.parquet.crc").write_bytes(b"crc")
    FRAME.write_parquet(folder / "_temporary/0/part-00002.snappy.parquet")
    (folder / "_SUCCESS").write_bytes(b"")
    return folder


@pytest.mark.parametrize("name", ["train.parquet", "train", "run=7/a[1]"])
def test_a_folder_that_spark_wrote_is_one_table(tmp_path: Path, name: str) -> None:
    FRAME.write_parquet(tmp_path / "one.parquet")
    folder = by_spark(tmp_path / name)
    assert is_table(str(folder))
    made = build_reference_from_table(open_table(folder))
    assert made.digest == build_reference_from_table(open_table(tmp_path / "one.parquet")).digest
    told: list[tuple[int, int]] = []
    found = count_table(open_table(folder), made, str(folder), lambda done, size: told.append((done, size)))
    assert found.profile.rows == 4
    assert told[-1][0] == told[-1][1]


def test_the_parts_of_a_partitioned_folder_have_its_keys_as_columns(tmp_path: Path) -> None:
    folder = tmp_path / "run=7/train.parquet"
    for month in (1, 2):
        (folder / f"month={month}").mkdir(parents=True)
        FRAME.write_parquet(folder / f"month={month}/part.parquet")
    table = open_table(folder.rename(tmp_path / "run=7/train"))
    assert set(table.names) == {"x", "kind", "month"}
    assert build_reference_from_table(table).rows == 8


def test_a_folder_of_captured_records_is_no_table_though_parquet_lies_by(tmp_path: Path) -> None:
    by_spark(tmp_path / "elsewhere")
    assert not is_table(str(tmp_path))
    FRAME.write_parquet(tmp_path / "beside.parquet")
    assert is_table(str(tmp_path))
    (tmp_path / "records.jsonl").write_text("{}")
    assert not is_table(str(tmp_path))


def test_folders_without_a_table_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "train.csv").mkdir()
    (tmp_path / "train.csv/part-0.csv").write_text("a,b\n1,2\n")
    (tmp_path / "train.parquet").mkdir()
    with pytest.raises(InvalidTable, match="join parts of CSV under one header, or write them as Parquet"):
        open_table(tmp_path / "train.csv")
    with pytest.raises(InvalidTable, match=r"a folder without a \.parquet file"):
        open_table(tmp_path / "train.parquet")


@pytest.mark.parametrize(("from_end", "byte"), [(220, 103), (576, 31), (40, 255)])
def test_a_damaged_footer_is_told_in_a_sentence_alone(
    tmp_path: Path, from_end: int, byte: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1, 2, 3], "k": ["a", "b", None], "d": [1.5, None, 2.5]}).write_parquet(path)
    raw = bytearray(path.read_bytes())
    raw[-from_end] = byte
    path.write_bytes(raw)
    with pytest.raises(InvalidTable, match=r"t\.parquet cannot be read as Parquet: .*; write it again"):
        open_table(path)
    assert capfd.readouterr().err == ""
    os.write(2, b"open again")
    assert capfd.readouterr().err == "open again"


def test_a_file_whose_name_is_a_pattern_is_itself(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "t[1].parquet")
    assert open_table(tmp_path / "t[1].parquet").names == ("x", "kind")
