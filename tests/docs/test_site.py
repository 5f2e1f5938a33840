"""The documentation's site: its pages, its navigation, and Markdown that shows there what it shows on GitHub."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _load_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs/pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hook = _load_hook()
PAGES: list[str] = hook.find_pages()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_to_one(page: str) -> None:
    links = hook.find_links(page, (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_runbooks_and_decisions_are_pages() -> None:
    assert {"README.md", "SECURITY.md", "docs/config.md", "runbooks/disk.md", "examples/README.md"} <= set(PAGES)
    assert not [page for page in PAGES if page.startswith((".", "build/", "out/", "tests/"))]


def test_every_page_that_the_navigation_names_is_there() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    named = re.findall(r"(\S+\.md)$", nav, re.MULTILINE)
    assert named
    assert set(named) <= set(PAGES)


def test_a_pattern_stands_for_the_pages_that_no_other_entry_names_and_a_readme_is_first() -> None:
    nav = [
        "README.md",
        {"Guide": ["docs/a.md", "docs/*"]},
        {"Decisions": "docs/adr/*"},
        {"Empty": ["none/*"]},
        {"Home": "x.md"},
    ]
    pages = ["README.md", "docs/a.md", "docs/b.md", "docs/adr/0001-x.md", "docs/adr/README.md"]
    assert hook.expand_nav(nav, pages) == [
        "README.md",
        {"Guide": ["docs/a.md", "docs/b.md"]},
        {"Decisions": ["docs/adr/README.md", "docs/adr/0001-x.md"]},
        {"Home": "x.md"},
    ]


def test_a_folder_without_a_readme_gets_a_list_of_its_pages(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks/disk.md").write_text("# Disk nearly full (`disk`)\n\nText.\n")
    assert "\n- [Disk nearly full (`disk`)](disk.md)\n" in hook.write_index("runbooks", tmp_path)


def test_a_link_to_a_folder_leads_to_its_readme() -> None:
    text = "[a](../runbooks), [b](adr/), [c](alarms.md#x), [d](https://example.com/runbooks)\n"
    assert hook.adapt_markdown("docs/page.md", text, {"runbooks/README.md", "docs/adr/README.md"}) == (
        "[a](../runbooks/README.md), [b](adr/README.md), [c](alarms.md#x), [d](https://example.com/runbooks)\n"
    )


@pytest.mark.parametrize(
    ("written", "adapted"),
    [
        (
            "1. a\n\n   more\n\n   ```sh\n   - b\n     c\n   ```\n",
            "1. a\n\n    more\n\n    ```sh\n    - b\n      c\n    ```\n",
        ),
        ("- a\n  more\n  - b\n- c\n", "- a\n    more\n\n    - b\n- c\n"),
        ("- a\n  - b\n    - c\n\nText\n", "- a\n    - b\n        - c\n\nText\n"),
        ("Text:\n- a\n- b\n", "Text:\n\n- a\n- b\n"),
        ("In the year\n2015. It was\n", "In the year\n2015. It was\n"),
        ("```\ntext\n- a\n  b\n```\n", "```\ntext\n- a\n  b\n```\n"),
        ("## Title\n- a\n", "## Title\n- a\n"),
        ("    code\n", "    code\n"),
    ],
)
def test_lists_are_indented_and_set_off_as_the_sites_parser_needs(written: str, adapted: str) -> None:
    assert hook.adapt_markdown("README.md", written, set()) == adapted
