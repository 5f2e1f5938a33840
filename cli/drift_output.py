"""What `tidewatch drift` prints: what a reference holds, or a verdict with the accounting of every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.console import Console, create_table_console
from tidewatch.capture.accounting import Accounting
from tidewatch.capture.reject_reasons import EXPLANATIONS, RejectReason
from tidewatch.drift.reference import NumericFeature, Reference
from tidewatch.drift.reports import format_statistics, list_examples, sort_worst_first, summarize_records
from tidewatch.drift.statistics import ModelVerdict, Verdict
from tidewatch.drift.tables import is_parquet
from tidewatch.text import collapse_whitespace

MAX_EXAMPLES = 3
STYLES = {
    Verdict.WARNING: "yellow",
    Verdict.DRIFT: "bold red",
    Verdict.INVALID: "bold red",
    Verdict.INSUFFICIENT: "dim",
}


def print_reference(path: Path, reference: Reference, notes: Sequence[str]) -> None:
    """Prints what a reference that was written holds, and the notes about it."""
    console = Console(highlight=False, soft_wrap=True)
    numeric_names = [feature.name for feature in reference.features if isinstance(feature, NumericFeature)]
    categorical_names = [feature.name for feature in reference.features if not isinstance(feature, NumericFeature)]
    no_score = "none: give --score COLUMN to monitor the model's answers too"
    console.print(f"wrote {path}")
    for heading, value in (
        ("rows", f"{reference.rows:,}"),
        ("numeric", _format_names(numeric_names)),
        ("category", _format_names(categorical_names)),
        ("score", reference.score.name if reference.score else no_score),
        ("sha256", reference.digest),
    ):
        console.print(f"  {heading:<9}{value}")
    for sentence in notes:
        console.print(f"note: {sentence}")


def verdict_to_json(verdict: ModelVerdict) -> dict[str, Any]:
    """Returns the verdict for JSON."""
    counts = summarize_records(verdict.records)
    return {
        "model": verdict.verdict,
        "rows": verdict.rows,
        "records": {
            "read": counts.read,
            "parsed": counts.parsed,
            "rejected": counts.rejected,
            "header_rows": counts.header_rows,
        },
        "features": {
            feature.name: {
                "verdict": feature.verdict,
                "psi": feature.psi,
                "ks": feature.ks,
                "p_value": feature.p_value,
                "js": feature.js,
                "kl": feature.kl,
                "missing_rate": feature.missing_rate,
                "unseen_rate": feature.unseen_rate,
            }
            for feature in verdict.features
        },
    }


def print_verdict(verdict: ModelVerdict) -> None:
    """Prints the verdict, its features by severity, and the accounting of the records."""
    console = create_table_console()
    drifting = f", {verdict.drifting_count} of {len(verdict.features)} features drift"
    console.print(Text.assemble("model: ", _style_verdict(verdict.verdict), drifting))
    table = Table("feature", "verdict", box=None, pad_edge=False)
    for title in ("PSI", "KS", "p", "missing", "unseen"):
        table.add_column(title, justify="right")
    table.add_column("reasons", overflow="fold")
    for feature in sort_worst_first(verdict.features):
        table.add_row(
            collapse_whitespace(feature.name),
            _style_verdict(feature.verdict),
            *format_statistics(feature),
            "\n".join(map(collapse_whitespace, feature.reasons)),
        )
    console.print(table)
    for line in _format_accounting(verdict.records, verdict.rows):
        console.print(line, soft_wrap=True)


def _format_names(names: Sequence[str]) -> str:
    """Returns the number of names, and the names."""
    return f"{len(names)}: {', '.join(map(collapse_whitespace, names))}" if names else "0"


def _style_verdict(verdict: Verdict) -> Text:
    return Text(verdict, style=STYLES.get(verdict, ""))


def _format_accounting(accounting: Accounting, rows: int) -> Iterable[str]:
    yield f"rows: {rows:,} judged"
    yield f"records: {accounting.read:,} read = {accounting.parsed:,} parsed + {accounting.rejected_total:,} rejected"
    if accounting.header_rows:
        yield f"  {accounting.header_rows:,} rows named the columns, and are left out"
    example_counts: Counter[str] = Counter()
    for reason, number in summarize_records(accounting).rejected.items():
        yield f"  {reason}: {number:,}"
        yield f"    {EXPLANATIONS[RejectReason(reason)]}"
        for example in list_examples(accounting):
            example_counts[reason] += example.reason == reason
            if example.reason == reason and example_counts[reason] <= MAX_EXAMPLES:
                unit = "row" if is_parquet(example.source) else "byte"
                column = f", column {collapse_whitespace(example.column)}" if example.column else ""
                yield f"    {collapse_whitespace(example.source)}, {unit} {example.offset:,}{column}"
