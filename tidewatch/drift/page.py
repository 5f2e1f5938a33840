"""The report as one HTML file: the verdict in words, the accounts, the features worst first, their distributions drawn.

It needs no network and no script, and the same report and profiles give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from tidewatch.capture.reasons import EXPLAINED, Reason
from tidewatch.drift.drawing import distribution, pairs, strip
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Counts, Reference
from tidewatch.drift.report import Report, WindowReport
from tidewatch.drift.verdict import FeatureVerdict, Verdict
from tidewatch.html import STYLE as SHARED
from tidewatch.html import cell, document, percent, row, section, table, text

WINDOWS = {"hour": "the hour", "day": "the day", "three_days": "three days", "records": "these records"}
"""Windows by their key in a report, shortest first."""
BEFORE = "week_before"
HOUR = timedelta(hours=1)
WORST_FIRST = (Verdict.INVALID, Verdict.DRIFT, Verdict.WARNING, Verdict.INSUFFICIENT, Verdict.OK)
MARKS = {Verdict.INVALID: "×", Verdict.DRIFT: "▲", Verdict.WARNING: "△", Verdict.INSUFFICIENT: "?", Verdict.OK: "✓"}
SAYS = {
    Verdict.OK: "What arrives looks like what the model was trained on.",
    Verdict.WARNING: "Some of what arrives differs from what the model was trained on; not yet enough to act.",
    Verdict.DRIFT: "What arrives is no longer what the model was trained on.",
    Verdict.INSUFFICIENT: "Too few rows for a verdict.",
    Verdict.INVALID: "The records are not what the model was trained on: columns are absent or too many do not parse.",
}
ASKS = {
    "none": "There is nothing to do.",
    "inform": "Nobody is called: too few features drift, or not for long enough.",
    "ticket": "Look into it on a working day: a good part of the features drifts, or records cannot be read.",
    "page": "Look into it now: many features drift, and lastingly.",
}
RESTS = (
    "A verdict rests on PSI, and besides on the share of the values that moved, on missing values and on new ones: a "
    "drift may have a smaller PSI than a warning."
)
STYLE = f"""{SHARED}
tbody th{{font-weight:500;min-width:7rem;max-width:16rem;overflow-wrap:break-word}}
.w{{min-width:18rem}}@media(max-width:68rem){{.w{{min-width:12rem}}th,td{{padding-right:.6rem}}}}
.drift,.invalid{{color:var(--bad);font-weight:600}}
.figures{{display:grid;grid-template-columns:repeat(auto-fill,minmax(21rem,1fr));gap:1.5rem}}
figure{{margin:0;overflow-wrap:anywhere}}figcaption{{margin-bottom:.4rem}}
.r{{fill:none;stroke:var(--soft)}}.p{{fill:var(--solid)}}.b{{stroke:var(--ink);stroke-width:2}}
.strip{{max-width:45rem}}
"""


def page(report: Report, reference: Reference, profiles: Mapping[str, Profile | None]) -> str:
    """The page of a report.

    profiles: those that the report was made from, by the key of their window, and "week_before" where there is one.
    Features are told and drawn for the longest window that has the report's verdict.
    """
    key = _told(report)
    window = report.windows[key]
    ranked = by_severity(window.features)
    body = (
        _head(report),
        section("What was counted", _windows(report), _hours(report), _unreadable(report), _examples(report)),
        section(f"Features over {WINDOWS[key]}", _features(report, ranked, key)),
        section("Distributions", _legend(report, key), _figures(reference, ranked, profiles, key)),
    )
    return document(f"Drift: {report.verdict} · {_where(report)}", "".join(body), STYLE)


def _told(report: Report) -> str:
    keys = [key for key in reversed(WINDOWS) if key in report.windows]
    return next((key for key in keys if report.windows[key].verdict == report.verdict), keys[0])


def by_severity(features: Iterable[FeatureVerdict]) -> list[FeatureVerdict]:
    """Worst first; those with the same verdict by their PSI, then name."""
    return sorted(features, key=lambda each: (WORST_FIRST.index(each.verdict), -(each.psi or 0.0), each.name))


def figures(feature: FeatureVerdict) -> tuple[str, str, str, str, str]:
    """PSI, KS, p-value, missing and unseen rate, as people read them; a dash where there is none."""
    psi, ks = ("–" if value is None else f"{value:.3f}" for value in (feature.psi, feature.ks))
    missing, unseen = ("–" if rate is None else percent(rate) for rate in (feature.missing_rate, feature.unseen_rate))
    p_value = "–" if feature.p_value is None else f"{feature.p_value:.4f}"
    return psi, ks, p_value if p_value != "0.0000" else "<0.0001", missing, unseen


def _head(report: Report) -> str:
    severity = f"<p><strong>{_severity(report.severity)}</strong></p>" if report.severity else ""
    return (
        f'<header><p class="soft">{text(_where(report))}</p><h1>{_verdict(report.verdict)}</h1>'
        f"<p>{SAYS[report.verdict]}</p>{severity}</header>"
    )


def _severity(severity: str) -> str:
    return f"Severity: {text(severity)}" + (f". {ASKS[severity]}" if severity in ASKS else "")


def _where(report: Report) -> str:
    named = {
        "": report.model,
        "version ": report.version,
        "endpoint ": report.endpoint,
        "variant ": report.variant,
        "configuration ": report.configuration,
        "hour ": "" if report.hour is None else _moment(report.hour),
    }
    return " · ".join(f"{what}{value}" for what, value in named.items() if value)


def _windows(report: Report) -> str:
    columns = {title: report.windows[key] for key, title in WINDOWS.items() if key in report.windows}
    if report.week_before is not None:
        columns["a week before"] = report.week_before
    lines: list[tuple[str, Callable[[WindowReport], str]]] = [
        ("verdict", lambda window: _verdict(window.verdict)),
        ("rows", lambda window: f"{window.rows:,}"),
        ("records read", lambda window: f"{window.records.read:,}"),
        ("parsed", lambda window: f"{window.records.parsed:,}"),
        ("rejected", lambda window: f"{sum(window.records.rejected.values()):,}"),
    ]
    if any(window.end is not None for window in columns.values()):
        lines[1:1] = [
            ("from", lambda window: _moment(window.start)),
            ("to", lambda window: _moment(window.end)),
            ("hours missing", lambda window: str(len(window.hours_missing))),
        ]
    if any(window.records.headers for window in columns.values()):
        lines.append(("rows of names, left out", lambda window: f"{window.records.headers:,}"))
    reasons = sorted({reason for window in columns.values() for reason in window.records.rejected})
    lines += [(f"rejected: {reason}", partial(_rejected, reason)) for reason in reasons]
    rows = [row(name, (cell(told(window), "n") for window in columns.values())) for name, told in lines]
    return table(["", *columns], rows, numbers=range(1, len(columns) + 1)) + "".join(map(_explained, reasons))


def _explained(reason: str) -> str:
    """What a reason for rejects means, and what to do."""
    return f"<p>{text(reason)}: {text(EXPLAINED[Reason(reason)])}.</p>" if reason in set(Reason) else ""


def _rejected(reason: str, window: WindowReport) -> str:
    return f"{window.records.rejected.get(reason, 0):,}"


def _hours(report: Report) -> str:
    window = report.windows.get("three_days")
    if window is None or window.start is None or window.end is None:
        return ""
    told = ", ".join(hour_ranges(window.hours_missing))
    listed = f"<details><summary>Hours missing: {len(window.hours_missing)}</summary><p>{told}</p></details>"
    drawn = strip(window.start, window.end, window.hours_missing)
    return f"<h3>The hours of three days</h3>{drawn}{listed if told else ''}"


def hour_ranges(hours: Sequence[datetime]) -> Iterator[str]:
    """Hours in their order, those that follow each other as one range, from the first's beginning to the last's end."""
    begins = [hour for at, hour in enumerate(hours) if not at or hour - hours[at - 1] != HOUR]
    ends = [hour for at, hour in enumerate(hours) if at + 1 == len(hours) or hours[at + 1] - hour != HOUR]
    for begin, end in zip(begins, ends, strict=True):
        yield _moment(begin) if begin == end else f"{begin:%Y-%m-%d %H:%M} to {_moment(end + HOUR)}"


def _unreadable(report: Report) -> str:
    if not report.unreadable:
        return ""
    listed = "".join(f"<li>{text(name)}</li>" for name in report.unreadable)
    return f'<p class="drift">Not counted, as these could not be read; they are tried again:</p><ul>{listed}</ul>'


def _examples(report: Report) -> str:
    if not report.examples:
        return ""
    rows = [
        row(each.reason, (cell(text(each.column or "")), cell(f"{each.offset:,}", "n"), cell(text(each.source))))
        for each in report.examples
    ]
    listed = table(["reason", "column", "at", "file"], rows, numbers=(2,))
    return f"<details><summary>Examples of rejected records: {len(rows)}</summary>{listed}</details>"


def _features(report: Report, ranked: Sequence[FeatureVerdict], told: str) -> str:
    titles = ["feature", "verdict", "PSI", "KS", "p", "missing", "unseen", "because"]
    others = [(key, title) for key, title in WINDOWS.items() if key in report.windows and key != told]
    verdicts = {key: {each.name: each.verdict for each in report.windows[key].features} for key, _ in others}
    rows = [
        row(
            f'<a href="#f{number}">{text(each.name)}</a>' + (" (score)" if each.kind == "score" else ""),
            (
                cell(_verdict(each.verdict), "v"),
                *(cell(text(value), "n") for value in figures(each)),
                cell("<br>".join(text(sentence) for sentence in each.because), "w"),
                *(cell(_verdict(verdicts[key][each.name]), "v") for key, _ in others),
            ),
            escaped=True,
        )
        for number, each in enumerate(ranked)
    ]
    return table([*titles, *(title for _, title in others)], rows, numbers=range(2, 7)) + f'<p class="soft">{RESTS}</p>'


def _legend(report: Report, key: str) -> str:
    tick = " The tick: the same weekday of the week before." if report.week_before is not None else ""
    return f'<p class="soft">Shares of all rows. Hollow, above: the reference. Solid, below: {WINDOWS[key]}.{tick}</p>'


def _figures(
    reference: Reference, ranked: Sequence[FeatureVerdict], profiles: Mapping[str, Profile | None], key: str
) -> str:
    measured = {feature.name: (at, feature) for at, feature in enumerate(reference.measured)}
    figures = ""
    for number, told in enumerate(ranked):
        at, feature = measured[told.name]
        counts = _counts(profiles.get(key), at)
        bins = () if counts is None else pairs(feature, counts, _counts(profiles.get(BEFORE), at))
        figures += (
            f'<figure id="f{number}"><figcaption><h3>{text(told.name)}</h3>{_verdict(told.verdict)}'
            f"</figcaption>{distribution(number, told.name, bins)}</figure>"
        )
    return f'<div class="figures">{figures}</div>'


def _counts(profile: Profile | None, at: int) -> Counts | None:
    return None if profile is None else profile.counts[at]


def _verdict(verdict: Verdict) -> str:
    return f'<span class="{verdict.split()[0]}">{MARKS[verdict]} {verdict}</span>'


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
