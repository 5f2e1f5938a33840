"""Makes text from others safe to print, store and send.

`sanitize` is the one sanitizer. `escape_markdown`, `format_code_span` and `escape_slack` escape for the place where a
text goes. tidewatch.html.escape_html does so for HTML and cli.console for a terminal.
"""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 1_000
"""The largest number of characters kept of a text that somebody else wrote."""
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of characters that are invisible or move others: controls, formats (including bidirectional
ones), surrogates, private and unassigned code points, line and paragraph separators."""
_MARKDOWN_PUNCTUATION = re.compile(r"[\\`*_\[\]|~#!$@]|(?<=[Ww]{3})\.|:(?=//)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLOCK_MARKER = re.compile(r"^(\d+(?=[.)])|(?=[-+=]))")
"""The start of a line that would become a list item, the underline of a heading, or a rule."""


def sanitize(text: str, max_length: int = MAX_LENGTH) -> str:
    """Returns the text on one line with only visible characters, cut off after `max_length`.

    Invisible characters become spaces, because newlines and escapes could forge lines and colours.
    """
    sanitized = "".join(" " if is_invisible(character) else character for character in text[: max_length + 1])
    return sanitized if len(text) <= max_length else f"{sanitized[: max_length - 1]}…"


def is_invisible(character: str) -> bool:
    """Whether a character is invisible or moves others: a control, half of a surrogate pair, a direction mark."""
    return unicodedata.category(character) in _INVISIBLE_CATEGORIES


def sanitize_lines(text: str) -> str:
    """Returns the text with its line breaks, with only visible characters."""
    return "".join(" " if is_invisible(character) and character != "\n" else character for character in text)


def collapse_whitespace(text: str, max_length: int = MAX_LENGTH) -> str:
    """Returns the text sanitized, with single spaces and none around it.

    Many spaces could push the following text onto a line of its own.
    """
    return " ".join(sanitize(text, max_length).split())


def escape_markdown(text: str, max_length: int = MAX_LENGTH) -> str:
    """Escapes text for a line of Markdown, so that it creates no heading, list, table, link, image, code or HTML.

    `<`, `>` and `&` become entities, which every renderer supports; the others are escaped as in CommonMark and GitHub.
    Sources: CommonMark 0.31.2, 2.4 "Backslash escapes"; GitHub Flavored Markdown 0.29, 6.9 "Autolinks (extension)".
    """
    escaped = _MARKDOWN_PUNCTUATION.sub(r"\\\g<0>", collapse_whitespace(text, max_length))
    return "".join(_ENTITIES.get(character, character) for character in _BLOCK_MARKER.sub(r"\g<0>\\", escaped))


def format_code_span(text: str, max_length: int = MAX_LENGTH) -> str:
    """Returns the text as code within a line of Markdown, whatever backticks it has.

    Not for table cells, where a bar ends the code. Source: CommonMark, 6.1 "Code spans".
    """
    words = collapse_whitespace(text, max_length)
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    padding = " " if not words or "`" in (words[0], words[-1]) else ""
    return f"{fence}{padding}{words}{padding}{fence}"


def escape_slack(text: str) -> str:
    """Escapes text of one or several lines for Slack, so that it creates no link and no mention such as `<!channel>`.

    Source: Slack, "Formatting text for app surfaces", on escaping text.
    """
    return "".join(_ENTITIES.get(character, character) for character in text)
