"""Turns the contestants' measurements into the promised figures, with their limits and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.drift.comparison import Measurement, sum_processor_seconds
from bench.limits import Ratio, has_missed

MIN_RATIO = {"baseline": 1.2, "nannyml": 2.8, "evidently": 13.0}
MAX_PEAK_MIB = 150.0
MAX_IMPORT_RATIO = 3.1
"""Times the import of boto3."""
MAX_PACKAGE_MB = 150.0
GB = 1e9
TITLES = {"ours": "tidewatch", "baseline": "baseline", "nannyml": "NannyML", "evidently": "Evidently"}
TABLE_NOTES = """\
ratio: seconds of the whole process over tidewatch's, imports included, as a job
pays that runs once an hour; bare: without imports. MiB: the most at any time.
baseline: msgspec, polars, numpy.histogram. NannyML: KS and chi-squared. Evidently:
its drift preset with PSI. Both decoded by msgspec and pandas.read_csv (pyarrow)."""


@dataclass(frozen=True)
class FunctionFootprint:
    """The footprint of the drift function."""

    import_s: Sequence[float]
    """The processor seconds of its import without boto3, turn by turn."""
    boto3_s: Sequence[float]
    """The processor seconds of boto3's import, turn by turn."""
    package_mb: float
    """The megabytes of its package, unzipped."""


def build_report(
    runs: Mapping[str, Sequence[Measurement]], long_stream: Measurement, function: FunctionFootprint
) -> dict[str, Any]:
    """Returns the content of out/bench/drift.json from each contestant's runs, turn by turn, and the long stream's run.

    krec_s and ratio use the processor seconds of whole processes, because a job that runs once an hour pays for its
    imports each time. ratio_without_imports leaves them out. The rest is each contestant's best run, with decoding and
    statistics.
    """
    best = {name: min(measured, key=sum_processor_seconds) for name, measured in runs.items()}
    ours, others = best["ours"], [name for name in best if name != "ours"]
    seconds = {
        name: [sum_processor_seconds(measurement) for measurement in measured] for name, measured in runs.items()
    }
    return {
        "krec_s": round(_compute_krec_per_second(ours, sum_processor_seconds(ours)), 1),
        "ratio": {name: Ratio.of(seconds[name], seconds["ours"]).runs for name in others},
        "peak_mib": max(ours["peak_mib"], long_stream["peak_mib"]),
        "ratio_without_imports": {name: round(best[name]["cpu_s"] / ours["cpu_s"], 2) for name in others},
        "long_stream": {
            "gb": round(long_stream["bytes"] / GB, 2),
            "records": long_stream["records"],
            "krec_s": round(_compute_krec_per_second(long_stream, long_stream["cpu_s"]), 1),
            "peak_mib": long_stream["peak_mib"],
        },
        "import_s": round(min(function.import_s), 3),
        "import_ratio": Ratio.of(function.import_s, function.boto3_s).runs,
        "package_mb": round(function.package_mb, 1),
        "records": ours["records"],
        "competitors": {name: dict(measured) for name, measured in best.items()},
    }


def _compute_krec_per_second(measurement: Measurement, seconds: float) -> float:
    return measurement["records"] / seconds / 1000


def list_misses(report: Mapping[str, Any]) -> list[str]:
    """Returns a sentence for each figure that misses its limit."""
    sentences = [
        f"tidewatch is {ratio} times as fast as {TITLES[name]}, at least {least} is promised: {result}"
        for name, least in MIN_RATIO.items()
        if has_missed(result := (ratio := Ratio(report["ratio"][name])).check_at_least(least))
    ]
    import_ratio = Ratio(report["import_ratio"])
    if has_missed(result := import_ratio.check_at_most(MAX_IMPORT_RATIO)):
        sentences.append(
            f"import of the function: {import_ratio} times boto3's, at most {MAX_IMPORT_RATIO:g} is promised: {result}"
        )
    bounds = (
        ("peak memory", report["peak_mib"], MAX_PEAK_MIB, "MiB"),
        ("package of the function", report["package_mb"], MAX_PACKAGE_MB, "MB"),
    )
    return sentences + [f"{name}: {value} {unit}, above {most:g}" for name, value, most, unit in bounds if value > most]


def render_comparison_table(report: Mapping[str, Any]) -> Table:
    """Returns a table of the contestants side by side."""
    table = Table(
        "", "krec/s", "seconds", "imports", "decode", "verdicts", "MiB", "ratio of each turn", "at least", "", "bare",
        title=f"{report['records']:,} captured records to verdicts, in seconds of one processor",
        title_justify="left", box=None, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for name, measurement in report["competitors"].items():
        seconds, phases = sum_processor_seconds(measurement), measurement["phases_cpu_s"]
        decoding = measurement["cpu_s"] - phases["statistics"]
        parts = (
            f"{duration:.2f}" for duration in (seconds, measurement["import_cpu_s"], decoding, phases["statistics"])
        )
        row = [
            TITLES[name],
            f"{_compute_krec_per_second(measurement, seconds):.0f}",
            *parts,
            f"{measurement['peak_mib']:.0f}",
        ]
        if name in report["ratio"]:
            ratio, least = Ratio(report["ratio"][name]), MIN_RATIO[name]
            row += [
                str(ratio),
                f"{least:g}",
                ratio.check_at_least(least),
                f"{report['ratio_without_imports'][name]:.2f}",
            ]
        table.add_row(*row)
    return table


def render_limits_table(report: Mapping[str, Any]) -> Table:
    """Returns a table of the figures with an upper limit."""
    table = Table("drift", "figure", "limit", title_justify="left", box=None)
    long_stream = report["long_stream"]
    table.add_row("peak memory, largest", f"{report['peak_mib']:.0f} MiB", f"{MAX_PEAK_MIB:g}")
    table.add_row(f"  over {long_stream['gb']:.1f} GB in one stream", f"{long_stream['peak_mib']:.0f} MiB", "")
    import_ratio = Ratio(report["import_ratio"])
    table.add_row(
        f"import of the function, without boto3, {report['import_s']:.3f} s", f"{import_ratio} times boto3's",
        f"{MAX_IMPORT_RATIO:g} {import_ratio.check_at_most(MAX_IMPORT_RATIO)}",
    )  # fmt: skip
    table.add_row("package of the function, unzipped", f"{report['package_mb']:.0f} MB", f"{MAX_PACKAGE_MB:g}")
    return table


def format_versions(report: Mapping[str, Any]) -> str:
    """Returns every library's version, each once."""
    versions = {
        name: version
        for measurement in report["competitors"].values()
        for name, version in measurement["versions"].items()
    }
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
