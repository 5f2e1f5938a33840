"""The report of game days as one HTML file: a table of the scenarios, then each with its timeline drawn and listed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rehearsal.charts import styles
from rehearsal.charts.timeline import MINUTE, AlarmSpan, GameDayOutcome, Timeline
from rehearsal.charts.timeline_svg import BROAD, NARROW, render_timeline
from tidewatch.html import STYLE as SHARED_STYLE
from tidewatch.html import escape_html, render_cell, render_document, render_row, render_section, render_table

TITLE = "Game days"
SIMULATION_NOTICE = (
    "AWS is simulated here: the endpoints, metrics, alarms and functions are the simulator's, and its clock is moved; "
    "only the time of our own code is measured on a real clock."
)
PHASES = (
    ("detect", "detect_s"),
    ("decide", "decide_s"),
    ("flip", "flip_s"),
    ("recover", "recover_s"),
    ("platform", "platform_s"),
    ("own code", "own_s"),
)
BAR_LEGEND = (
    ("metric", "alarm of a metric"),
    ("composite", "composite"),
    ("guardrail", "guardrail"),
    ("insufficient", "insufficient data"),
)
STYLE = (
    f"{SHARED_STYLE}{styles.STYLE}"
    + """
:root{--good:#1a6b3c}@media(prefers-color-scheme:dark){:root{--good:#7fd6a0}}
header p{max-width:60rem}section{padding-top:.5rem}
.passed,.failed{font-weight:600;white-space:nowrap}.passed{color:var(--good)}.failed{color:var(--bad)}
.narrow{display:none}figure{margin:1rem 0 .5rem}
svg.sample,svg.pin{display:inline-block;vertical-align:-.3em}svg.pin{width:20px}
svg.sample{width:34px;margin-right:.4rem;vertical-align:-.2em}
.key{margin-bottom:.7rem;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;font-size:.87rem;color:var(--soft)}
.key span{white-space:nowrap}
dl{margin:.5rem 0;display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}
dt{color:var(--soft)}dd{margin:0}
.times{display:flex;flex-wrap:wrap;gap:.2rem 1.6rem}.times b{font-variant-numeric:tabular-nums}
tbody th{font-weight:500}.scenarios td{max-width:17rem}.moments td:last-child{overflow-wrap:anywhere}
details{margin:.5rem 0}summary{cursor:pointer}
@media(max-width:60rem){
.broad{display:none}.narrow{display:block;max-width:36rem}
.scenarios table,.scenarios tbody{display:block}.scenarios thead{display:none}
.scenarios tr{display:grid;grid-template-columns:repeat(3,1fr);padding:.6rem 0;border-bottom:1px solid var(--line)}
.scenarios th,.scenarios td{border:0;padding:0;max-width:none;text-align:left}
.scenarios th,.scenarios .sentence{grid-column:1/-1}
.scenarios td::before{content:attr(data-column) " ";color:var(--soft)}
}
@media(max-width:34rem){
body{padding:1rem}h1{font-size:1.6rem}th,td{padding-right:.5rem}
.moments th:nth-child(4),.moments td:nth-child(4){display:none}
}
"""
)


INCIDENT_NOTICE = (
    "One burst of errors fires several alarms, since each measures it differently: how often requests fail now, how "
    "much worse the challenger is than the champion, how fast the error budget is spent. They are one incident: an "
    "alarm is suppressed while a more severe alarm or the rollback notifies the same people."
)


def render_page(outcomes: Sequence[GameDayOutcome], generated_at: datetime, title: str = TITLE) -> str:
    """The report; the same outcomes at the same time give the same bytes."""
    return render_document(
        title,
        _render_header(outcomes, generated_at, title)
        + "".join(map(_render_scenario, outcomes, _number_sections(outcomes))),
        STYLE,
    )


def write_report(
    outcomes: Sequence[GameDayOutcome], path: Path, generated_at: datetime | None = None, title: str = TITLE
) -> None:
    """Writes the report to the path, whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(render_page(outcomes, generated_at or datetime.now(UTC), title), encoding="utf-8")
    partial.replace(path)


def format_seconds(value: float | None) -> str:
    """Seconds as people read them: a tenth below a hundred, a dash for what did not happen."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")


def _number_sections(outcomes: Sequence[GameDayOutcome]) -> list[str]:
    return [f"s{number}" for number in range(1, len(outcomes) + 1)]


def _render_header(outcomes: Sequence[GameDayOutcome], generated_at: datetime, title: str) -> str:
    passed = sum(each.passed for each in outcomes)
    titles = ["scenario", "expected result", "observed result", "", *(f"{stage} s" for stage, _ in PHASES)]
    rows = map(_render_summary_row, outcomes, _number_sections(outcomes))
    return (
        f'<header id="top"><h1>{escape_html(title)}</h1><p><strong>{passed} of {len(outcomes)} scenarios '
        "passed.</strong></p>"
        f'<p class="soft">{escape_html(SIMULATION_NOTICE)}</p>'
        f'<p class="soft">Written {_format_moment(generated_at)}.</p></header>'
        f'<div class="scenarios">{render_table(titles, rows, range(4, len(titles)))}</div>'
        '<p class="soft">Seconds to detect, decide, flip and recover count from the first bad datapoint. Platform: '
        "the stated seconds of AWS within the time to the flip. Own code: the seconds that our own code worked for "
        "it.</p>"
    )


def _render_summary_row(outcome: GameDayOutcome, key: str) -> str:
    cells = (
        _render_labelled_cell("expected result", escape_html(outcome.expected_result), "sentence"),
        _render_labelled_cell("observed result", escape_html(outcome.observed_result), "sentence"),
        _render_labelled_cell("", _render_verdict(outcome), "sentence"),
        *(_render_labelled_cell(stage, format_seconds(getattr(outcome, name)), "n") for stage, name in PHASES),
    )
    return render_row(f'<a href="#{key}">{escape_html(outcome.scenario)}</a>', cells, escaped=True)


def _render_labelled_cell(column: str, content: str, kind: str) -> str:
    """A cell that says which column it is of, for where columns stand beneath each other."""
    return f'<td class="{kind}" data-column="{column}">{content}</td>'


def _render_verdict(outcome: GameDayOutcome) -> str:
    return '<span class="passed">✓ passed</span>' if outcome.passed else '<span class="failed">× failed</span>'


def _render_scenario(outcome: GameDayOutcome, key: str) -> str:
    timeline = outcome.timeline
    times = "".join(
        f"<span>{stage} <b>{format_seconds(value)}</b>{' s' if value is not None else ''}</span>"
        for stage, value in ((stage, getattr(outcome, name)) for stage, name in PHASES)
    )
    return render_section(
        f'<span id="{key}">{escape_html(outcome.scenario)}</span> {_render_verdict(outcome)}',
        f"<p>{escape_html(outcome.requirement)}</p>",
        f"<dl><dt>expected result</dt><dd>{escape_html(outcome.expected_result)}</dd><dt>observed "
        f"result</dt><dd>{escape_html(outcome.observed_result)}</dd>"
        f'<dt>times</dt><dd class="times">{times}</dd></dl>',
        f"<figure><figcaption>{f'<h3>{escape_html(timeline.title)}</h3>' if timeline.title != outcome.scenario else ''}"
        f'<p class="soft">{_format_moment(timeline.starts_at)}, {round(timeline.length_s / MINUTE):,} minutes</p>'
        f"{_render_legend(timeline)}</figcaption>"
        f'<div class="broad">{render_timeline(timeline, BROAD, f"{key}b")}</div>'
        f'<div class="narrow">{render_timeline(timeline, NARROW, f"{key}n")}</div></figure>',
        _render_marks(timeline),
        _render_alarms(timeline),
        '<p class="soft"><a href="#top">All scenarios</a></p>',
    )


def _render_legend(timeline: Timeline) -> str:
    """What lines, bars and the tint of a drawing mean."""
    bar_kinds = {each.kind if each.state == "ALARM" else "insufficient" for each in timeline.alarms}
    samples = [(styles.render_variant_sample(timeline, variant), variant) for variant in timeline.variants]
    samples += [(styles.render_bar_sample(kind), label) for kind, label in BAR_LEGEND if kind in bar_kinds]
    if timeline.exposure is not None:
        samples.append((styles.render_exposure_sample(), "from degraded to recovered"))
    return (
        f'<div class="key">{"".join(f"<span>{sample}{escape_html(label)}</span>" for sample, label in samples)}</div>'
    )


def _render_marks(timeline: Timeline) -> str:
    """The legend of the flags: when each was, and how long after the first bad datapoint."""
    origin = timeline.first_bad_mark
    after = (
        "s from the start" if origin is None else f"s from {'degraded' if origin.kind == 'degraded' else 'the fault'}"
    )
    start = 0.0 if origin is None else origin.at_s
    rows = [
        render_row(
            styles.render_flag_sample(number, mark.kind),
            (
                render_cell(f"{timeline.format_time(mark.at_s)}", "v"),
                render_cell(_format_signed(mark.at_s - start), "n"),
                render_cell(escape_html(mark.kind)),
                render_cell(escape_html(mark.label)),
            ),
            escaped=True,
        )
        for number, mark in enumerate(timeline.sorted_marks, 1)
    ]
    return f'<div class="moments">{render_table(["", "time", after, "kind", "what"], rows, (2,))}</div>' if rows else ""


def _format_signed(value: float) -> str:
    formatted = format_seconds(abs(value))
    return formatted if formatted == "0" else f"{'−' if value < 0 else '+'}{formatted}"


def _render_alarms(timeline: Timeline) -> str:
    if not timeline.alarms:
        return ""
    rows = [
        _render_span_row(timeline, span)
        for span in sorted(timeline.alarms, key=lambda each: (each.start_s, each.label))
    ]
    alarm_table = render_table(["alarm", "kind", "state", "from", "to", "description", "recipients"], rows)
    return (
        f"<details><summary>Alarms by their states: {len(rows)}</summary><p>{escape_html(INCIDENT_NOTICE)}</p>"
        f'<div class="moments">{alarm_table}</div></details>'
    )


def _render_span_row(timeline: Timeline, span: AlarmSpan) -> str:
    until = "ongoing" if span.end_s is None else f"{timeline.format_time(span.end_s)}"
    start = f"{timeline.format_time(span.start_s)}"
    notification_cells = (render_cell(escape_html(span.description)), render_cell(escape_html(span.recipients)))
    return render_row(
        span.label,
        (
            render_cell(span.kind),
            render_cell(escape_html(span.state)),
            render_cell(start, "v"),
            render_cell(until, "v"),
            *notification_cells,
        ),
    )


def _format_moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
