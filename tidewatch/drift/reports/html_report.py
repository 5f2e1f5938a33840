"""Renders the report as one HTML file: the verdict, the accounts, and the features, worst first, with drawings.

The file needs no network and no script. The same report and profiles give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from tidewatch.arrays import Counts
from tidewatch.capture.reject_reasons import EXPLANATIONS, RejectReason
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.reports.charts import compute_bin_shares, render_distribution, render_hour_strip
from tidewatch.drift.reports.report import DriftReport, WindowReport
from tidewatch.drift.statistics.verdict import FeatureVerdict, Verdict
from tidewatch.html import STYLE as SHARED_STYLE
from tidewatch.html import (
    escape_html,
    format_percent,
    render_cell,
    render_document,
    render_row,
    render_section,
    render_table,
)

WINDOW_TITLES = {"hour": "the hour", "day": "the day", "three_days": "three days", "records": "these records"}
"""Windows by their key in a report, shortest first."""
WEEK_BEFORE_KEY = "week_before"
HOUR = timedelta(hours=1)
VERDICTS_WORST_FIRST = (Verdict.INVALID, Verdict.DRIFT, Verdict.WARNING, Verdict.INSUFFICIENT, Verdict.OK)
VERDICT_MARKS = {
    Verdict.INVALID: "×",
    Verdict.DRIFT: "▲",
    Verdict.WARNING: "△",
    Verdict.INSUFFICIENT: "?",
    Verdict.OK: "✓",
}
VERDICT_SENTENCES = {
    Verdict.OK: "The requests look like the training data.",
    Verdict.WARNING: "Some requests differ from the training data, but not enough to act yet.",
    Verdict.DRIFT: "The requests no longer look like the training data.",
    Verdict.INSUFFICIENT: "Too few rows for a verdict.",
    Verdict.INVALID: "The records do not fit the training data: columns are missing, or too many records do not parse.",
}
SEVERITY_ADVICE = {
    "none": "There is nothing to do.",
    "inform": "Nobody is notified: too few features drift, or not for long enough.",
    "ticket": "Look into it on a working day: many of the features drift, or records cannot be read.",
    "page": "Look into it now: many features drift, and the drift lasts.",
}
VERDICT_NOTE = (
    "A verdict uses the PSI, the share of the values that moved, missing values and new values: a drift may have a "
    "smaller PSI than a warning."
)
STYLE = f"""{SHARED_STYLE}
tbody th{{font-weight:500;min-width:7rem;max-width:16rem;overflow-wrap:break-word}}
.w{{min-width:18rem}}@media(max-width:68rem){{.w{{min-width:12rem}}th,td{{padding-right:.6rem}}}}
.drift,.invalid{{color:var(--bad);font-weight:600}}
.figures{{display:grid;grid-template-columns:repeat(auto-fill,minmax(21rem,1fr));gap:1.5rem}}
figure{{margin:0;overflow-wrap:anywhere}}figcaption{{margin-bottom:.4rem}}
.r{{fill:none;stroke:var(--soft)}}.p{{fill:var(--solid)}}.b{{stroke:var(--ink);stroke-width:2}}
.strip{{max-width:45rem}}
"""


def render_report(report: DriftReport, reference: Reference, profiles: Mapping[str, Profile | None]) -> str:
    """Renders the page of a report.

    `profiles` are those that the report was made from, by window key, with "week_before" if there is one. Features are
    listed and drawn for the longest window that has the report's verdict.
    """
    key = _select_window(report)
    window = report.windows[key]
    ranked = sort_worst_first(window.features)
    body = (
        _render_header(report),
        render_section(
            "What was counted",
            _render_windows(report),
            _render_hours(report),
            _render_unreadable(report),
            _render_examples(report),
        ),
        render_section(f"Features over {WINDOW_TITLES[key]}", _render_features(report, ranked, key)),
        render_section("Distributions", _render_legend(report, key), _render_figures(reference, ranked, profiles, key)),
    )
    return render_document(f"Drift report: {report.verdict} · {_format_subject(report)}", "".join(body), STYLE)


def _select_window(report: DriftReport) -> str:
    keys = [key for key in reversed(WINDOW_TITLES) if key in report.windows]
    return next((key for key in keys if report.windows[key].verdict == report.verdict), keys[0])


def sort_worst_first(features: Iterable[FeatureVerdict]) -> list[FeatureVerdict]:
    """Returns the features worst first, then by PSI, then by name."""
    return sorted(features, key=lambda each: (VERDICTS_WORST_FIRST.index(each.verdict), -(each.psi or 0.0), each.name))


def format_statistics(feature: FeatureVerdict) -> tuple[str, str, str, str, str]:
    """Returns PSI, KS, p-value, missing and unseen rate for people. A dash stands for a missing one."""
    psi, ks = ("–" if value is None else f"{value:.3f}" for value in (feature.psi, feature.ks))
    missing, unseen = (
        "–" if rate is None else format_percent(rate) for rate in (feature.missing_rate, feature.unseen_rate)
    )
    p_value = "–" if feature.p_value is None else f"{feature.p_value:.4f}"
    return psi, ks, p_value if p_value != "0.0000" else "<0.0001", missing, unseen


def _render_header(report: DriftReport) -> str:
    severity = f"<p><strong>{_format_severity(report.severity)}</strong></p>" if report.severity else ""
    return (
        f'<header><p class="soft">{escape_html(_format_subject(report))}</p><h1>{_format_verdict(report.verdict)}</h1>'
        f"<p>{VERDICT_SENTENCES[report.verdict]}</p>{severity}</header>"
    )


def _format_severity(severity: str) -> str:
    return f"Severity: {escape_html(severity)}" + (
        f". {SEVERITY_ADVICE[severity]}" if severity in SEVERITY_ADVICE else ""
    )


def _format_subject(report: DriftReport) -> str:
    named = {
        "": report.model,
        "version ": report.version,
        "endpoint ": report.endpoint,
        "variant ": report.variant,
        "configuration ": report.configuration,
        "hour ": "" if report.hour is None else _format_time(report.hour),
    }
    return " · ".join(f"{what}{value}" for what, value in named.items() if value)


def _render_windows(report: DriftReport) -> str:
    columns = {title: report.windows[key] for key, title in WINDOW_TITLES.items() if key in report.windows}
    if report.week_before is not None:
        columns["a week before"] = report.week_before
    lines: list[tuple[str, Callable[[WindowReport], str]]] = [
        ("verdict", lambda window: _format_verdict(window.verdict)),
        ("rows", lambda window: f"{window.rows:,}"),
        ("records read", lambda window: f"{window.records.read:,}"),
        ("parsed", lambda window: f"{window.records.parsed:,}"),
        ("rejected", lambda window: f"{sum(window.records.rejected.values()):,}"),
    ]
    if any(window.end is not None for window in columns.values()):
        lines[1:1] = [
            ("from", lambda window: _format_time(window.start)),
            ("to", lambda window: _format_time(window.end)),
            ("hours missing", lambda window: str(len(window.missing_hours))),
        ]
    if any(window.records.header_rows for window in columns.values()):
        lines.append(("rows of column names, not counted", lambda window: f"{window.records.header_rows:,}"))
    reasons = sorted({reason for window in columns.values() for reason in window.records.rejected})
    lines += [(f"rejected: {reason}", partial(_format_rejected, reason)) for reason in reasons]
    rows = [
        render_row(name, (render_cell(format_value(window), "n") for window in columns.values()))
        for name, format_value in lines
    ]
    return render_table(["", *columns], rows, numbers=range(1, len(columns) + 1)) + "".join(
        map(_render_reason, reasons)
    )


def _render_reason(reason: str) -> str:
    """Renders the meaning of a reject reason and what to do about it."""
    return (
        f"<p>{escape_html(reason)}: {escape_html(EXPLANATIONS[RejectReason(reason)])}.</p>"
        if reason in set(RejectReason)
        else ""
    )


def _format_rejected(reason: str, window: WindowReport) -> str:
    return f"{window.records.rejected.get(reason, 0):,}"


def _render_hours(report: DriftReport) -> str:
    window = report.windows.get("three_days")
    if window is None or window.start is None or window.end is None:
        return ""
    ranges = ", ".join(format_hour_ranges(window.missing_hours))
    missing_details = f"<details><summary>Hours missing: {len(window.missing_hours)}</summary><p>{ranges}</p></details>"
    hour_strip = render_hour_strip(window.start, window.end, window.missing_hours)
    return f"<h3>The hours of three days</h3>{hour_strip}{missing_details if ranges else ''}"


def format_hour_ranges(hours: Sequence[datetime]) -> Iterator[str]:
    """Yields consecutive hours as one range, from the start of the first to the end of the last."""
    begins = [hour for index, hour in enumerate(hours) if not index or hour - hours[index - 1] != HOUR]
    ends = [hour for index, hour in enumerate(hours) if index + 1 == len(hours) or hours[index + 1] - hour != HOUR]
    for begin, end in zip(begins, ends, strict=True):
        yield _format_time(begin) if begin == end else f"{begin:%Y-%m-%d %H:%M} to {_format_time(end + HOUR)}"


def _render_unreadable(report: DriftReport) -> str:
    if not report.unreadable_objects:
        return ""
    items = "".join(f"<li>{escape_html(name)}</li>" for name in report.unreadable_objects)
    return f'<p class="drift">Not counted, as these could not be read; the next run tries again:</p><ul>{items}</ul>'


def _render_examples(report: DriftReport) -> str:
    if not report.reject_examples:
        return ""
    rows = [
        render_row(
            each.reason,
            (
                render_cell(escape_html(each.column or "")),
                render_cell(f"{each.offset:,}", "n"),
                render_cell(escape_html(each.source)),
            ),
        )
        for each in report.reject_examples
    ]
    examples_table = render_table(["reason", "column", "at", "file"], rows, numbers=(2,))
    return f"<details><summary>Examples of rejected records: {len(rows)}</summary>{examples_table}</details>"


def _render_features(report: DriftReport, ranked: Sequence[FeatureVerdict], window_key: str) -> str:
    titles = ["feature", "verdict", "PSI", "KS", "p", "missing", "unseen", "reasons"]
    others = [(key, title) for key, title in WINDOW_TITLES.items() if key in report.windows and key != window_key]
    verdicts = {key: {each.name: each.verdict for each in report.windows[key].features} for key, _ in others}
    rows = [
        render_row(
            f'<a href="#f{number}">{escape_html(each.name)}</a>' + (" (score)" if each.kind == "score" else ""),
            (
                render_cell(_format_verdict(each.verdict), "v"),
                *(render_cell(escape_html(value), "n") for value in format_statistics(each)),
                render_cell("<br>".join(escape_html(sentence) for sentence in each.reasons), "w"),
                *(render_cell(_format_verdict(verdicts[key][each.name]), "v") for key, _ in others),
            ),
            escaped=True,
        )
        for number, each in enumerate(ranked)
    ]
    return (
        render_table([*titles, *(title for _, title in others)], rows, numbers=range(2, 7))
        + f'<p class="soft">{VERDICT_NOTE}</p>'
    )


def _render_legend(report: DriftReport, key: str) -> str:
    tick = " The tick shows the same weekday of the week before." if report.week_before is not None else ""
    return (
        '<p class="soft">Shares of all rows. Hollow bars above: the reference. Solid bars below: '
        f"{WINDOW_TITLES[key]}.{tick}</p>"
    )


def _render_figures(
    reference: Reference, ranked: Sequence[FeatureVerdict], profiles: Mapping[str, Profile | None], key: str
) -> str:
    features_by_name = {feature.name: (index, feature) for index, feature in enumerate(reference.measured_features)}
    figures = ""
    for number, feature_verdict in enumerate(ranked):
        index, feature = features_by_name[feature_verdict.name]
        counts = _select_counts(profiles.get(key), index)
        bins = (
            ()
            if counts is None
            else compute_bin_shares(feature, counts, _select_counts(profiles.get(WEEK_BEFORE_KEY), index))
        )
        figures += (
            f'<figure id="f{number}"><figcaption><h3>{escape_html(feature_verdict.name)}</h3>'
            f"{_format_verdict(feature_verdict.verdict)}"
            f"</figcaption>{render_distribution(number, feature_verdict.name, bins)}</figure>"
        )
    return f'<div class="figures">{figures}</div>'


def _select_counts(profile: Profile | None, index: int) -> Counts | None:
    return None if profile is None else profile.counts[index]


def _format_verdict(verdict: Verdict) -> str:
    return f'<span class="{verdict.split()[0]}">{VERDICT_MARKS[verdict]} {verdict}</span>'


def _format_time(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"
