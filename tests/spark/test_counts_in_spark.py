"""A million captured records, counted in this process and by Spark's tasks: the counts are identical."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.drift import data
from tests.spark import odd_records
from tidewatch.capture.lines import blocks
from tidewatch.capture.reasons import Reason
from tidewatch.capture.source import files_under, open_local
from tidewatch.drift import profile
from tidewatch.drift import spark as in_spark
from tidewatch.drift.counting import counter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.training import build

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Spark asks for pandas before mapInArrow, and does nothing with it.
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


@pytest.fixture(scope="module")
def reference() -> Reference:
    trained = data.training()
    numbers = {name: trained.numeric[:, at] for at, name in enumerate(data.NUMERIC)}
    named = {
        name: [values[code] for code in trained.codes[:, at].tolist()]
        for at, (name, values) in enumerate(data.CATEGORIES.items())
    }
    return build({**numbers, **named}, score=(data.SCORE, trained.score))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Emptied afterwards: pytest keeps the folders of the last three runs."""
    made = tmp_path / "captured"
    made.mkdir()
    yield made
    for file in made.iterdir():
        file.unlink()


def here(folder: Path, reference: Reference) -> Profile:
    counting = counter(reference)
    for file in files_under([folder]):
        with open_local(file) as stream:
            for block in blocks(stream):
                counting.count(block, file.name)
    return counting.profile()


def there(spark: SparkSession, folder: Path, reference: Reference) -> list[Profile]:
    """The profile of each of Spark's tasks."""
    lines = spark.read.text(str(folder), lineSep="\n")
    rows = lines.mapInArrow(in_spark.counts(reference.encode()), in_spark.SCHEMA).collect()
    return [profile.decode(bytes(row.profile), "Spark") for row in rows]


def without_places(counted: Profile) -> Profile:
    """A task knows no file, so that only the examples of rejected records differ."""
    return replace(counted, accounting=replace(counted.accounting, examples=()))


def test_a_million_records_have_identical_counts_in_spark(
    spark: SparkSession, folder: Path, reference: Reference
) -> None:
    rejected = odd_records.write(folder)
    one, tasks = here(folder, reference), there(spark, folder, reference)
    assert len(tasks) > 4 * len(odd_records.FILES)
    both = profile.total(reference, tasks)
    assert one.accounting.read == 1_000_000
    assert one.accounting.rejected_total == rejected
    assert len(one.accounting.rejected) >= 10
    assert one.rows > one.accounting.parsed
    assert without_places(both).encode() == without_places(one).encode()


def test_a_last_line_that_is_cut_off_is_rejected_there_for_another_reason(
    spark: SparkSession, folder: Path, reference: Reference
) -> None:
    whole = b"".join(data.lines(100))
    (folder / "cut.jsonl").write_bytes(whole[:-40])
    one, both = here(folder, reference), profile.total(reference, there(spark, folder, reference))
    assert one.accounting.rejected == {Reason.TRUNCATED: 1}
    assert both.accounting.rejected == {Reason.NOT_JSON: 1}
    assert [each.tolist() for each in both.counts] == [each.tolist() for each in one.counts]


def test_an_empty_folder_has_no_counts(spark: SparkSession, folder: Path, reference: Reference) -> None:
    (folder / "empty.jsonl").touch()
    assert profile.total(reference, there(spark, folder, reference)) == Profile.empty(reference)
