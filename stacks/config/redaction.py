"""Which parts of the config may be secret, and how a mistake is reported without the secret in it.

Pulumi decrypts the config for the program and names the top-level keys with a secret, but not where in them it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

SECRET_CAPABLE_KEYS = {
    "endpoint": "endpoint.environment",
    "variants": "variants.<variant>.environment",
    "notify": "the addresses under notify, and its Slack team and channel",
}
"""What may be secret under a top-level key. The rest becomes names, tags and texts that everybody can read.

Under `notify` the rest is `runbooks`, which appears in every alarm's description. The program cannot know whether the
user marked it or an address as secret.
"""
REDACTED = "[secret]"
MIN_SECRET_LENGTH = 3
"""The shortest secret that is searched for in a sentence: a shorter one occurs in every other word."""


def find_misplaced(keys: Collection[str], namespace: str) -> Iterator[str]:
    """Yields a mistake for each top-level key that cannot be secret."""
    for key in sorted(set(keys) - SECRET_CAPABLE_KEYS.keys()):
        yield (
            f"{namespace}:{key}: is secret, but becomes part of names, tags or texts that everybody can read; set it "
            f"without --secret (these can be secret: {', '.join(SECRET_CAPABLE_KEYS.values())})"
        )


def redact(mistakes: Iterable[str], raw: Iterable[object]) -> tuple[str, ...]:
    """Returns the mistakes without any text from these values; the paths stay as they are."""
    texts = sorted({text for value in raw for text in _iterate_texts(_parse_json(value))}, key=len, reverse=True)
    return tuple(_redact_sentence(mistake, texts) for mistake in mistakes)


def _redact_sentence(mistake: str, texts: Iterable[str]) -> str:
    path, colon, sentence = mistake.partition(": ")
    for text in texts:
        for spelling in (text, repr(text)[1:-1]):
            sentence = sentence.replace(spelling, REDACTED)
    return path + colon + sentence


def _iterate_texts(value: object) -> Iterator[str]:
    """Yields every text and number in a value, but not its keys, which are names."""
    if isinstance(value, Mapping):
        for item in cast("Mapping[str, object]", value).values():
            yield from _iterate_texts(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("Collection[object]", value):
            yield from _iterate_texts(item)
    elif value is not None and len(str(value)) >= MIN_SECRET_LENGTH:
        yield str(value)


def _parse_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value
