"""Draws a timeline as SVG: panels over one time axis, alarms as bars below them, and marks across all of them."""

from __future__ import annotations

from collections.abc import Sequence

from rehearsal.charts import panels, styles
from rehearsal.charts.layout import FlagLayout, Frame, TimeAxis, compute_ticks, place_flags
from rehearsal.charts.timeline import AlarmSpan, Mark, Timeline
from tidewatch.html import escape_html, format_length

BROAD = Frame(width=1150, left=216, right=20, has_titles_above=False, max_datapoints=180)
NARROW = Frame(width=360, left=44, right=8, has_titles_above=True, max_datapoints=110)
LEAD, GAP, LANE, AXIS = 16, 26, 20, 22
"""Heights of the lines from the flags to the plot, of the gap between panels, of an alarm's lane and of the time
axis."""
LETTER_WIDTH = 6.3
DIGIT_WIDTH = 7.1
"""The average width of a letter, and the maximum width of a digit."""
ALARM_KIND_ORDER = ("metric", "composite", "guardrail")
"""The order of alarms that begin at the same time: each kind leads to the next."""
MIN_TICK_SPACING = 74
"""Minimum units between two ticks of the time axis."""


def render_timeline(timeline: Timeline, frame: Frame, key: str) -> str:
    """The timeline as one SVG of the frame's width.

    `key` distinguishes the drawings of a page; letters, digits and hyphens.
    """
    clock = TimeAxis(frame, timeline.length_s)
    marks = timeline.sorted_marks
    flag_layout = place_flags(
        [clock.to_x(mark.at_s) for mark in marks], styles.FLAG_SIZE, frame.left, frame.width - frame.right - 9
    )
    top = flag_layout.lanes * styles.FLAG_SIZE + LEAD
    parts = [panels.render_bands(timeline, clock, top, key)]
    bottom = top + panels.compute_height(frame, panels.SHARES)
    line_panels = panels.build_panels(timeline, frame)
    for panel in line_panels:
        parts.append(panels.render_lines(timeline, panel, clock, bottom + GAP))
        bottom += GAP + panels.compute_height(frame, panels.LINES)
    hover_columns = (
        "" if frame.has_titles_above else panels.render_hover_columns(timeline, line_panels, clock, top, bottom)
    )
    bars, bottom = _render_alarm_lanes(timeline, clock, bottom + GAP)
    return (
        f'<svg viewBox="0 0 {frame.width} {format_length(bottom + AXIS)}" role="img" '
        f'aria-label="{escape_html(describe_timeline(timeline))}">'
        f"<defs>{styles.render_hatches(timeline, key)}</defs>{_render_exposure(timeline, clock, top, bottom)}"
        f"{_render_axis(timeline, clock, top, bottom)}{_render_leads(marks, flag_layout, clock, top, bottom)}"
        f"{''.join(parts)}"
        f"{bars}{hover_columns}{_render_flags(timeline, marks, flag_layout)}</svg>"
    )


def describe_timeline(timeline: Timeline) -> str:
    """The content of a drawing as text, for those who cannot see it."""
    marks_text = "; ".join(f"{timeline.format_time(mark.at_s)} {mark.label}" for mark in timeline.sorted_marks)
    return f"{timeline.title}, over {timeline.length_s:,.0f} seconds. {marks_text}"


def group_lanes(spans: Sequence[AlarmSpan]) -> list[tuple[str, list[AlarmSpan]]]:
    """The alarms in the order of their first firing, each with its spans: one lane an alarm."""
    found: dict[str, list[AlarmSpan]] = {}
    for span in sorted(spans, key=lambda each: (each.start_s, ALARM_KIND_ORDER.index(each.kind), each.label)):
        found.setdefault(span.label, []).append(span)
    return list(found.items())


def _render_alarm_lanes(timeline: Timeline, clock: TimeAxis, top: float) -> tuple[str, float]:
    """The alarms' lanes below `top`, and their lower end."""
    frame = clock.frame
    svg = panels.render_title(frame, top, "Alarms")
    if not timeline.alarms:
        text_y = top + panels.compute_height(frame, LANE) - 8
        svg += f'<text class="unit" x="{frame.left + 8}" y="{format_length(text_y)}">none fired</text>'
        return f'<g data-panel="alarms">{svg}</g>', text_y + 8
    bottom = top + panels.TITLE
    for label, spans in group_lanes(timeline.alarms):
        middle = bottom + (LANE if frame.has_titles_above else 0) + LANE / 2 - (4 if frame.has_titles_above else 0)
        x, y = (frame.left, middle - 11) if frame.has_titles_above else (0, middle + 4)
        max_width = frame.plot_width if frame.has_titles_above else frame.left - 8
        bars = "".join(_render_bar(timeline, span, clock, middle) for span in spans)
        svg += (
            f'<path class="grid" d="M{frame.left} {format_length(middle)}h{frame.plot_width}"/>{bars}'
            f'<g><text class="halo" x="{x}" y="{format_length(y)}">{escape_html(_shorten(label, max_width))}</text>'
            f"<title>{escape_html(label)}</title></g>"
        )
        bottom = middle + LANE / 2
    return f'<g data-panel="alarms">{svg}</g>', bottom


def _render_bar(timeline: Timeline, span: AlarmSpan, clock: TimeAxis, middle: float) -> str:
    kind = span.kind if span.state == "ALARM" else "insufficient"
    offset, bar_height = styles.measure_bar(kind)
    end = timeline.length_s if span.end_s is None else span.end_s
    right = max(clock.to_x(end), clock.frame.left + 3)
    left = min(clock.to_x(span.start_s), right - 3)
    until = "ongoing at the end" if span.end_s is None else f"until {timeline.format_time(span.end_s)}"
    tooltip = f"{span.label}\n{span.state} ({span.kind}) from {timeline.format_time(span.start_s)}, {until}"
    marker = ""
    if span.end_s is None:
        marker = f'<path class="still {kind}" d="M{format_length(right)} {format_length(middle - 7)}l7 7l-7 7z"/>'
    return (
        f'<g><rect class="{kind}" x="{format_length(left)}" y="{format_length(middle + offset)}" '
        f'width="{format_length(right - left)}" height="{bar_height}"/>{marker}'
        f"<title>{'&#10;'.join(escape_html(line) for line in tooltip.splitlines())}</title></g>"
    )


def _shorten(label: str, max_width: float) -> str:
    """The label, without its middle if it is too long: names differ at their ends."""
    max_letters = int(max_width / LETTER_WIDTH)
    head = max_letters // 3
    return label if len(label) <= max_letters else f"{label[:head]}…{label[len(label) - (max_letters - head - 1) :]}"


def _render_exposure(timeline: Timeline, clock: TimeAxis, top: float, bottom: float) -> str:
    if timeline.exposure is None:
        return ""
    left, right = (clock.to_x(each) for each in timeline.exposure)
    return (
        f'<rect class="exposure" x="{format_length(left)}" y="{format_length(top)}" '
        f'width="{format_length(right - left)}" height="{format_length(bottom - top)}"/>'
    )


def _render_axis(timeline: Timeline, clock: TimeAxis, top: float, bottom: float) -> str:
    frame = clock.frame
    rules, labels = "", ""
    for at_s, label in compute_ticks(timeline.to_datetime(0), timeline.length_s, frame.plot_width // MIN_TICK_SPACING):
        x = clock.to_x(at_s)
        rules += f"M{format_length(x)} {format_length(top)}V{format_length(bottom + 4)}"
        half = len(label) * DIGIT_WIDTH / 2
        middle = min(max(x, half), frame.width - half)
        labels += f'<text class="tick m" x="{format_length(middle)}" y="{format_length(bottom + 17)}">{label}</text>'
    zone = f'<text class="unit" x="0" y="{format_length(bottom + 17)}">UTC</text>'
    base = f'<path class="base" d="M{frame.left} {format_length(bottom)}h{frame.plot_width}"/>'
    return f'<path class="grid" d="{rules}"/>{base}{labels}{zone}'


def _render_leads(marks: Sequence[Mark], flag_layout: FlagLayout, clock: TimeAxis, top: float, bottom: float) -> str:
    """The lines from each flag to its moment, and through the panels."""
    return "".join(
        f'<path class="lead {styles.classify_mark(mark.kind)}" '
        f'd="M{format_length(flag_x)} {format_length(_compute_flag_y(flag_layout, lane))}V{format_length(top - LEAD)}'
        f'L{format_length(clock.to_x(mark.at_s))} {format_length(top)}V{format_length(bottom)}"/>'
        for mark, (flag_x, lane) in zip(marks, flag_layout.positions, strict=True)
    )


def _render_flags(timeline: Timeline, marks: Sequence[Mark], flag_layout: FlagLayout) -> str:
    return "".join(
        f'<g data-mark="{number}">{styles.render_flag(number, mark.kind, flag_x, _compute_flag_y(flag_layout, lane))}'
        f"<title>{timeline.format_time(mark.at_s)} {escape_html(mark.label)}</title></g>"
        for number, (mark, (flag_x, lane)) in enumerate(zip(marks, flag_layout.positions, strict=True), 1)
    )


def _compute_flag_y(flag_layout: FlagLayout, lane: int) -> float:
    return (flag_layout.lanes - lane - 0.5) * styles.FLAG_SIZE
