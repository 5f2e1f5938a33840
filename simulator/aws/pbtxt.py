"""The part of protobuf's text format that Triton's config.pbtxt uses: scalars, messages, lists, comments."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') | (?P<word>[-+.\w]+) | (?P<mark>[][{}:,;<>])""",
    re.VERBOSE,
)
_ENDS = {"{": "}", "<": ">"}

Message = dict[str, list[Any]]
"""Field name -> every value given for it, in order."""


class NotText(ValueError):
    """The text is not protobuf text format."""


def parse(text: str) -> Message:
    """The fields of a text-format message. Raises NotText."""
    return _Reader(_tokens(text)).message(None)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotText(f"unexpected {text[position]!r} at character {position}")
        if match.lastgroup:
            tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def message(self, end: str | None) -> Message:
        fields: Message = {}
        while True:
            kind, text = self._next(end)
            if kind == "end" or text == end:
                return fields
            if text in ",;":
                continue
            if kind != "word":
                raise NotText(f"expected a field name, found {text!r}")
            values = fields.setdefault(text, [])
            if self._peek() == ":":
                self._at += 1
            values.extend(self._values())

    def _values(self) -> list[Any]:
        kind, text = self._next("a value")
        if text == "[":
            values: list[Any] = []
            while self._peek() != "]":
                values.extend(self._values())
                if self._peek() == ",":
                    self._at += 1
            self._at += 1
            return values
        if text in _ENDS:
            return [self.message(_ENDS[text])]
        if kind == "string":
            return [text[1:-1].encode().decode("unicode_escape")]
        return [_scalar(text)]

    def _peek(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _next(self, wanted: str | None) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            if wanted is None:
                return "end", ""
            raise NotText(f"expected {wanted!r}, found the end")
        token = self._tokens[self._at]
        self._at += 1
        return token


def _scalar(word: str) -> Any:
    if word in ("true", "false"):
        return word == "true"
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return word
