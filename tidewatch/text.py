"""Text of others, made safe to print, to store and to send: it stays data wherever it goes.

`plain` is the one sanitizer; `markdown`, `code`, `slack` and `logged` escape for the place that a text goes to. HTML
has tidewatch.html.text, a terminal cli.console.
"""

from __future__ import annotations

import json
import re
import unicodedata

MOST = 1_000
"""Characters kept of a text that somebody else wrote."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what is not seen, or moves what is: controls, formats (bidirectional ones among them),
surrogates, private and unassigned code points, separators of lines and paragraphs."""
_MARKS = re.compile(r"[\\`*_\[\]|~#!$@]|(?<=[Ww]{3})\.|:(?=//)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BEGINNING = re.compile(r"^(\d+(?=[.)])|(?=[-+=]))")
"""Behind which stands what makes a line an item of a list, the underline of a heading, or a rule."""


def plain(text: str, most: int = MOST) -> str:
    """The text on one line, of characters that are seen, cut off after `most` of them.

    What is not seen becomes a space, as newlines and escapes would forge lines and colours where it is shown.
    """
    seen = "".join(" " if unseen(each) else each for each in text[: most + 1])
    return seen if len(text) <= most else f"{seen[: most - 1]}…"


def unseen(character: str) -> bool:
    """Whether a character is not seen, or moves others: a control, half of a pair, a mark of direction."""
    return unicodedata.category(character) in _UNSEEN


def visible(text: str) -> str:
    """The text of several lines, whole, of characters that are seen."""
    return "".join(" " if unseen(each) and each != "\n" else each for each in text)


def one_line(text: str, most: int = MOST) -> str:
    """The same without spaces around it, and one where several follow each other: so many would push what comes after
    them onto a line of its own."""
    return " ".join(plain(text, most).split())


def markdown(text: str, most: int = MOST) -> str:
    """The text for a line of Markdown, or a part of one, where it is nothing but text: no heading, list, table, link,
    image or code, and no HTML.

    `<`, `>` and `&` are entities, which every renderer knows; the others are escaped as CommonMark and GitHub read it.
    Sources: CommonMark 0.31.2, 2.4 "Backslash escapes"; GitHub Flavored Markdown 0.29, 6.9 "Autolinks (extension)".
    """
    escaped = _MARKS.sub(r"\\\g<0>", one_line(text, most))
    return "".join(_ENTITIES.get(each, each) for each in _BEGINNING.sub(r"\g<0>\\", escaped))


def code(text: str, most: int = MOST) -> str:
    """The text as code within a line of Markdown, whatever backticks it holds. Source: CommonMark, 6.1 "Code spans".

    Not for a table's cell: there a bar ends the code.
    """
    words = one_line(text, most)
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    padding = " " if not words or "`" in (words[0], words[-1]) else ""
    return f"{fence}{padding}{words}{padding}{fence}"


def slack(text: str) -> str:
    """The text, of one line or several, for Slack: no link, and no mention of anybody, `<!channel>` say.

    Source: Slack, "Formatting text for app surfaces", on escaping text.
    """
    return "".join(_ENTITIES.get(each, each) for each in text)


def logged(problem: object) -> str:
    """One line of a function's log, JSON as all that it prints: a text in it is no metric, and no line of its own."""
    return json.dumps({"problem": plain(str(problem))})
