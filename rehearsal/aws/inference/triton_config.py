"""Parses the part of protobuf's text format that Triton's config.pbtxt uses: scalars, messages, lists, comments."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') | (?P<word>[-+.\w]+) | (?P<mark>[][{}:,;<>])""",
    re.VERBOSE,
)
_CLOSING_BRACKETS = {"{": "}", "<": ">"}

Message = dict[str, list[Any]]
"""Field name -> its values, in order."""


class ConfigSyntaxError(ValueError):
    """The text is not protobuf text format."""


def parse_config(text: str) -> Message:
    """The fields of a text-format message. Raises ConfigSyntaxError."""
    return _Reader(_tokenize(text)).read_message(None)


def _tokenize(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConfigSyntaxError(f"unexpected {text[position]!r} at character {position}")
        if match.lastgroup:
            tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0

    def read_message(self, end: str | None) -> Message:
        fields: Message = {}
        while True:
            kind, text = self._next(end)
            if kind == "end" or text == end:
                return fields
            if text in ",;":
                continue
            if kind != "word":
                raise ConfigSyntaxError(f"expected a field name, found {text!r}")
            values = fields.setdefault(text, [])
            if self._peek() == ":":
                self._position += 1
            values.extend(self._read_values())

    def _read_values(self) -> list[Any]:
        kind, text = self._next("a value")
        if text == "[":
            values: list[Any] = []
            while self._peek() != "]":
                values.extend(self._read_values())
                if self._peek() == ",":
                    self._position += 1
            self._position += 1
            return values
        if text in _CLOSING_BRACKETS:
            return [self.read_message(_CLOSING_BRACKETS[text])]
        if kind == "string":
            return [text[1:-1].encode().decode("unicode_escape")]
        return [_parse_scalar(text)]

    def _peek(self) -> str | None:
        return self._tokens[self._position][1] if self._position < len(self._tokens) else None

    def _next(self, expected: str | None) -> tuple[str, str]:
        if self._position >= len(self._tokens):
            if expected is None:
                return "end", ""
            raise ConfigSyntaxError(f"expected {expected!r}, found the end")
        token = self._tokens[self._position]
        self._position += 1
        return token


def _parse_scalar(word: str) -> Any:
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
