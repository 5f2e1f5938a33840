"""How slots, alarms and marks look: each told apart by its form, and by its colour besides."""

from __future__ import annotations

from typing import Literal

from simulator.report.values import Timeline
from tidewatch.html import length

FLAG = 20
"""A flag's size, with the air around it."""
BAR = 10
TROUBLE = ("fault", "bad", "alarm")
ACTS = ("asked", "accepted", "flipped")
HUES = ("h0", "h1", "h2", "h3")
NAMED = {"blue": "h0", "green": "h2"}
"""Slots named by a colour are drawn in it."""
FORMS = ("", "M-2 10L10 -2M-2 4L4 -2M4 10L10 4", "M0 4H8", "M4 0V8")
"""What fills the bands of the slots, by their place."""

STYLE = """
:root{--h0:#2563a8;--h1:#c85a00;--h2:#00805c;--h3:#9b4f96;--trouble:#b3261e;--wash:#b3261e12}
@media(prefers-color-scheme:dark){:root{--h0:#7ab3ee;--h1:#f0a35e;--h2:#4fcfa4;--h3:#d99ad4;--trouble:#ff8a80;
--wash:#ff8a801c}}
.h0{--hue:var(--h0)}.h1{--hue:var(--h1)}.h2{--hue:var(--h2)}.h3{--hue:var(--h3)}
.line{fill:none;stroke:var(--hue);stroke-width:2}
.s1{stroke-dasharray:6 3}.s2{stroke-dasharray:2 2.5}.s3{stroke-dasharray:9 3 2 3}
.tint{fill:var(--hue);fill-opacity:.22}.hatch{stroke:var(--hue);stroke-width:1.6;fill:none}
.grid{stroke:var(--line);fill:none}.base{stroke:var(--soft);fill:none}.wash{fill:var(--wash)}
svg .name{font-weight:600;font-size:12px}svg .unit,svg .tick{fill:var(--soft)}svg .m{text-anchor:middle}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.hit{fill:var(--ink);fill-opacity:0}.hit:hover{fill-opacity:.07}
.metric,.composite,.guardrail{stroke:var(--trouble);fill:var(--trouble)}
.composite{fill:var(--paper);stroke-width:2}.unsure{fill:none;stroke:var(--soft);stroke-dasharray:2.5 2}
.still{fill:var(--trouble)}.still.unsure{fill:var(--soft);stroke:none}
.lead{fill:none;stroke:var(--soft);stroke-dasharray:1.5 2.5}.lead.trouble{stroke:var(--trouble);stroke-dasharray:none}
.lead.act{stroke:var(--ink);stroke-dasharray:5 2}
.flag{fill:var(--paper);stroke:var(--soft);stroke-width:1.5}.flag.trouble{fill:var(--trouble);stroke:var(--trouble)}
.flag.act{fill:var(--ink);stroke:var(--ink)}
svg .number{text-anchor:middle;font-weight:600;fill:var(--paper)}svg .number.other{fill:var(--ink)}
"""


def hue(timeline: Timeline, slot: str) -> str:
    """The class of a slot's colour: the one it is named by, or in order what such names leave."""
    if slot in NAMED:
        return NAMED[slot]
    left = [each for each in HUES if each not in {NAMED.get(one) for one in timeline.slots}]
    others = [each for each in timeline.slots if each not in NAMED]
    return left[others.index(slot) % len(left)]


def stroke(timeline: Timeline, slot: str) -> str:
    """The classes of a slot's line: its colour, and its dashes by its place."""
    return f"line {hue(timeline, slot)} s{timeline.slots.index(slot) % 4}"


def hatches(timeline: Timeline, key: str) -> str:
    """The patterns of the slots' bands, {key}-{place}; the first slot's band is plain."""
    return "".join(
        f'<pattern id="{key}-{at}" width="8" height="8" patternUnits="userSpaceOnUse" class="{hue(timeline, slot)}">'
        f'<path class="hatch" d="{FORMS[at % len(FORMS)]}"/></pattern>'
        for at, slot in enumerate(timeline.slots)
        if at
    )


def bar(kind: str) -> tuple[float, int]:
    """How far beneath the middle of its lane the bar of an alarm begins (negative: above), and its height.

    kind: of a span, or "unsure" for one with insufficient data.
    """
    height = {"guardrail": BAR + 4, "unsure": BAR - 4}.get(kind, BAR)
    return -height / 2, height


def flag(number: int, kind: str, x: float = FLAG / 2, y: float = FLAG / 2) -> str:
    """A mark's number: trouble is round and full, an act square and full, anything else round and hollow."""
    size, group = FLAG - 3, group_of(kind)
    corner = 3 if group == "act" else size / 2
    return (
        f'<rect class="flag {group}" x="{length(x - size / 2)}" y="{length(y - size / 2)}" '
        f'width="{size}" height="{size}" rx="{length(corner)}"/>'
        f'<text class="number {group}" x="{length(x)}" y="{length(y + 4)}">{number}</text>'
    )


def group_of(kind: str) -> Literal["trouble", "act", "other"]:
    """What a mark's kind looks like."""
    return "trouble" if kind in TROUBLE else "act" if kind in ACTS else "other"


def flag_sample(number: int, kind: str) -> str:
    """A flag to stand in a line of text."""
    return f'<svg class="pin" viewBox="0 0 {FLAG} {FLAG}" aria-hidden="true">{flag(number, kind)}</svg>'


def slot_sample(timeline: Timeline, slot: str) -> str:
    """A slot's line, to stand beside its name."""
    return _sample(f'<path class="{stroke(timeline, slot)}" d="M0 8H34"/>')


def bar_sample(kind: str) -> str:
    """A bar of an alarm, to stand beside what it means."""
    top, height = bar(kind)
    return _sample(f'<rect class="{kind}" x="1" y="{length(8 + top)}" width="32" height="{height}"/>')


def wash_sample() -> str:
    return _sample('<rect class="wash" width="34" height="16"/>')


def _sample(drawn: str) -> str:
    return f'<svg class="sample" viewBox="0 0 34 16" aria-hidden="true">{drawn}</svg>'
