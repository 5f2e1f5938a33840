"""Text of others, made safe to print, to store and to send: it stays data wherever it goes.

`plain` is the one sanitizer; `markdown`, `code`, `slack` and `logged` escape for the place that a text goes to. HTML
has tidewatch.html.text, a terminal cli.console.
"""

from __future__ import annotations

import json
import re
import unicodedata

MAX_LENGTH = 1_000
"""Characters kept of a text that somebody else wrote."""
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what is not seen, or moves what is: controls, formats (bidirectional ones among them),
surrogates, private and unassigned code points, separators of lines and paragraphs."""
_MARKDOWN_PUNCTUATION = re.compile(r"[\\`*_\[\]|~#!$@]|(?<=[Ww]{3})\.|:(?=//)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLOCK_MARKER = re.compile(r"^(\d+(?=[.)])|(?=[-+=]))")
"""Behind which stands what makes a line an item of a list, the underline of a heading, or a rule."""


def sanitize(text: str, max_length: int = MAX_LENGTH) -> str:
    """The text on one line, of characters that are seen, cut off after `most` of them.

    What is not seen becomes a space, as newlines and escapes would forge lines and colours where it is shown.
    """
    sanitized = "".join(" " if is_invisible(character) else character for character in text[: max_length + 1])
    return sanitized if len(text) <= max_length else f"{sanitized[: max_length - 1]}…"


def is_invisible(character: str) -> bool:
    """Whether a character is not seen, or moves others: a control, half of a pair, a mark of direction."""
    return unicodedata.category(character) in _INVISIBLE_CATEGORIES


def sanitize_lines(text: str) -> str:
    """The text of several lines, whole, of characters that are seen."""
    return "".join(" " if is_invisible(character) and character != "\n" else character for character in text)


def collapse_whitespace(text: str, max_length: int = MAX_LENGTH) -> str:
    """The same without spaces around it, and one where several follow each other: so many would push what comes after
    them onto a line of its own."""
    return " ".join(sanitize(text, max_length).split())


def escape_markdown(text: str, max_length: int = MAX_LENGTH) -> str:
    """The text for a line of Markdown, or a part of one, where it is nothing but text: no heading, list, table, link,
    image or code, and no HTML.

    `<`, `>` and `&` are entities, which every renderer knows; the others are escaped as CommonMark and GitHub read it.
    Sources: CommonMark 0.31.2, 2.4 "Backslash escapes"; GitHub Flavored Markdown 0.29, 6.9 "Autolinks (extension)".
    """
    escaped = _MARKDOWN_PUNCTUATION.sub(r"\\\g<0>", collapse_whitespace(text, max_length))
    return "".join(_ENTITIES.get(character, character) for character in _BLOCK_MARKER.sub(r"\g<0>\\", escaped))


def format_code_span(text: str, max_length: int = MAX_LENGTH) -> str:
    """The text as code within a line of Markdown, whatever backticks it holds. Source: CommonMark, 6.1 "Code spans".

    Not for a table's cell: there a bar ends the code.
    """
    words = collapse_whitespace(text, max_length)
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    padding = " " if not words or "`" in (words[0], words[-1]) else ""
    return f"{fence}{padding}{words}{padding}{fence}"


def escape_slack(text: str) -> str:
    """The text, of one line or several, for Slack: no link, and no mention of anybody, `<!channel>` say.

    Source: Slack, "Formatting text for app surfaces", on escaping text.
    """
    return "".join(_ENTITIES.get(character, character) for character in text)


def format_log_line(problem: object) -> str:
    """One line of a function's log, JSON as all that it prints: a text in it is no metric, and no line of its own."""
    return json.dumps({"problem": sanitize(str(problem))})
