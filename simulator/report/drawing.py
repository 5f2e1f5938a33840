"""Draws a timeline as SVG: panels over one time axis, alarms as bars beneath, and the marks through all of them."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.report import ink, panels
from simulator.report.layout import Clock, Flags, Frame, flags, ticks
from simulator.report.values import Mark, Span, Timeline
from tidewatch.html import length, text

BROAD = Frame(width=1150, left=216, right=20, above=False, columns=180)
NARROW = Frame(width=360, left=44, right=8, above=True, columns=110)
LEAD, GAP, LANE, AXIS = 16, 26, 20, 22
"""Heights of what leads from flags to the plot, between panels, of an alarm's lane and of the time axis."""
LETTER = 6.3
DIGIT = 7.1
"""The widths of a letter, on average, and of a digit, at most."""
KINDS = ("metric", "composite", "guardrail")
"""Alarms that begin at once stand as one leads to the next."""
BETWEEN = 74
"""Units between two times of the axis, at least."""


def drawing(timeline: Timeline, frame: Frame, key: str) -> str:
    """The timeline as one SVG of the frame's width.

    key: tells the drawings of a page apart; letters, digits and hyphens.
    """
    clock = Clock(frame, timeline.length_s)
    marks = timeline.ordered
    placed = flags([clock.x(mark.at_s) for mark in marks], ink.FLAG, frame.left, frame.width - frame.right - 9)
    top = placed.lanes * ink.FLAG + LEAD
    parts = [panels.bands(timeline, clock, top, key)]
    bottom = top + panels.height(frame, panels.SHARES)
    measured = panels.panels(timeline, frame)
    for panel in measured:
        parts.append(panels.lines(timeline, panel, clock, bottom + GAP))
        bottom += GAP + panels.height(frame, panels.LINES)
    told = "" if frame.above else panels.columns(timeline, measured, clock, top, bottom)
    bars, bottom = _alarms(timeline, clock, bottom + GAP)
    return (
        f'<svg viewBox="0 0 {frame.width} {length(bottom + AXIS)}" role="img" aria-label="{text(described(timeline))}">'
        f"<defs>{ink.hatches(timeline, key)}</defs>{_exposed(timeline, clock, top, bottom)}"
        f"{_axis(timeline, clock, top, bottom)}{_leads(marks, placed, clock, top, bottom)}{''.join(parts)}"
        f"{bars}{told}{_flags(timeline, marks, placed)}</svg>"
    )


def described(timeline: Timeline) -> str:
    """What a drawing says, for those who cannot see it."""
    told = "; ".join(f"{timeline.read(mark.at_s)} {mark.label}" for mark in timeline.ordered)
    return f"{timeline.title}, over {timeline.length_s:,.0f} seconds. {told}"


def lanes(spans: Sequence[Span]) -> list[tuple[str, list[Span]]]:
    """The alarms by their first firing, each with its spans: one lane an alarm."""
    found: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda each: (each.start_s, KINDS.index(each.kind), each.label)):
        found.setdefault(span.label, []).append(span)
    return list(found.items())


def _alarms(timeline: Timeline, clock: Clock, top: float) -> tuple[str, float]:
    """The alarms' lanes beneath top, and where they end."""
    frame = clock.frame
    drawn = panels.title(frame, top, "Alarms")
    if not timeline.alarms:
        at = top + panels.height(frame, LANE) - 8
        drawn += f'<text class="unit" x="{frame.left + 8}" y="{length(at)}">none fired</text>'
        return f'<g data-panel="alarms">{drawn}</g>', at + 8
    bottom = top + panels.TITLE
    for label, spans in lanes(timeline.alarms):
        middle = bottom + (LANE if frame.above else 0) + LANE / 2 - (4 if frame.above else 0)
        x, y = (frame.left, middle - 11) if frame.above else (0, middle + 4)
        room = frame.plot if frame.above else frame.left - 8
        bars = "".join(_bar(timeline, span, clock, middle) for span in spans)
        drawn += (
            f'<path class="grid" d="M{frame.left} {length(middle)}h{frame.plot}"/>{bars}'
            f'<g><text class="halo" x="{x}" y="{length(y)}">{text(_short(label, room))}</text>'
            f"<title>{text(label)}</title></g>"
        )
        bottom = middle + LANE / 2
    return f'<g data-panel="alarms">{drawn}</g>', bottom


def _bar(timeline: Timeline, span: Span, clock: Clock, middle: float) -> str:
    kind = span.kind if span.state == "ALARM" else "unsure"
    above, high = ink.bar(kind)
    end = timeline.length_s if span.end_s is None else span.end_s
    right = max(clock.x(end), clock.frame.left + 3)
    left = min(clock.x(span.start_s), right - 3)
    until = "still so at the end" if span.end_s is None else f"until {timeline.read(span.end_s)}"
    said = f"{span.label}\n{span.state} ({span.kind}) from {timeline.read(span.start_s)}, {until}"
    point = ""
    if span.end_s is None:
        point = f'<path class="still {kind}" d="M{length(right)} {length(middle - 7)}l7 7l-7 7z"/>'
    return (
        f'<g><rect class="{kind}" x="{length(left)}" y="{length(middle + above)}" width="{length(right - left)}" '
        f'height="{high}"/>{point}<title>{"&#10;".join(text(line) for line in said.splitlines())}</title></g>'
    )


def _short(label: str, room: float) -> str:
    """The label, without its middle where there is no room for it: names differ at their ends."""
    most = int(room / LETTER)
    head = most // 3
    return label if len(label) <= most else f"{label[:head]}…{label[len(label) - (most - head - 1) :]}"


def _exposed(timeline: Timeline, clock: Clock, top: float, bottom: float) -> str:
    if timeline.exposed is None:
        return ""
    left, right = (clock.x(each) for each in timeline.exposed)
    return (
        f'<rect class="wash" x="{length(left)}" y="{length(top)}" width="{length(right - left)}" '
        f'height="{length(bottom - top)}"/>'
    )


def _axis(timeline: Timeline, clock: Clock, top: float, bottom: float) -> str:
    frame = clock.frame
    rules, words = "", ""
    for at, read in ticks(timeline.moment(0), timeline.length_s, frame.plot // BETWEEN):
        x = clock.x(at)
        rules += f"M{length(x)} {length(top)}V{length(bottom + 4)}"
        half = len(read) * DIGIT / 2
        middle = min(max(x, half), frame.width - half)
        words += f'<text class="tick m" x="{length(middle)}" y="{length(bottom + 17)}">{read}</text>'
    zone = f'<text class="unit" x="0" y="{length(bottom + 17)}">UTC</text>'
    base = f'<path class="base" d="M{frame.left} {length(bottom)}h{frame.plot}"/>'
    return f'<path class="grid" d="{rules}"/>{base}{words}{zone}'


def _leads(marks: Sequence[Mark], placed: Flags, clock: Clock, top: float, bottom: float) -> str:
    """From each flag to its moment, and through the panels."""
    return "".join(
        f'<path class="lead {ink.group_of(mark.kind)}" d="M{length(place)} {length(_flag_y(placed, lane))}'
        f'V{length(top - LEAD)}L{length(clock.x(mark.at_s))} {length(top)}V{length(bottom)}"/>'
        for mark, (place, lane) in zip(marks, placed.places, strict=True)
    )


def _flags(timeline: Timeline, marks: Sequence[Mark], placed: Flags) -> str:
    return "".join(
        f'<g data-mark="{number}">{ink.flag(number, mark.kind, place, _flag_y(placed, lane))}'
        f"<title>{timeline.read(mark.at_s)} {text(mark.label)}</title></g>"
        for number, (mark, (place, lane)) in enumerate(zip(marks, placed.places, strict=True), 1)
    )


def _flag_y(placed: Flags, lane: int) -> float:
    return (placed.lanes - lane - 0.5) * ink.FLAG
