"""What the documents link and name is there: pages, headings, files and the names in them; decisions have one form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/*.md")])
DECISIONS = sorted(DOCS.glob("adr/[0-9]*.md"))
INDEX = (DOCS / "adr" / "README.md").read_text()
ROOMS = "bench|cli|components|docs|examples|lambdas|rehearsal|runbooks|stacks|tests|tidewatch"
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_PATH = re.compile(rf"`((?:{ROOMS})/(?:[\w-]+/)*(?:[\w-]+\.(?:py|md|json))?)`((?:,? \((?:`[\w.]+`,? ?)+\))?)")
ROW = re.compile(r"^\| ([a-z][\w -]*) \| .+ \| .*`.+`", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
each_decision = pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem[:4])


def _anchors(text: str) -> set[str]:
    """The headings as GitHub names them in links."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _find_broken_links(page: Path, text: str) -> Iterator[str]:
    for link in LINK.findall(text):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target.read_text())):
            yield link


def _find_missing_names(text: str) -> Iterator[str]:
    for path, names in NAMED_PATH.findall(text):
        file = ROOT / path
        if not file.exists():
            yield path
            continue
        source = file.read_text() if file.is_file() else ""
        for name in re.findall(r"`([\w.]+)`", names):
            if any(not re.search(rf"\b{part}\b", source) for part in name.split(".")):
                yield f"{name} in {path}"


@each_page
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    assert list(_find_broken_links(page, page.read_text())) == []


@each_page
def test_files_and_names_in_the_text_are_in_the_tree(page: Path) -> None:
    assert list(_find_missing_names(page.read_text())) == []


def test_a_broken_link_and_a_missing_name_are_found() -> None:
    text = "[a](adr/0000-nothing.md) [b](glossary.md#nowhere) `tidewatch/nothing.py` `tidewatch/clock.py` (`Sundial`)"
    assert list(_find_broken_links(DOCS / "page.md", text)) == ["adr/0000-nothing.md", "glossary.md#nowhere"]
    assert list(_find_missing_names(text)) == ["tidewatch/nothing.py", "Sundial in tidewatch/clock.py"]


@each_decision
def test_a_decision_follows_the_template_and_is_in_the_index(page: Path) -> None:
    text = page.read_text()
    number, title = re.fullmatch(r"# (\d+)\. (.+)", text.partition("\n")[0], re.DOTALL).groups()  # type: ignore[union-attr]
    assert int(number) == int(page.stem[:4])
    assert re.search(r"^- Status: (proposed|accepted|replaced by .+)\n- Date: \d{4}-\d\d-\d\d\n", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert f"| {number} | [{title}]({page.name}) |" in INDEX


def test_the_index_lists_nothing_else() -> None:
    assert sorted(re.findall(r"\]\((\d[^)]+)\)", INDEX)) == [page.name for page in DECISIONS]


def test_the_glossary_has_each_word_once() -> None:
    words = ROW.findall((DOCS / "glossary.md").read_text())
    assert len(words) > 50
    assert len(words) == len(set(words))
