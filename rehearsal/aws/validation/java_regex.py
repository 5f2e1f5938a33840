"""Translates the regular expressions of AWS's service models from Java to Python.

Source: java.util.regex.Pattern, "Classes for Unicode scripts, blocks, categories and binary properties", "POSIX
character classes (US-ASCII only)". A service matches the whole value.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby

_ASCII = {
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "Print": r"\x20-\x7e",
    "Graph": r"\x21-\x7e",
    "Space": r"\t\n\x0b\f\r\x20",
}
_SEPARATORS = r"\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CLASS = re.compile(r"\[(?:\\.|[^\\\]])*\]")
_PROPERTY = re.compile(r"\\p\{(\w+)\}")


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compiles a model's pattern for use with fullmatch. Raises re.error for an unsupported construct."""
    return re.compile(_translate(pattern))


def _translate(pattern: str) -> str:
    text = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(r"\z", r"\Z")
    # Java allows a quantifier after "$", which has no effect.
    text = re.sub(r"\$\{\d+,\d*\}", "$", text)
    text = _CLASS.sub(lambda found: _translate_class(found[0]), text)
    return _PROPERTY.sub(lambda found: f"[{_expand_property(found[1])}]", text)


def _translate_class(text: str) -> str:
    """Translates a character class. Java reads a hyphen after a nested class, as in [\\w-_], as a hyphen."""
    text = re.sub(r"(\\[wdsWDS])-(?=[^\]])", r"\1\\-", text)
    if r"\p{L}" in text and r"\p{N}" in text and "_" in text:
        # \w is exactly letters, numbers and the underscore, and much shorter.
        text = text.replace(r"\p{L}", r"\w").replace(r"\p{N}", "")
    return _PROPERTY.sub(lambda found: _expand_property(found[1]), text)


def _expand_property(name: str) -> str:
    """A property's characters, for a character class."""
    if name in _ASCII:
        return _ASCII[name]
    return _SEPARATORS if name == "Z" else _expand_category(name)


@cache
def _expand_category(name: str) -> str:
    return "".join(
        f"\\U{first:08x}-\\U{last:08x}" for category, first, last in _get_category_runs() if category.startswith(name)
    )


@cache
def _get_category_runs() -> tuple[tuple[str, int, int], ...]:
    """Unicode as runs of characters of one category."""
    return tuple(_find_category_runs())


def _find_category_runs() -> Iterator[tuple[str, int, int]]:
    first = 0
    for category, run in groupby(map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))):
        length = sum(1 for _ in run)
        yield category, first, first + length - 1
        first += length
