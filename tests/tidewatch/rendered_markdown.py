"""What Markdown becomes once it is rendered."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def elements(document: str) -> list[str]:
    """What a document is made of: its elements in their order, without their text."""
    found: list[str] = []
    for token in RENDERER.parse(document):
        found += [token.type] if token.type != "inline" else _inline(token)
    return found


def _inline(token: Token) -> list[str]:
    return [each.type for each in token.children or () if each.type not in ("text", "text_special")]


def render_text(document: str) -> str:
    """A document's text, without its elements."""
    inline = [token for token in RENDERER.parse(document) if token.type == "inline"]
    return "".join(each.content for token in inline for each in token.children or ())
