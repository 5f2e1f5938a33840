"""How the story tells what it meets."""

from __future__ import annotations

import pytest

from simulator.rehearsal.play import _sentence  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("pulumi-python:dynamic/tidewatch:Gate (gate): Slot green: it gets none.", "Slot green: it gets none."),
        ("aws:s3/bucket:Bucket (registry-x): emptying: k stays", "emptying: k stays"),
        ("Incident a-1 (open): read it.", "Incident a-1 (open): read it."),
    ],
)
def test_a_refusal_is_its_sentence_alone(error: str, said: str) -> None:
    assert _sentence(error) == said
