"""What `tidewatch drift` prints: a verdict as a table of features or as JSON, and the account of every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.console import tables
from tidewatch.capture.accounting import Accounting
from tidewatch.capture.reasons import EXPLAINED, Reason
from tidewatch.drift.page import by_severity, figures
from tidewatch.drift.report import examples, records
from tidewatch.drift.tables import is_parquet
from tidewatch.drift.verdict import ModelVerdict, Verdict
from tidewatch.text import one_line

SHOWN_EXAMPLES = 3
STYLES = {
    Verdict.WARNING: "yellow",
    Verdict.DRIFT: "bold red",
    Verdict.INVALID: "bold red",
    Verdict.INSUFFICIENT: "dim",
}


def listed(names: Sequence[str]) -> str:
    """How many names there are, and which."""
    return f"{len(names)}: {', '.join(map(one_line, names))}" if names else "0"


def told(verdict: ModelVerdict) -> dict[str, Any]:
    """The verdict for JSON."""
    counted = records(verdict.records)
    return {
        "model": verdict.verdict,
        "records": {
            "read": counted.read,
            "parsed": counted.parsed,
            "rejected": counted.rejected,
            "headers": counted.headers,
        },
        "features": {
            each.name: {
                "verdict": each.verdict,
                "psi": each.psi,
                "ks": each.ks,
                "p_value": each.p_value,
                "js": each.js,
                "kl": each.kl,
                "missing_rate": each.missing_rate,
                "unseen_rate": each.unseen_rate,
            }
            for each in verdict.features
        },
    }


def show(verdict: ModelVerdict) -> None:
    """Prints the verdict, its features by severity, and what became of the records."""
    screen = tables()
    drifting = f", {verdict.drifting} of {len(verdict.features)} features drift"
    screen.print(Text.assemble("model: ", _styled(verdict.verdict), drifting))
    table = Table("feature", "verdict", box=None, pad_edge=False)
    for title in ("PSI", "KS", "p", "missing", "unseen"):
        table.add_column(title, justify="right")
    table.add_column("because", overflow="fold")
    for each in by_severity(verdict.features):
        table.add_row(
            one_line(each.name), _styled(each.verdict), *figures(each), "\n".join(map(one_line, each.because))
        )
    screen.print(table)
    for account in _accounts(verdict.records):
        screen.print(account, soft_wrap=True)


def _styled(verdict: Verdict) -> Text:
    return Text(verdict, style=STYLES.get(verdict, ""))


def _accounts(account: Accounting) -> Iterable[str]:
    yield f"records: {account.read:,} read = {account.parsed:,} parsed + {account.rejected_total:,} rejected"
    if account.headers:
        yield f"  {account.headers:,} rows named the columns, and are left out"
    shown: Counter[str] = Counter()
    for reason, number in records(account).rejected.items():
        yield f"  {reason}: {number:,}"
        yield f"    {EXPLAINED[Reason(reason)]}"
        for each in examples(account):
            shown[reason] += each.reason == reason
            if each.reason == reason and shown[reason] <= SHOWN_EXAMPLES:
                unit = "row" if is_parquet(each.source) else "byte"
                column = f", column {one_line(each.column)}" if each.column else ""
                yield f"    {one_line(each.source)}, {unit} {each.offset:,}{column}"
