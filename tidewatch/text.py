"""Text of others, made safe to print, to store and to send: it stays data wherever it goes."""

from __future__ import annotations

import unicodedata

MOST = 1_000
"""Characters kept of a text that somebody else wrote."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what is not seen, or moves what is: controls, formats (bidirectional ones among them),
surrogates, private and unassigned code points, separators of lines and paragraphs."""


def plain(text: str, most: int = MOST) -> str:
    """The text on one line, of characters that are seen, cut off after `most` of them.

    What is not seen becomes a space, as newlines and escapes would forge lines and colours where it is shown.
    """
    seen = "".join(" " if unicodedata.category(each) in _UNSEEN else each for each in text[: most + 1])
    return seen if len(text) <= most else f"{seen[: most - 1]}…"
