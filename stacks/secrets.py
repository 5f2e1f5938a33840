"""Which parts of the config may be secret, and how a mistake in one is told without telling it.

Pulumi decrypts the config for the program and says which top-level keys hold a secret, but not where in them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

MAY_BE_SECRET = {
    "endpoint": "endpoint.environment",
    "variants": "variants.<slot>.environment",
    "notify": "the addresses under notify, and its Slack team and channel",
}
"""What is kept secret of a top-level key: the rest of it becomes names, tags and texts that everybody reads.

Of `notify` that is `runbooks`, which stands in every alarm's description: whether it is what was marked, or an address
beside it, nobody tells the program.
"""
HIDDEN = "[secret]"
SHORTEST = 3
"""Characters of a secret from which on it is looked for in a sentence: a shorter one is in every other word."""


def misplaced(keys: Collection[str], namespace: str) -> Iterator[str]:
    """A mistake for each top-level key that cannot be kept secret."""
    for key in sorted(set(keys) - MAY_BE_SECRET.keys()):
        yield (
            f"{namespace}:{key}: is secret, and becomes names, tags or texts that everybody reads; set it without "
            f"--secret (what can be secret is {', '.join(MAY_BE_SECRET.values())})"
        )


def hidden(mistakes: Iterable[str], raw: Iterable[object]) -> tuple[str, ...]:
    """The mistakes with nothing of what these values hold in them; their paths stay as they are."""
    texts = sorted({text for value in raw for text in _texts(_parsed(value))}, key=len, reverse=True)
    return tuple(_without(mistake, texts) for mistake in mistakes)


def _without(mistake: str, texts: Iterable[str]) -> str:
    path, colon, sentence = mistake.partition(": ")
    for text in texts:
        for spelled in (text, repr(text)[1:-1]):
            sentence = sentence.replace(spelled, HIDDEN)
    return path + colon + sentence


def _texts(value: object) -> Iterator[str]:
    """Every text and number that lies in a value, but not its keys, which are names."""
    if isinstance(value, Mapping):
        for one in cast("Mapping[str, object]", value).values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in cast("Collection[object]", value):
            yield from _texts(one)
    elif value is not None and len(str(value)) >= SHORTEST:
        yield str(value)


def _parsed(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value
