"""From what the contestants measured to the figures that are promised, their limits, and the tables printed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.drift.contest import Measured, processor_seconds
from bench.promises import Ratio, failed

RATIO_AT_LEAST = {"plain": 1.2, "nannyml": 2.8, "evidently": 13.0}
PEAK_AT_MOST_MIB = 150.0
IMPORT_AT_MOST = 3.1
"""Times the import of boto3."""
PACKAGE_BELOW_MB = 150.0
GB = 1e9
TITLES = {"ours": "tidewatch", "plain": "plain", "nannyml": "NannyML", "evidently": "Evidently"}
EXPLAINED = """\
ratio: seconds of the whole process over tidewatch's, imports included, as a job
pays that runs once an hour; bare: without imports. MiB: the most at any time.
plain: msgspec, polars, numpy.histogram. NannyML: KS and chi-squared. Evidently:
its drift preset with PSI. Both decoded by msgspec and pandas.read_csv (pyarrow)."""


@dataclass(frozen=True)
class Function:
    """The drift function: processor seconds of its import without boto3, and of boto3's own, turn by turn; megabytes of
    its package unzipped."""

    import_s: Sequence[float]
    boto3_s: Sequence[float]
    package_mb: float


def figures(runs: Mapping[str, Sequence[Measured]], endless: Measured, function: Function) -> dict[str, Any]:
    """What out/bench/drift.json holds: `runs` has each contestant's, turn by turn, `endless` the long stream's.

    krec_s and ratio are of processor seconds of whole processes: a job that runs once an hour pays for its imports each
    time. ratio_without_imports is beside them, and the decoding and the statistics of each contestant's best run.
    """
    best = {name: min(measured, key=processor_seconds) for name, measured in runs.items()}
    ours, others = best["ours"], [name for name in best if name != "ours"]
    seconds = {name: [processor_seconds(one) for one in measured] for name, measured in runs.items()}
    return {
        "krec_s": round(_rate(ours, processor_seconds(ours)), 1),
        "ratio": {name: Ratio.of(seconds[name], seconds["ours"]).runs for name in others},
        "peak_mib": max(ours["peak_mib"], endless["peak_mib"]),
        "ratio_without_imports": {name: round(best[name]["cpu_s"] / ours["cpu_s"], 2) for name in others},
        "endless": {
            "gb": round(endless["bytes"] / GB, 2),
            "records": endless["records"],
            "krec_s": round(_rate(endless, endless["cpu_s"]), 1),
            "peak_mib": endless["peak_mib"],
        },
        "import_s": round(min(function.import_s), 3),
        "import_ratio": Ratio.of(function.import_s, function.boto3_s).runs,
        "package_mb": round(function.package_mb, 1),
        "records": ours["records"],
        "contestants": {name: dict(measured) for name, measured in best.items()},
    }


def _rate(measured: Measured, seconds: float) -> float:
    return measured["records"] / seconds / 1000


def misses(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each figure that is not as promised."""
    slow = [
        f"tidewatch is {ratio} times as fast as {TITLES[name]}, at least {least} is promised: {kept}"
        for name, least in RATIO_AT_LEAST.items()
        if failed(kept := (ratio := Ratio(found["ratio"][name])).at_least(least))
    ]
    imported = Ratio(found["import_ratio"])
    if failed(kept := imported.at_most(IMPORT_AT_MOST)):
        slow.append(f"import of the function: {imported} times boto3's, at most {IMPORT_AT_MOST:g} is promised: {kept}")
    bounds = (
        ("peak memory", found["peak_mib"], PEAK_AT_MOST_MIB, "MiB"),
        ("package of the function", found["package_mb"], PACKAGE_BELOW_MB, "MB"),
    )
    return slow + [f"{name}: {value} {unit}, above {most:g}" for name, value, most, unit in bounds if value > most]


def contest_table(found: Mapping[str, Any]) -> Table:
    """The contestants side by side."""
    table = Table(
        "", "krec/s", "seconds", "imports", "decode", "verdicts", "MiB", "ratio of each turn", "at least", "", "bare",
        title=f"{found['records']:,} captured records to verdicts, in seconds of one processor",
        title_justify="left", box=None, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for name, measured in found["contestants"].items():
        seconds, phases = processor_seconds(measured), measured["phases_cpu_s"]
        decoding = measured["cpu_s"] - phases["statistics"]
        parts = (f"{part:.2f}" for part in (seconds, measured["import_cpu_s"], decoding, phases["statistics"]))
        row = [TITLES[name], f"{_rate(measured, seconds):.0f}", *parts, f"{measured['peak_mib']:.0f}"]
        if name in found["ratio"]:
            ratio, least = Ratio(found["ratio"][name]), RATIO_AT_LEAST[name]
            row += [str(ratio), f"{least:g}", ratio.at_least(least), f"{found['ratio_without_imports'][name]:.2f}"]
        table.add_row(*row)
    return table


def bounds_table(found: Mapping[str, Any]) -> Table:
    """What has an upper limit."""
    table = Table("drift", "figure", "limit", title_justify="left", box=None)
    endless = found["endless"]
    table.add_row("peak memory, largest", f"{found['peak_mib']:.0f} MiB", f"{PEAK_AT_MOST_MIB:g}")
    table.add_row(f"  over {endless['gb']:.1f} GB in one stream", f"{endless['peak_mib']:.0f} MiB", "")
    imported = Ratio(found["import_ratio"])
    table.add_row(
        f"import of the function, without boto3, {found['import_s']:.3f} s", f"{imported} times boto3's",
        f"{IMPORT_AT_MOST:g} {imported.at_most(IMPORT_AT_MOST)}",
    )  # fmt: skip
    table.add_row("package of the function, unzipped", f"{found['package_mb']:.0f} MB", f"{PACKAGE_BELOW_MB:g}")
    return table


def versions_line(found: Mapping[str, Any]) -> str:
    """Every library's version, once."""
    every = {name: version for one in found["contestants"].values() for name, version in one["versions"].items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(every.items()))
