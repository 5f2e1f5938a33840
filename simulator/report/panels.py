"""Draws what was measured: the shares as bands, and requests, errors and latency as lines of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from simulator.report import ink
from simulator.report.layout import Clock, Frame, Scale, scale, steps, thinned
from simulator.report.values import Series, Timeline
from tidewatch.html import length, percent, text

TITLE = 20
SHARES, LINES = 64, 84
"""Heights of a panel of bands and of one of lines, without a title above."""


@dataclass(frozen=True)
class Measure:
    """What a panel shows. least, most: the lowest and the highest that its axis may end at."""

    title: str
    unit: str
    read: Callable[[float], str]
    """A value, in a sentence."""
    tick: Callable[[float], str]
    least: float = 1.0
    most: float = math.inf


def _per_cent(share: float) -> str:
    return f"{100 * share:g}%"


def _short(value: float) -> str:
    for least, size, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= least:
            return f"{value / size:,g}{unit}"
    return f"{value:,g}"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"


SHARE = Measure("Live traffic", "share", percent, _per_cent, 1.0, 1.0)
REQUESTS = Measure("Requests", "a minute", lambda value: f"{value:,.0f} requests", _short, 3.0)
ERRORS = Measure("Errors", "share of requests", lambda value: f"{percent(value)} errors", _per_cent, 0.01, 1.0)
LATENCY = Measure("Latency", "milliseconds", _milliseconds, _short)


@dataclass(frozen=True)
class Panel:
    """A measure with its series, as many datapoints of them as a frame can show."""

    measure: Measure
    series: tuple[Series, ...]


def panels(timeline: Timeline, frame: Frame) -> list[Panel]:
    """The panels of lines; latency is left out where nobody measured it."""
    measured = [(REQUESTS, timeline.requests), (ERRORS, timeline.error_share)]
    if any(each.values for each in timeline.latency_ms):
        measured.append((LATENCY, timeline.latency_ms))
    return [
        Panel(measure, tuple(thinned(each, timeline.length_s, frame.columns) for each in series))
        for measure, series in measured
    ]


def title(frame: Frame, top: float, name: str, unit: str = "") -> str:
    """The title of what begins at top; beneath it stands its plot where the frame has titles above, else beside it."""
    if frame.above:
        return (
            f'<text class="halo" x="{frame.left}" y="{length(top + 13)}"><tspan class="name">{name}</tspan>'
            f'<tspan class="unit" dx="6">{unit}</tspan></text>'
        )
    return (
        f'<text class="name" x="0" y="{length(top + 12)}">{name}</text>'
        f'<text class="unit" x="0" y="{length(top + 27)}">{unit}</text>'
    )


def height(frame: Frame, plot: int) -> int:
    """The height of a panel whose plot has the height given."""
    return plot + (TITLE if frame.above else 0)


def lines(timeline: Timeline, panel: Panel, clock: Clock, top: float) -> str:
    """A panel of lines, `height(frame, LINES)` high."""
    frame, measure = clock.frame, panel.measure
    bottom = top + height(frame, LINES)
    values = [value for each in panel.series for value in each.values]
    axis = scale(values, measure.least, 3, measure.most)
    drawn = ""
    for series in panel.series:
        if path := _path(series, clock, lambda value: axis.y(value, bottom, LINES)):
            drawn += f'<path class="{ink.stroke(timeline, series.slot)}" d="{path}"/>'
    drawn = drawn or f'<text class="unit" x="{frame.left + 8}" y="{length(bottom - LINES / 2)}">no datapoints</text>'
    return _group(measure, title(frame, top, measure.title, measure.unit), _ruled(clock, measure, axis, bottom), drawn)


def bands(timeline: Timeline, clock: Clock, top: float, key: str) -> str:
    """The live shares, one upon the other, `height(frame, SHARES)` high. key: of the drawing's patterns."""
    axis = Scale(1.0, (0.0, 0.5, 1.0))
    bottom = top + height(clock.frame, SHARES)
    shapes = {series.slot: "" for series in timeline.shares}
    for start, end, shares in together(timeline.shares, timeline.length_s):
        floor = 0.0
        for slot, share in shares.items():
            low, high = (length(axis.y(each, bottom, SHARES)) for each in (floor, floor + share))
            if share > 0:
                shapes[slot] += f"M{length(clock.x(start))} {low}V{high}H{length(clock.x(end))}V{low}z"
            floor += share
    drawn = ""
    for slot, shape in shapes.items():
        at = timeline.slots.index(slot)
        drawn += f'<g class="{ink.hue(timeline, slot)}"><path class="tint" d="{shape}"/>'
        drawn += (f'<path fill="url(#{key}-{at})" d="{shape}"/>' if at else "") + "</g>"
    name = title(clock.frame, top, SHARE.title, SHARE.unit)
    return _group(SHARE, name, drawn, _ruled(clock, SHARE, axis, bottom))


def together(shares: Sequence[Series], length_s: float) -> list[tuple[float, float, dict[str, float]]]:
    """(from, to, share by slot) for as long as no share changes; what adds up to more than 1 is scaled down to it."""
    held = {each.slot: [step for run in steps(each, length_s, hold=True) for step in run] for each in shares}
    cuts = sorted({time for each in held.values() for start, end, _ in each for time in (start, end)})
    found: list[tuple[float, float, dict[str, float]]] = []
    for start, end in pairwise(cuts):
        now = {slot: max(_at(each, start), 0.0) for slot, each in held.items()}
        over = max(sum(now.values()), 1.0)
        now = {slot: share / over for slot, share in now.items()}
        if found and found[-1][2] == now:
            start = found.pop()[0]
        found.append((start, end, now))
    return found


def _at(held: Sequence[tuple[float, float, float]], time: float) -> float:
    return next((value for start, end, value in held if start <= time < end), 0.0)


def columns(timeline: Timeline, drawn: Sequence[Panel], clock: Clock, top: float, bottom: float) -> str:
    """What the datapoints of each moment say, where the pointer rests."""
    said: dict[float, dict[str, list[str]]] = {}
    for panel in drawn:
        for series in panel.series:
            for run in steps(series, timeline.length_s):
                for start, _, value in run:
                    said.setdefault(start, {}).setdefault(series.slot, []).append(panel.measure.read(value))
    found = ""
    for start, end in pairwise([*sorted(said), timeline.length_s]):
        told = "\n".join(f"{text(slot)}: {', '.join(map(text, each))}" for slot, each in said[start].items())
        found += (
            f'<rect class="hit" x="{length(clock.x(start))}" y="{length(top)}" '
            f'width="{length(clock.x(end) - clock.x(start))}" height="{length(bottom - top)}">'
            f"<title>{timeline.read(start)}\n{told}</title></rect>"
        )
    return found


def _group(measure: Measure, *parts: str) -> str:
    return f'<g data-panel="{measure.title.lower()}">{"".join(parts)}</g>'


def _ruled(clock: Clock, measure: Measure, axis: Scale, bottom: float) -> str:
    """Rules across the plot, and what each stands for."""
    frame = clock.frame
    plot = SHARES if measure is SHARE else LINES
    rules, words = "", ""
    for value in axis.ticks:
        y = axis.y(value, bottom, plot)
        rules += f"M{frame.left} {length(y)}h{frame.plot}"
        words += f'<text class="tick l" x="{frame.left - 6}" y="{length(y + 4)}">{measure.tick(value)}</text>'
    return f'<path class="grid" d="{rules}"/>{words}'


def _path(series: Series, clock: Clock, place: Callable[[float], float]) -> str:
    """A line of steps; what stays level is one stroke."""
    path = ""
    for run in steps(series, clock.length_s):
        level = length(place(run[0][2]))
        path += f"M{length(clock.x(run[0][0]))} {level}"
        for start, _, value in run[1:]:
            if (following := length(place(value))) != level:
                level = following
                path += f"H{length(clock.x(start))}V{level}"
        path += f"H{length(clock.x(run[-1][1]))}"
    return path
