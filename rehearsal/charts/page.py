"""The report of game days as one HTML file: a table of the scenarios, then each with its timeline as chart and list."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from rehearsal.charts import styles
from rehearsal.charts.timeline import GameDayOutcome, Timeline
from rehearsal.charts.timeline_svg import BROAD, NARROW, render_timeline
from tidewatch.html import CONTENT_SECURITY_POLICY, escape_html
from tidewatch.html import STYLE as SHARED_STYLE

TITLE = "Game days"
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


def render_page(outcomes: Sequence[GameDayOutcome], generated_at: datetime, title: str = TITLE) -> str:
    """Renders the report; the same outcomes at the same time give the same bytes."""
    return _load_template().render(
        title=title,
        outcomes=outcomes,
        generated_at=generated_at,
        phases=PHASES,
        phase_headings=[f"{phase} s" for phase, _ in PHASES],
        broad=BROAD,
        narrow=NARROW,
        style=f"{SHARED_STYLE}{styles.STYLE}",
        content_security_policy=CONTENT_SECURITY_POLICY,
    )


def write_report(
    outcomes: Sequence[GameDayOutcome], path: Path, generated_at: datetime | None = None, title: str = TITLE
) -> None:
    """Writes the report atomically and creates its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(render_page(outcomes, generated_at or datetime.now(UTC), title), encoding="utf-8")
    partial.replace(path)


def format_seconds(value: float | None) -> str:
    """Seconds for people: a tenth below a hundred, a dash for None."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")


@cache
def _load_template() -> Template:
    """The page's template, without the line breaks and indents of its source."""
    environment = Environment(autoescape=True, finalize=_escape, undefined=StrictUndefined)
    environment.filters |= {
        "drawing": render_timeline,
        "flag": styles.render_flag_sample,
        "legend": _list_legend,
        "moment": _format_moment,
        "seconds": format_seconds,
        "signed_seconds": _format_signed,
    }
    source = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string("".join(line.lstrip() for line in source.splitlines()))


def _escape(value: Any) -> Markup:
    """Escapes a value for the page. Jinja2 alone would keep characters that change the direction of the text."""
    return value if isinstance(value, Markup) else Markup(escape_html(str(value)))  # nosec B704 # escaped here


def _list_legend(timeline: Timeline) -> list[tuple[str, str]]:
    """The legend of the lines, bars and the tint of a drawing: a sample as SVG, and its label."""
    bar_kinds = {each.kind if each.state == "ALARM" else "insufficient" for each in timeline.alarms}
    samples = [(styles.render_variant_sample(timeline, variant), variant) for variant in timeline.variants]
    samples += [(styles.render_bar_sample(kind), label) for kind, label in BAR_LEGEND if kind in bar_kinds]
    if timeline.exposure is not None:
        samples.append((styles.render_exposure_sample(), "from degraded to recovered"))
    return samples


def _format_signed(value: float) -> str:
    formatted = format_seconds(abs(value))
    return formatted if formatted == "0" else f"{'−' if value < 0 else '+'}{formatted}"


def _format_moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
