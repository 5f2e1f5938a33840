"""The report of game days as one HTML file: a table of the scenarios, then each with its timeline drawn and listed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from simulator.report import ink
from simulator.report.drawing import BROAD, NARROW, drawing
from simulator.report.values import MINUTE, Outcome, Span, Timeline
from tidewatch.html import STYLE as SHARED
from tidewatch.html import cell, document, row, section, table, text

TITLE = "Game days"
SIMULATED = (
    "AWS is simulated here: the endpoints, metrics, alarms and functions are the simulator's, and its clock is moved; "
    "only what our own code takes is measured on a real clock."
)
STAGES = (
    ("detect", "detect_s"),
    ("decide", "decide_s"),
    ("flip", "flip_s"),
    ("recover", "recover_s"),
    ("platform", "platform_s"),
    ("ours", "own_s"),
)
BARS = (
    ("metric", "alarm of a metric"),
    ("composite", "composite"),
    ("guardrail", "guardrail"),
    ("unsure", "insufficient data"),
)
STYLE = (
    f"{SHARED}{ink.STYLE}"
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
.scenarios th,.scenarios .said{grid-column:1/-1}
.scenarios td::before{content:attr(data-column) " ";color:var(--soft)}
}
@media(max-width:34rem){
body{padding:1rem}h1{font-size:1.6rem}th,td{padding-right:.5rem}
.moments th:nth-child(4),.moments td:nth-child(4){display:none}
}
"""
)


SEVERAL = (
    "One burst lights several alarms, since each looks at it in its own way: how often requests fail now, how much "
    "worse the challenger is than the champion, how fast the error budget goes. They are one incident: what another "
    "alarm or the rollback says more urgently keeps quiet."
)


def page(outcomes: Sequence[Outcome], generated_at: datetime, title: str = TITLE) -> str:
    """The report; the same outcomes at the same time give the same bytes."""
    return document(
        title, _head(outcomes, generated_at, title) + "".join(map(_scenario, outcomes, _keys(outcomes))), STYLE
    )


def write(outcomes: Sequence[Outcome], path: Path, generated_at: datetime | None = None, title: str = TITLE) -> None:
    """Writes the report to the path, whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(page(outcomes, generated_at or datetime.now(UTC), title), encoding="utf-8")
    partial.replace(path)


def seconds(value: float | None) -> str:
    """Seconds as people read them: a tenth below a hundred, a dash for what did not happen."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")


def _keys(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"s{number}" for number in range(1, len(outcomes) + 1)]


def _head(outcomes: Sequence[Outcome], generated_at: datetime, title: str) -> str:
    passed = sum(each.passed for each in outcomes)
    titles = ["scenario", "expected", "seen", "", *(f"{stage} s" for stage, _ in STAGES)]
    rows = map(_summary, outcomes, _keys(outcomes))
    return (
        f'<header id="top"><h1>{text(title)}</h1><p><strong>{passed} of {len(outcomes)} scenarios passed.</strong></p>'
        f'<p class="soft">{text(SIMULATED)}</p>'
        f'<p class="soft">Written {_moment(generated_at)}.</p></header>'
        f'<div class="scenarios">{table(titles, rows, range(4, len(titles)))}</div>'
        '<p class="soft">Seconds to detect, decide, flip and recover count from the first bad datapoint. Platform: '
        "those of the time to the flip that AWS is stated to take. Ours: those that our own code worked for it.</p>"
    )


def _summary(outcome: Outcome, key: str) -> str:
    cells = (
        _named("expected", text(outcome.expected), "said"),
        _named("seen", text(outcome.seen), "said"),
        _named("", _verdict(outcome), "said"),
        *(_named(stage, seconds(getattr(outcome, name)), "n") for stage, name in STAGES),
    )
    return row(f'<a href="#{key}">{text(outcome.scenario)}</a>', cells, escaped=True)


def _named(column: str, content: str, kind: str) -> str:
    """A cell that says which column it is of, for where columns stand beneath each other."""
    return f'<td class="{kind}" data-column="{column}">{content}</td>'


def _verdict(outcome: Outcome) -> str:
    return '<span class="passed">✓ passed</span>' if outcome.passed else '<span class="failed">× failed</span>'


def _scenario(outcome: Outcome, key: str) -> str:
    timeline = outcome.timeline
    times = "".join(
        f"<span>{stage} <b>{seconds(value)}</b>{' s' if value is not None else ''}</span>"
        for stage, value in ((stage, getattr(outcome, name)) for stage, name in STAGES)
    )
    return section(
        f'<span id="{key}">{text(outcome.scenario)}</span> {_verdict(outcome)}',
        f"<p>{text(outcome.states)}</p>",
        f"<dl><dt>expected</dt><dd>{text(outcome.expected)}</dd><dt>seen</dt><dd>{text(outcome.seen)}</dd>"
        f'<dt>times</dt><dd class="times">{times}</dd></dl>',
        f"<figure><figcaption>{f'<h3>{text(timeline.title)}</h3>' if timeline.title != outcome.scenario else ''}"
        f'<p class="soft">{_moment(timeline.starts_at)}, {round(timeline.length_s / MINUTE):,} minutes</p>'
        f"{_key(timeline)}</figcaption>"
        f'<div class="broad">{drawing(timeline, BROAD, f"{key}b")}</div>'
        f'<div class="narrow">{drawing(timeline, NARROW, f"{key}n")}</div></figure>',
        _marks(timeline),
        _alarms(timeline),
        '<p class="soft"><a href="#top">All scenarios</a></p>',
    )


def _key(timeline: Timeline) -> str:
    """What lines, bars and the tint of a drawing mean."""
    shown = {each.kind if each.state == "ALARM" else "unsure" for each in timeline.alarms}
    samples = [(ink.slot_sample(timeline, slot), slot) for slot in timeline.slots]
    samples += [(ink.bar_sample(kind), said) for kind, said in BARS if kind in shown]
    if timeline.exposed is not None:
        samples.append((ink.wash_sample(), "from bad to recovered"))
    return f'<div class="key">{"".join(f"<span>{sample}{text(said)}</span>" for sample, said in samples)}</div>'


def _marks(timeline: Timeline) -> str:
    """The legend of the flags: when each was, and how long after the first bad datapoint."""
    origin = timeline.bad
    after = "s from the start" if origin is None else f"s from {'bad' if origin.kind == 'bad' else 'the fault'}"
    start = 0.0 if origin is None else origin.at_s
    rows = [
        row(
            ink.flag_sample(number, mark.kind),
            (
                cell(f"{timeline.read(mark.at_s)}", "v"),
                cell(_signed(mark.at_s - start), "n"),
                cell(text(mark.kind)),
                cell(text(mark.label)),
            ),
            escaped=True,
        )
        for number, mark in enumerate(timeline.ordered, 1)
    ]
    return f'<div class="moments">{table(["", "time", after, "kind", "what"], rows, (2,))}</div>' if rows else ""


def _signed(value: float) -> str:
    told = seconds(abs(value))
    return told if told == "0" else f"{'−' if value < 0 else '+'}{told}"


def _alarms(timeline: Timeline) -> str:
    if not timeline.alarms:
        return ""
    rows = [_span(timeline, span) for span in sorted(timeline.alarms, key=lambda each: (each.start_s, each.label))]
    listed = table(["alarm", "kind", "state", "from", "to", "what it says", "who heard"], rows)
    return (
        f"<details><summary>Alarms by their states: {len(rows)}</summary><p>{text(SEVERAL)}</p>"
        f'<div class="moments">{listed}</div></details>'
    )


def _span(timeline: Timeline, span: Span) -> str:
    until = "still so" if span.end_s is None else f"{timeline.read(span.end_s)}"
    start = f"{timeline.read(span.start_s)}"
    told = (cell(text(span.says)), cell(text(span.heard)))
    return row(span.label, (cell(span.kind), cell(text(span.state)), cell(start, "v"), cell(until, "v"), *told))


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
