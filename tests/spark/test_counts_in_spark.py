"""A million captured records, counted in this process and by Spark's tasks: the counts are identical."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.drift import dataset
from tests.spark import irregular_records
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.capture.source import list_capture_files, open_file
from tidewatch.drift import profile
from tidewatch.drift.counting import spark as in_spark
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.training.reference_builder import build_reference

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Spark asks for pandas before mapInArrow, and does nothing with it.
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


@pytest.fixture(scope="module")
def reference() -> Reference:
    trained = dataset.draw_training_rows()
    numbers = {name: trained.numeric[:, at] for at, name in enumerate(dataset.NUMERIC)}
    named = {
        name: [values[code] for code in trained.codes[:, at].tolist()]
        for at, (name, values) in enumerate(dataset.CATEGORIES.items())
    }
    return build_reference({**numbers, **named}, score=(dataset.SCORE, trained.score))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Emptied afterwards: pytest keeps the folders of the last three runs."""
    made = tmp_path / "captured"
    made.mkdir()
    yield made
    for file in made.iterdir():
        file.unlink()


def count_locally(folder: Path, reference: Reference) -> Profile:
    counting = create_counter(reference)
    for file in list_capture_files([folder]):
        with open_file(file) as stream:
            for block in read_blocks(stream):
                counting.count(block, file.name)
    return counting.profile()


def there(spark: SparkSession, folder: Path, reference: Reference) -> list[Profile]:
    """The profile of each of Spark's tasks."""
    lines = spark.read.text(str(folder), lineSep="\n")
    rows = lines.mapInArrow(in_spark.build_partition_counter(reference.encode()), in_spark.ARROW_SCHEMA).collect()
    return [profile.decode_profile(bytes(row.profile), "Spark") for row in rows]


def without_places(counted: Profile) -> Profile:
    """A task knows no file, so that only the examples of rejected records differ."""
    return replace(counted, accounting=replace(counted.accounting, examples=()))


def test_a_million_records_have_identical_counts_in_spark(
    spark: SparkSession, folder: Path, reference: Reference
) -> None:
    rejected = irregular_records.write(folder)
    one, tasks = count_locally(folder, reference), there(spark, folder, reference)
    assert len(tasks) > 4 * len(irregular_records.FILES)
    both = profile.sum_profiles(reference, tasks)
    assert one.accounting.read == 1_000_000
    assert one.accounting.rejected_total == rejected
    assert len(one.accounting.rejected) >= 10
    assert one.rows > one.accounting.parsed
    assert without_places(both).encode() == without_places(one).encode()


def test_a_last_line_that_is_cut_off_is_rejected_there_for_another_reason(
    spark: SparkSession, folder: Path, reference: Reference
) -> None:
    whole = b"".join(dataset.generate_lines(100))
    (folder / "cut.jsonl").write_bytes(whole[:-40])
    one, both = count_locally(folder, reference), profile.sum_profiles(reference, there(spark, folder, reference))
    assert one.accounting.rejected == {RejectReason.TRUNCATED: 1}
    assert both.accounting.rejected == {RejectReason.NOT_JSON: 1}
    assert [each.tolist() for each in both.counts] == [each.tolist() for each in one.counts]


def test_an_empty_folder_has_no_counts(spark: SparkSession, folder: Path, reference: Reference) -> None:
    (folder / "empty.jsonl").touch()
    assert profile.sum_profiles(reference, there(spark, folder, reference)) == Profile.empty(reference)
