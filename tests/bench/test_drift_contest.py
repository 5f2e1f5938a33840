"""The contestants count the same, and what they measured becomes the figures."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from bench.drift import baseline, comparison, comparison_report, dataset, function_footprint, long_stream, ours
from bench.drift.comparison import Competitor, CountsDiffer, PeersMissing
from tidewatch.drift import reference as references
from tidewatch.drift.reference import Reference

ODD = (
    b"no json\n",
    b"\n",
    b'{"captureData":{"endpointInput":{"data":"","encoding":"CSV"},"endpointOutput":{"data":"0.5","encoding":"CSV"}}}\n',
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reference]:
    file = tmp_path_factory.mktemp("reference") / "reference.json"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dataset, "TRAINING_ROWS", 3_000)
        comparison.write_reference(file)
    return file, references.decode_reference(file.read_bytes(), "the test's")


@pytest.fixture(scope="module")
def captured_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset.provide_captured_file(2_500, tmp_path_factory.mktemp("captured"))


def test_the_baseline_pipeline_and_tidewatch_count_the_same(
    captured_file: Path, reference: tuple[Path, Reference]
) -> None:
    counted = ours.count_file(captured_file, reference[1])
    assert counted.accounting.parsed == 2_500
    assert counted.encode() == baseline.count_file(captured_file, reference[1]).encode()


def test_they_count_the_same_where_lines_are_odd(
    captured_file: Path, reference: tuple[Path, Reference], tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed.jsonl"
    lines = captured_file.read_bytes().splitlines(keepends=True)
    changed = lines[0].replace(b'"data":"', b'"data":" ', 1), lines[1].replace(b",", b",inf,", 1)
    mixed.write_bytes(b"".join([*ODD, *changed, *lines[2:40], lines[40][:90]]))
    counted = ours.count_file(mixed, reference[1])
    assert counted.accounting.rejected_total >= 3
    assert counted.encode() == baseline.count_file(mixed, reference[1]).encode()


def test_a_contestant_tells_seconds_memory_and_versions(
    captured_file: Path, reference: tuple[Path, Reference], tmp_path: Path
) -> None:
    told = comparison.run_competitor(comparison.OURS, captured_file, reference[0], tmp_path)
    assert told["records"] == 2_500
    assert set(told["phases_cpu_s"]) == {"decode and count", "statistics"}
    assert told["cpu_s"] > 0
    assert told["peak_mib"] > 10
    assert "numpy" in told["versions"]


def test_a_contestant_that_fails_is_told_with_its_message(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ours failed(.|\n)*absent\.json"):
        comparison.run_competitor(comparison.OURS, tmp_path / "absent.jsonl", tmp_path / "absent.json", tmp_path)


def test_without_the_peers_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "PEERS", tmp_path / "python")
    with pytest.raises(PeersMissing, match=r"run `make \.venv-peers"):
        comparison.compare(10, 1)


def test_times_of_contestants_that_count_differently_are_refused(
    captured_file: Path, reference: tuple[Path, Reference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PEERS", Path(sys.executable))
    monkeypatch.setattr(comparison, "COMPETITORS", (Competitor("ours"), Competitor("baseline")))
    monkeypatch.setattr(dataset, "provide_captured_file", lambda _count: captured_file)
    monkeypatch.setattr(dataset, "provide_training_file", lambda: tmp_path)
    monkeypatch.setattr(comparison, "write_reference", lambda path: path.write_bytes(reference[0].read_bytes()))
    assert set(comparison.compare(2_500, 1, str)) == {"ours", "baseline"}
    with pytest.raises(CountsDiffer, match="did not read 99 records"):
        comparison.compare(99, 1, str)


def test_a_file_repeated_is_one_stream(captured_file: Path, reference: tuple[Path, Reference], tmp_path: Path) -> None:
    out = tmp_path / "endless.json"
    long_stream.main(captured_file, reference[0], out, times=3)
    told = json.loads(out.read_text())
    assert told["records"] == 3 * 2_500
    assert told["bytes"] == 3 * captured_file.stat().st_size


def build_measurement(imports: float, seconds: float, peak: float, **more: object) -> dict[str, object]:
    return {
        "records": 1_000_000,
        "import_cpu_s": imports,
        "cpu_s": seconds,
        "wall_s": seconds,
        "phases_cpu_s": {"decode": seconds - 0.5, "statistics": 0.5},
        "peak_mib": peak,
        "versions": {"numpy": "2"},
        **more,
    }


def build_results(**changed: dict[str, object]) -> dict[str, object]:
    best = {
        "ours": build_measurement(0.1, 1.9, 50.0),
        "baseline": build_measurement(0.2, 2.8, 90.0),
        "nannyml": build_measurement(6.0, 4.0, 1700.0),
        "evidently": build_measurement(6.0, 30.0, 2300.0),
    }
    turns = {name: [one, one] for name, one in (best | changed).items()}
    long = build_measurement(0.1, 38.0, 55.5, bytes=10_200_000_000)
    return comparison_report.build_report(
        turns, long, comparison_report.FunctionFootprint([0.2, 0.3], [0.4, 0.5], 48.0)
    )


def test_the_figures_are_of_whole_processes() -> None:
    found = build_results()
    assert found["krec_s"] == 500.0
    assert found["ratio"] == {"baseline": (1.5, 1.5), "nannyml": (5.0, 5.0), "evidently": (18.0, 18.0)}
    assert found["ratio_without_imports"] == {"baseline": 1.47, "nannyml": 2.11, "evidently": 15.79}
    assert found["peak_mib"] == 55.5
    assert found["import_ratio"] == (0.5, 0.6)
    assert json.loads(json.dumps(found))["krec_s"] == 500.0
    assert comparison_report.list_misses(found) == []


def test_a_figure_too_near_to_its_limit_is_no_miss() -> None:
    assert comparison_report.list_misses(build_results(baseline=build_measurement(0.2, 2.4, 90.0))) == []


def test_each_figure_beyond_its_limit_is_told() -> None:
    told = comparison_report.list_misses(
        build_results(baseline=build_measurement(0.2, 1.8, 90.0), ours=build_measurement(0.1, 1.9, 151.0))
    )
    assert len(told) == 2
    assert "1.00 (1.00 to 1.00) times as fast as baseline" in told[0]
    assert told[1] == "peak memory: 151.0 MiB, above 150"


def test_tables_can_be_printed_of_the_figures() -> None:
    found = build_results()
    assert comparison_report.render_comparison_table(found).row_count == 4
    assert comparison_report.render_limits_table(found).row_count == 4
    assert comparison_report.format_versions(found) == "numpy 2"


def test_a_package_is_measured_unzipped(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("python/zeros", bytes(5_000))
    assert function_footprint.sum_unzipped_bytes(tmp_path / "layer.zip") == 5_000
