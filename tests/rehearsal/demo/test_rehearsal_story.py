"""What the story prints of the states that it meets."""

from __future__ import annotations

import pytest

from rehearsal.demo.demo import _strip_resource


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("pulumi-python:dynamic/tidewatch:Gate (gate): Variant green: it gets none.", "Variant green: it gets none."),
        ("aws:s3/bucket:Bucket (registry-x): emptying: k stays", "emptying: k stays"),
        ("Incident a-1 (open): read it.", "Incident a-1 (open): read it."),
    ],
)
def test_a_refusal_is_its_sentence_alone(error: str, said: str) -> None:
    assert _strip_resource(error) == said
