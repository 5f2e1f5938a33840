"""From what the contestants measured to the figures that are promised, their limits, and the tables printed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.drift.contest import Measured, processor_seconds

RATIO_AT_LEAST = {"plain": 1.2, "nannyml": 4.0, "evidently": 15.0}
PEAK_AT_MOST_MIB = 150.0
IMPORT_BELOW_S = 0.25
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
    """The drift function: wall seconds of its import without boto3, megabytes of its package unzipped."""

    import_s: float
    package_mb: float


def figures(best: Mapping[str, Measured], endless: Measured, function: Function) -> dict[str, Any]:
    """What out/bench/drift.json holds: `best` has each contestant's run, `endless` the long stream's.

    krec_s and ratio are of processor seconds of whole processes: a job that runs once an hour pays for its imports each
    time. ratio_without_imports is beside them, and the decoding and the statistics of each contestant.
    """
    ours, others = best["ours"], [name for name in best if name != "ours"]
    return {
        "krec_s": round(_rate(ours, processor_seconds(ours)), 1),
        "ratio": {name: round(processor_seconds(best[name]) / processor_seconds(ours), 2) for name in others},
        "peak_mib": max(ours["peak_mib"], endless["peak_mib"]),
        "ratio_without_imports": {name: round(best[name]["cpu_s"] / ours["cpu_s"], 2) for name in others},
        "endless": {
            "gb": round(endless["bytes"] / GB, 2),
            "records": endless["records"],
            "krec_s": round(_rate(endless, endless["cpu_s"]), 1),
            "peak_mib": endless["peak_mib"],
        },
        "import_s": round(function.import_s, 3),
        "package_mb": round(function.package_mb, 1),
        "records": ours["records"],
        "contestants": {name: dict(measured) for name, measured in best.items()},
    }


def _rate(measured: Measured, seconds: float) -> float:
    return measured["records"] / seconds / 1000


def misses(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each figure that is not as promised."""
    slow = [
        f"tidewatch is {found['ratio'][name]} times as fast as {TITLES[name]}, at least {least} is promised"
        for name, least in RATIO_AT_LEAST.items()
        if found["ratio"][name] < least
    ]
    bounds = (
        ("peak memory", found["peak_mib"], PEAK_AT_MOST_MIB, "MiB"),
        ("import of the function", found["import_s"], IMPORT_BELOW_S, "s"),
        ("package of the function", found["package_mb"], PACKAGE_BELOW_MB, "MB"),
    )
    return slow + [f"{name}: {value} {unit}, above {most:g}" for name, value, most, unit in bounds if value > most]


def contest_table(found: Mapping[str, Any]) -> Table:
    """The contestants side by side."""
    table = Table(
        "", "krec/s", "seconds", "imports", "decode", "verdicts", "MiB", "ratio", "limit", "bare",
        title=f"{found['records']:,} captured records to verdicts, in seconds of one processor",
        title_justify="left", box=None, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for name, measured in found["contestants"].items():
        seconds, phases = processor_seconds(measured), measured["phases_cpu_s"]
        decoding = measured["cpu_s"] - phases["statistics"]
        parts = (f"{part:.2f}" for part in (seconds, measured["import_cpu_s"], decoding, phases["statistics"]))
        row = [TITLES[name], f"{_rate(measured, seconds):.0f}", *parts, f"{measured['peak_mib']:.0f}"]
        if name in found["ratio"]:
            row += [f"{found['ratio'][name]:.2f}", f"{RATIO_AT_LEAST[name]:g}"]
            row += [f"{found['ratio_without_imports'][name]:.2f}"]
        table.add_row(*row)
    return table


def bounds_table(found: Mapping[str, Any]) -> Table:
    """What has an upper limit."""
    table = Table("drift", "figure", "limit", title_justify="left", box=None)
    endless = found["endless"]
    table.add_row("peak memory, largest", f"{found['peak_mib']:.0f} MiB", f"{PEAK_AT_MOST_MIB:g}")
    table.add_row(f"  over {endless['gb']:.1f} GB in one stream", f"{endless['peak_mib']:.0f} MiB", "")
    table.add_row("import of the function, without boto3", f"{found['import_s']:.3f} s", f"{IMPORT_BELOW_S:g}")
    table.add_row("package of the function, unzipped", f"{found['package_mb']:.0f} MB", f"{PACKAGE_BELOW_MB:g}")
    return table


def versions_line(found: Mapping[str, Any]) -> str:
    """Every library's version, once."""
    every = {name: version for one in found["contestants"].values() for name, version in one["versions"].items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(every.items()))
