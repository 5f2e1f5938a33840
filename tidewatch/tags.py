"""What AWS takes for a tag. The rules are the same for every service that this program tags, but for two counts.

Source: "Tag naming limits and requirements" of the Tagging AWS Resources guide
(https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html); the pattern of SageMaker's, IAM's and
Systems Manager's models, `[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`; S3 user guide, "Categorizing your objects using tags".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

TAGS_A_RESOURCE = 50
TAGS_AN_OBJECT = 10
"""Tags of an object in S3; its bucket may have as many as any resource."""
LONGEST_KEY = 128
LONGEST_VALUE = 256
RESERVED = "aws:"
"""How only AWS's own keys begin, in any case."""
ALLOWED = "letters, digits, spaces and _ . : / = + - @"

_SIGNS = frozenset("_.:/=+-@")
_SPACES = frozenset(
    " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's separators, category Z: no tabulator and no line feed among them."""


def strange(text: str) -> str:
    """The characters of a key or value that no tag may have, each once, in their order."""
    return "".join(dict.fromkeys(c for c in text if not (c.isalnum() or c in _SIGNS or c in _SPACES)))


def key_faults(key: str) -> Iterator[str]:
    """What AWS has against a tag's key, each as the end of a sentence that begins with the key."""
    if not key:
        yield "is empty: a tag's key has at least one character"
    if len(key) > LONGEST_KEY:
        yield f"has {len(key)} characters: a tag's key has at most {LONGEST_KEY}"
    if key.lower().startswith(RESERVED):
        yield f"begins with {key[: len(RESERVED)]!r}, which AWS keeps for itself"
    yield from _spelling(key)


def value_faults(value: str) -> Iterator[str]:
    """What AWS has against a tag's value, each as the end of a sentence that begins with the value."""
    if len(value) > LONGEST_VALUE:
        yield f"has {len(value)} characters: a tag's value has at most {LONGEST_VALUE}"
    yield from _spelling(value)


def doubles(keys: Iterable[str]) -> list[str]:
    """The keys that differ from another in capitals only: IAM takes them for one and refuses the request.

    Source: IAM user guide, "Tags for AWS Identity and Access Management resources", case sensitivity.
    """
    found = sorted(keys)
    folded = Counter(key.lower() for key in found)
    return [key for key in found if folded[key.lower()] > 1]


def faults(tags: Mapping[str, str], most: int = TAGS_A_RESOURCE) -> Iterator[str]:
    """Everything AWS has against the tags of one resource, as sentences without a full stop."""
    if len(tags) > most:
        yield f"there are {len(tags)} tags: AWS takes at most {most}"
    for key, value in tags.items():
        for fault in key_faults(key):
            yield f"the key {key!r} {fault}"
        for fault in value_faults(value):
            yield f"the value of {key!r} {fault}"
    if twice := doubles(tags):
        yield f"the keys {', '.join(map(repr, twice))} differ in capitals only, which IAM takes for one"


def _spelling(text: str) -> Iterator[str]:
    if found := strange(text):
        yield f"has {' '.join(map(repr, found))}: a tag takes {ALLOWED}"
