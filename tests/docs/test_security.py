"""docs/security.md claims nothing that no test shows: each test that it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| threat")]


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_what_shows_a_claim_is_there(file: str, test: str) -> None:
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS)
def test_each_threat_names_what_holds_it_and_what_shows_that(row: str) -> None:
    threat, held, shown = (cell.strip() for cell in row.strip("|").split(" | "))
    assert threat
    assert held
    assert re.fullmatch(r"(`tests/[\w/]+\.py::\w+`(, )?)+", shown)
