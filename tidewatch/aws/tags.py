"""AWS's rules for tags. They are the same for every service that this program tags, with two exceptions.

Source: "Tag naming limits and requirements" of the Tagging AWS Resources guide
(https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html); the pattern of SageMaker's, IAM's and Systems
Manager's models, `[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`; S3 user guide, "Categorizing your objects using tags".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

MAX_RESOURCE_TAGS = 50
MAX_OBJECT_TAGS = 10
"""For an object in S3. Its bucket may have as many as any resource."""
MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256
RESERVED_PREFIX = "aws:"
"""The prefix of AWS's own keys, in any case."""
ALLOWED_CHARACTERS = "letters, digits, spaces and _ . : / = + - @"

_PUNCTUATION = frozenset("_.:/=+-@")
_SPACES = frozenset(
    " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's separators, category Z, which has neither tabs nor line feeds."""


def find_forbidden_characters(text: str) -> str:
    """Returns the characters of a key or value that no tag may have, each once, in their order."""
    return "".join(dict.fromkeys(c for c in text if not (c.isalnum() or c in _PUNCTUATION or c in _SPACES)))


def find_key_faults(key: str) -> Iterator[str]:
    """Yields the mistakes in a tag's key, each as the end of a sentence that begins with the key."""
    if not key:
        yield "is empty: a tag's key has at least one character"
    if len(key) > MAX_KEY_LENGTH:
        yield f"has {len(key)} characters: a tag's key has at most {MAX_KEY_LENGTH}"
    if key.lower().startswith(RESERVED_PREFIX):
        yield f"begins with {key[: len(RESERVED_PREFIX)]!r}, which AWS reserves"
    yield from _find_character_faults(key)


def find_value_faults(value: str) -> Iterator[str]:
    """Yields the mistakes in a tag's value, each as the end of a sentence that begins with the value."""
    if len(value) > MAX_VALUE_LENGTH:
        yield f"has {len(value)} characters: a tag's value has at most {MAX_VALUE_LENGTH}"
    yield from _find_character_faults(value)


def find_case_duplicates(keys: Iterable[str]) -> list[str]:
    """Returns the keys that differ only in case, which IAM treats as one and refuses.

    Source: IAM user guide, "Tags for AWS Identity and Access Management resources", case sensitivity.
    """
    found = sorted(keys)
    folded = Counter(key.lower() for key in found)
    return [key for key in found if folded[key.lower()] > 1]


def find_tag_faults(tags: Mapping[str, str], max_tags: int = MAX_RESOURCE_TAGS) -> Iterator[str]:
    """Yields all mistakes in the tags of one resource, as sentences without a full stop."""
    if len(tags) > max_tags:
        yield f"there are {len(tags)} tags: AWS allows at most {max_tags}"
    for key, value in tags.items():
        for fault in find_key_faults(key):
            yield f"the key {key!r} {fault}"
        for fault in find_value_faults(value):
            yield f"the value of {key!r} {fault}"
    if duplicates := find_case_duplicates(tags):
        yield f"the keys {', '.join(map(repr, duplicates))} differ only in capitals, and IAM treats them as one"


def _find_character_faults(text: str) -> Iterator[str]:
    if found := find_forbidden_characters(text):
        yield f"has {' '.join(map(repr, found))}: a tag may hold {ALLOWED_CHARACTERS}"
