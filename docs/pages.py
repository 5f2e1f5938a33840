"""The pages of the documentation's site, for `make docs`: Markdown files stay where they are in the repository.

mkdocs reads one folder. This hook gives it the pages of the whole repository under their own paths, so that a link that
works in the repository works in the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", "examples/*.md", "runbooks/*.md")
INDEXED = {
    "docs/adr": ("Decisions", "One record for each decision: its context, the decision and its consequences."),
    "runbooks": (
        "Runbooks",
        "One page for each alarm. `tidewatch runbook NAME` prints it with the stack's own commands.",
    ),
}
"""Folders that get a list of their pages where they have no README.md: its title and its first sentence."""

_LINK = re.compile(r"(?<=\]\()(?P<path>[\w./-]+)(?P<anchor>#[\w-]+)?(?=\))")
_ITEM = re.compile(r"(?:[-*+]|\d+[.)]) +")
_FENCE = re.compile(r"```+|~~~+")
_FIRST_ITEM = re.compile(r"(?:[-*+]|1[.)]) +")
_TEXT = re.compile(r" *(?![-*+] |\d+[.)] |[#>|`~])\S")
_LIST_INDENT = 4


def find_pages(root: Path = ROOT) -> list[str]:
    """The paths of all pages in the repository, in order."""
    return sorted({path.relative_to(root).as_posix() for pattern in PAGES for path in root.glob(pattern)})


def find_links(page: str, text: str) -> Iterator[str]:
    """The paths in the repository that a page links to. Raises ValueError where one leads out of the repository."""
    for link in _LINK.finditer(text):
        yield _resolve(page, link["path"])


def write_index(folder: str, root: Path = ROOT) -> str:
    """A page that lists the folder's pages by their titles."""
    title, sentence = INDEXED[folder]
    pages = [path for path in find_pages(root) if PurePosixPath(path).parent == PurePosixPath(folder)]
    lines = [f"- [{_read_title(root / path)}]({PurePosixPath(path).name})" for path in pages]
    return "\n".join([f"# {title}", "", sentence, "", *lines, ""])


def expand_nav(nav: list[Any], pages: list[str]) -> list[Any]:
    """The navigation with each pattern replaced by the pages that match it and that no other entry names.

    A folder's README comes first. A section without pages is left out.
    """
    remaining = set(pages) - set(_list_paths(nav))

    def expand(entry: Any) -> list[Any]:
        if isinstance(entry, str):
            return sorted(_match(entry, remaining), key=_sort_key) if "*" in entry else [entry]
        ((title, value),) = entry.items()
        if isinstance(value, str) and "*" not in value:
            return [entry]
        nested = [value] if isinstance(value, str) else value
        children = [child for item in nested for child in expand(item)]
        return [{title: children}] if children else []

    return [expanded for entry in nav for expanded in expand(entry)]


def adapt_markdown(page: str, text: str, pages: set[str]) -> str:
    """The page's text as mkdocs understands it: a link to a folder leads to its README, and lists are indented more."""

    def lead_to_page(link: re.Match[str]) -> str:
        readme = f"{_resolve(page, link['path'])}/README.md"
        return f"{link['path'].rstrip('/')}/README.md{link['anchor'] or ''}" if readme in pages else link[0]

    return _widen_lists(_LINK.sub(lead_to_page, text))


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Called by mkdocs: replaces the files of docs/ by the pages of the repository and the files that they link to."""
    from mkdocs.structure.files import File

    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    pages = find_pages()
    linked = {link for page in pages for link in find_links(page, (ROOT / page).read_text(encoding="utf-8"))}
    for path in sorted({*pages, *(link for link in linked if (ROOT / link).is_file())}):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for folder in INDEXED:
        if (index := f"{folder}/README.md") not in pages:
            files.append(File.generated(config, index, content=write_index(folder)))
            pages.append(index)
    config.nav = expand_nav(config.nav or [], pages)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Called by mkdocs for each page."""
    del config
    return adapt_markdown(page.file.src_uri, markdown, set(files.src_uris))


def _resolve(page: str, link: str) -> str:
    return (ROOT / page).parent.joinpath(link).resolve().relative_to(ROOT).as_posix()


def _read_title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return next(lines).removeprefix("# ").strip()


def _list_paths(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
        return
    for entry in nav.values() if isinstance(nav, dict) else nav:
        yield from _list_paths(entry)


def _match(pattern: str, pages: set[str]) -> Iterator[str]:
    folder = PurePosixPath(pattern).parent
    return (page for page in pages if fnmatchcase(page, pattern) and PurePosixPath(page).parent == folder)


def _sort_key(page: str) -> tuple[bool, str]:
    return not page.endswith("/README.md"), page


def _widen_lists(text: str) -> str:
    """Indents what belongs to a list's item by four columns a level, and sets lists off from the paragraph before them.

    Python-Markdown needs both; GitHub takes any item's text as the column of what belongs to it.
    """
    lines = list[str]()
    columns = list[int]()
    fence = ""
    for line in text.splitlines():
        content = line.lstrip(" ")
        column = len(line) - len(content)
        outer = [left for left in columns if left <= column] if content else columns
        begins_list, columns = len(outer) == len(columns), outer
        start = columns[-1] if columns else 0
        margin = " " * (_LIST_INDENT * len(columns) + max(column - start, 0))
        if fence:
            fence = "" if content.rstrip() == fence else fence
        elif found := _FENCE.match(content):
            fence = found[0]
        elif found := _ITEM.match(content):
            if begins_list and _FIRST_ITEM.match(content) and lines and _TEXT.match(lines[-1]):
                lines.append("")
            columns.append(column + len(found[0]))
        lines.append(margin + content if content else "")
    return "\n".join(lines) + "\n"
