"""The report as a browser shows it, where this machine has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rehearsal.charts.page import write_report
from tests.browser import browser, open_page
from tests.rehearsal.charts.png_pixels import pixels
from tests.rehearsal.charts.sample_game_day import outcome

__all__ = ["browser"]

TROUBLE, BLUE, GREEN = (0xB3, 0x26, 0x1E), (0x25, 0x63, 0xA8), (0x00, 0x80, 0x5C)
"""Colours of the light page: of trouble, and of the lines of the variants blue and green."""


@pytest.mark.parametrize(("width", "shown"), [(1200, "broad"), (600, "narrow")])
def test_the_report_is_drawn_without_a_network_and_without_a_complaint(
    browser: str, tmp_path: Path, width: int, shown: str
) -> None:
    path = tmp_path / "report.html"
    write_report([outcome()], path)
    elements, said, picture = open_page(browser, path, width, 1200)
    assert said == []
    drawing = elements.split(f'<div class="{shown}">')[1].split("</div>")[0]
    for panel in ("live traffic", "requests", "errors", "latency", "alarms"):
        assert f'data-panel="{panel}"' in drawing
    assert drawing.count("data-mark=") == len(outcome().timeline.marks)
    seen = pixels(picture.read_bytes())
    assert seen.shape == (1200, width, 3)
    assert (seen == 255).all(axis=2).mean() > 0.5
    for colour in (TROUBLE, BLUE, GREEN):
        # Edges are blended with the paper, more or less by the place of a line between two pixels.
        assert (np.abs(seen.astype(int) - colour).max(axis=2) < 40).sum() > 200, colour


def test_a_page_that_reaches_for_the_network_would_complain(browser: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report([outcome()], path)
    html = path.read_text(encoding="utf-8")
    path.write_text(html.replace("<main>", '<main><img src="http://tidewatch.invalid/x.png">'), encoding="utf-8")
    _, said, _ = open_page(browser, path, 600, 400)
    assert any("tidewatch.invalid" in line for line in said)
