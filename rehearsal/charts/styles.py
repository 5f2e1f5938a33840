"""The look of variants, alarms and marks: each differs by its form and also by its colour."""

from __future__ import annotations

from typing import Literal

from rehearsal.charts.timeline import Timeline
from tidewatch.html import format_length

FLAG_SIZE = 20
"""A flag's size, with its margin."""
BAR_HEIGHT = 10
PROBLEM_KINDS = ("fault", "degraded", "alarm")
ACTION_KINDS = ("requested", "accepted", "flipped")
HUE_CLASSES = ("h0", "h1", "h2", "h3")
HUE_BY_VARIANT = {"blue": "h0", "green": "h2"}
"""Variants that are named after a colour have this colour."""
HATCH_PATHS = ("", "M-2 10L10 -2M-2 4L4 -2M4 10L10 4", "M0 4H8", "M4 0V8")
"""The hatches of the variants' bands, by the variant's index."""

STYLE = """
:root{--h0:#2563a8;--h1:#c85a00;--h2:#00805c;--h3:#9b4f96;--problem:#b3261e;--exposure:#b3261e12}
@media(prefers-color-scheme:dark){:root{--h0:#7ab3ee;--h1:#f0a35e;--h2:#4fcfa4;--h3:#d99ad4;--problem:#ff8a80;
--exposure:#ff8a801c}}
.h0{--hue:var(--h0)}.h1{--hue:var(--h1)}.h2{--hue:var(--h2)}.h3{--hue:var(--h3)}
.line{fill:none;stroke:var(--hue);stroke-width:2}
.s1{stroke-dasharray:6 3}.s2{stroke-dasharray:2 2.5}.s3{stroke-dasharray:9 3 2 3}
.tint{fill:var(--hue);fill-opacity:.22}.hatch{stroke:var(--hue);stroke-width:1.6;fill:none}
.grid{stroke:var(--line);fill:none}.base{stroke:var(--soft);fill:none}.exposure{fill:var(--exposure)}
svg .name{font-weight:600;font-size:12px}svg .unit,svg .tick{fill:var(--soft)}svg .m{text-anchor:middle}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.hit{fill:var(--ink);fill-opacity:0}.hit:hover{fill-opacity:.07}
.metric,.composite,.guardrail{stroke:var(--problem);fill:var(--problem)}
.composite{fill:var(--paper);stroke-width:2}.insufficient{fill:none;stroke:var(--soft);stroke-dasharray:2.5 2}
.still{fill:var(--problem)}.still.insufficient{fill:var(--soft);stroke:none}
.lead{fill:none;stroke:var(--soft);stroke-dasharray:1.5 2.5}.lead.problem{stroke:var(--problem);stroke-dasharray:none}
.lead.action{stroke:var(--ink);stroke-dasharray:5 2}
.flag{fill:var(--paper);stroke:var(--soft);stroke-width:1.5}.flag.problem{fill:var(--problem);stroke:var(--problem)}
.flag.action{fill:var(--ink);stroke:var(--ink)}
svg .number{text-anchor:middle;font-weight:600;fill:var(--paper)}svg .number.other{fill:var(--ink)}
"""


def choose_hue(timeline: Timeline, variant: str) -> str:
    """The class of a variant's colour: the colour it is named after, or the next unused one."""
    if variant in HUE_BY_VARIANT:
        return HUE_BY_VARIANT[variant]
    free_hues = [
        each for each in HUE_CLASSES if each not in {HUE_BY_VARIANT.get(variant) for variant in timeline.variants}
    ]
    others = [each for each in timeline.variants if each not in HUE_BY_VARIANT]
    return free_hues[others.index(variant) % len(free_hues)]


def build_line_classes(timeline: Timeline, variant: str) -> str:
    """The classes of a variant's line: its colour, and its dashes by its index."""
    return f"line {choose_hue(timeline, variant)} s{timeline.variants.index(variant) % 4}"


def render_hatches(timeline: Timeline, key: str) -> str:
    """The patterns of the variants' bands, {key}-{index}; the first variant's band has no hatch."""
    return "".join(
        f'<pattern id="{key}-{index}" width="8" height="8" patternUnits="userSpaceOnUse" '
        f'class="{choose_hue(timeline, variant)}">'
        f'<path class="hatch" d="{HATCH_PATHS[index % len(HATCH_PATHS)]}"/></pattern>'
        for index, variant in enumerate(timeline.variants)
        if index
    )


def measure_bar(kind: str) -> tuple[float, int]:
    """The top of an alarm's bar below the middle of its lane (negative: above), and its height.

    `kind` is a span's kind, or "insufficient" for a span with insufficient data.
    """
    height = {"guardrail": BAR_HEIGHT + 4, "insufficient": BAR_HEIGHT - 4}.get(kind, BAR_HEIGHT)
    return -height / 2, height


def render_flag(number: int, kind: str, x: float = FLAG_SIZE / 2, y: float = FLAG_SIZE / 2) -> str:
    """A mark's number in its flag.

    A problem is round and filled, an action square and filled, others round and hollow.
    """
    size, group = FLAG_SIZE - 3, classify_mark(kind)
    corner = 3 if group == "action" else size / 2
    return (
        f'<rect class="flag {group}" x="{format_length(x - size / 2)}" y="{format_length(y - size / 2)}" '
        f'width="{size}" height="{size}" rx="{format_length(corner)}"/>'
        f'<text class="number {group}" x="{format_length(x)}" y="{format_length(y + 4)}">{number}</text>'
    )


def classify_mark(kind: str) -> Literal["problem", "action", "other"]:
    """The class of look for a mark's kind."""
    return "problem" if kind in PROBLEM_KINDS else "action" if kind in ACTION_KINDS else "other"


def render_flag_sample(number: int, kind: str) -> str:
    """A flag for a line of text."""
    return (
        f'<svg class="pin" viewBox="0 0 {FLAG_SIZE} {FLAG_SIZE}" aria-hidden="true">{render_flag(number, kind)}</svg>'
    )


def render_variant_sample(timeline: Timeline, variant: str) -> str:
    """A variant's line, for the text beside its name."""
    return _render_sample(f'<path class="{build_line_classes(timeline, variant)}" d="M0 8H34"/>')


def render_bar_sample(kind: str) -> str:
    """An alarm's bar, for the legend."""
    top, height = measure_bar(kind)
    return _render_sample(f'<rect class="{kind}" x="1" y="{format_length(8 + top)}" width="32" height="{height}"/>')


def render_exposure_sample() -> str:
    return _render_sample('<rect class="exposure" width="34" height="16"/>')


def _render_sample(svg: str) -> str:
    return f'<svg class="sample" viewBox="0 0 34 16" aria-hidden="true">{svg}</svg>'
