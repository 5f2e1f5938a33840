"""Draws the measurements: the shares as bands; requests, errors and latency as step lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rehearsal.charts import styles
from rehearsal.charts.layout import Frame, TimeAxis, ValueAxis, downsample, fit_value_axis, split_runs
from rehearsal.charts.timeline import Timeline, VariantSeries
from tidewatch.html import escape_html, format_length, format_percent

TITLE = 20
SHARES, LINES = 64, 84
"""Heights of a panel of bands and of a panel of lines, without a title above."""


@dataclass(frozen=True)
class Measure:
    """The quantity of a panel."""

    title: str
    unit: str
    format_value: Callable[[float], str]
    """Formats a value for a sentence."""
    format_tick: Callable[[float], str]
    """Formats a value for a tick."""
    least: float = 1.0
    """The lowest end of the axis."""
    most: float = math.inf
    """The highest end of the axis."""


def _format_percent(share: float) -> str:
    return f"{100 * share:g}%"


def _format_short(value: float) -> str:
    for least, size, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= least:
            return f"{value / size:,g}{unit}"
    return f"{value:,g}"


def _format_milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"


SHARE = Measure("Live traffic", "share", format_percent, _format_percent, 1.0, 1.0)
REQUESTS = Measure("Requests", "a minute", lambda value: f"{value:,.0f} requests", _format_short, 3.0)
ERRORS = Measure(
    "Errors", "share of requests", lambda value: f"{format_percent(value)} errors", _format_percent, 0.01, 1.0
)
LATENCY = Measure("Latency", "milliseconds", _format_milliseconds, _format_short)


@dataclass(frozen=True)
class Panel:
    """A measure with its series, downsampled for the frame."""

    measure: Measure
    series: tuple[VariantSeries, ...]


def build_panels(timeline: Timeline, frame: Frame) -> list[Panel]:
    """The panels of lines; latency is left out if there is no measurement."""
    measured_series = [(REQUESTS, timeline.requests), (ERRORS, timeline.error_share)]
    if any(each.values for each in timeline.latency_ms):
        measured_series.append((LATENCY, timeline.latency_ms))
    return [
        Panel(measure, tuple(downsample(each, timeline.length_s, frame.max_datapoints) for each in series))
        for measure, series in measured_series
    ]


def render_title(frame: Frame, top: float, name: str, unit: str = "") -> str:
    """The title of the panel that begins at `top`.

    The plot is below it if the frame has titles above, and to its right otherwise.
    """
    if frame.has_titles_above:
        return (
            f'<text class="halo" x="{frame.left}" y="{format_length(top + 13)}"><tspan class="name">{name}</tspan>'
            f'<tspan class="unit" dx="6">{unit}</tspan></text>'
        )
    return (
        f'<text class="name" x="0" y="{format_length(top + 12)}">{name}</text>'
        f'<text class="unit" x="0" y="{format_length(top + 27)}">{unit}</text>'
    )


def compute_height(frame: Frame, plot: int) -> int:
    """The height of a panel with a plot of that height."""
    return plot + (TITLE if frame.has_titles_above else 0)


def render_lines(timeline: Timeline, panel: Panel, clock: TimeAxis, top: float) -> str:
    """A panel of lines, `compute_height(frame, LINES)` high."""
    frame, measure = clock.frame, panel.measure
    bottom = top + compute_height(frame, LINES)
    values = [value for each in panel.series for value in each.values]
    axis = fit_value_axis(values, measure.least, 3, measure.most)
    svg = ""
    for series in panel.series:
        if path := _build_path(series, clock, lambda value: axis.to_y(value, bottom, LINES)):
            svg += f'<path class="{styles.build_line_classes(timeline, series.variant)}" d="{path}"/>'
    svg = svg or f'<text class="unit" x="{frame.left + 8}" y="{format_length(bottom - LINES / 2)}">no datapoints</text>'
    return _wrap_panel(
        measure, render_title(frame, top, measure.title, measure.unit), _render_rules(clock, measure, axis, bottom), svg
    )


def render_bands(timeline: Timeline, clock: TimeAxis, top: float, key: str) -> str:
    """The live shares as stacked bands, `compute_height(frame, SHARES)` high. `key` prefixes the drawing's patterns."""
    axis = ValueAxis(1.0, (0.0, 0.5, 1.0))
    bottom = top + compute_height(clock.frame, SHARES)
    shapes = {series.variant: "" for series in timeline.shares}
    for start, end, shares in merge_shares(timeline.shares, timeline.length_s):
        floor = 0.0
        for variant, share in shares.items():
            low, high = (format_length(axis.to_y(each, bottom, SHARES)) for each in (floor, floor + share))
            if share > 0:
                shapes[variant] += (
                    f"M{format_length(clock.to_x(start))} {low}V{high}H{format_length(clock.to_x(end))}V{low}z"
                )
            floor += share
    svg = ""
    for variant, shape in shapes.items():
        index = timeline.variants.index(variant)
        svg += f'<g class="{styles.choose_hue(timeline, variant)}"><path class="tint" d="{shape}"/>'
        svg += (f'<path fill="url(#{key}-{index})" d="{shape}"/>' if index else "") + "</g>"
    name = render_title(clock.frame, top, SHARE.title, SHARE.unit)
    return _wrap_panel(SHARE, name, svg, _render_rules(clock, SHARE, axis, bottom))


def merge_shares(shares: Sequence[VariantSeries], length_s: float) -> list[tuple[float, float, dict[str, float]]]:
    """(from, to, share by variant) for each period without a change; a sum above 1 is scaled down to 1."""
    runs_by_variant = {
        each.variant: [step for run in split_runs(each, length_s, hold=True) for step in run] for each in shares
    }
    cuts = sorted({time for each in runs_by_variant.values() for start, end, _ in each for time in (start, end)})
    segments: list[tuple[float, float, dict[str, float]]] = []
    for start, end in pairwise(cuts):
        current_shares = {variant: max(_find_value(each, start), 0.0) for variant, each in runs_by_variant.items()}
        total = max(sum(current_shares.values()), 1.0)
        current_shares = {variant: share / total for variant, share in current_shares.items()}
        if segments and segments[-1][2] == current_shares:
            start = segments.pop()[0]
        segments.append((start, end, current_shares))
    return segments


def _find_value(runs: Sequence[tuple[float, float, float]], time: float) -> float:
    return next((value for start, end, value in runs if start <= time < end), 0.0)


def render_hover_columns(
    timeline: Timeline, line_panels: Sequence[Panel], clock: TimeAxis, top: float, bottom: float
) -> str:
    """The tooltips with the datapoints of each moment."""
    texts_by_start: dict[float, dict[str, list[str]]] = {}
    for panel in line_panels:
        for series in panel.series:
            for run in split_runs(series, timeline.length_s):
                for start, _, value in run:
                    texts_by_start.setdefault(start, {}).setdefault(series.variant, []).append(
                        panel.measure.format_value(value)
                    )
    svg = ""
    for start, end in pairwise([*sorted(texts_by_start), timeline.length_s]):
        tooltip = "\n".join(
            f"{escape_html(variant)}: {', '.join(map(escape_html, each))}"
            for variant, each in texts_by_start[start].items()
        )
        svg += (
            f'<rect class="hit" x="{format_length(clock.to_x(start))}" y="{format_length(top)}" '
            f'width="{format_length(clock.to_x(end) - clock.to_x(start))}" height="{format_length(bottom - top)}">'
            f"<title>{timeline.format_time(start)}\n{tooltip}</title></rect>"
        )
    return svg


def _wrap_panel(measure: Measure, *elements: str) -> str:
    return f'<g data-panel="{measure.title.lower()}">{"".join(elements)}</g>'


def _render_rules(clock: TimeAxis, measure: Measure, axis: ValueAxis, bottom: float) -> str:
    """The horizontal rules of the plot, with their labels."""
    frame = clock.frame
    plot = SHARES if measure is SHARE else LINES
    rules, labels = "", ""
    for value in axis.ticks:
        y = axis.to_y(value, bottom, plot)
        rules += f"M{frame.left} {format_length(y)}h{frame.plot_width}"
        labels += (
            f'<text class="tick l" x="{frame.left - 6}" y="{format_length(y + 4)}">{measure.format_tick(value)}</text>'
        )
    return f'<path class="grid" d="{rules}"/>{labels}'


def _build_path(series: VariantSeries, clock: TimeAxis, to_y: Callable[[float], float]) -> str:
    """A step line; a level part is one stroke."""
    path = ""
    for run in split_runs(series, clock.length_s):
        level = format_length(to_y(run[0][2]))
        path += f"M{format_length(clock.to_x(run[0][0]))} {level}"
        for start, _, value in run[1:]:
            if (following := format_length(to_y(value))) != level:
                level = following
                path += f"H{format_length(clock.to_x(start))}V{level}"
        path += f"H{format_length(clock.to_x(run[-1][1]))}"
    return path
