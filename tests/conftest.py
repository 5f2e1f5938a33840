"""What holds for every test: no example of a property is timed, for how long one takes says nothing about the code; and
what takes longest begins first."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

HERE = Path(__file__).parent
LONGEST = (
    "stacks/test_every_edit.py",
    "stacks/test_every_edit_applied.py",
    "simulator/scenarios/test_neighbours.py",
    "simulator/permissions/test_roles.py",
    "tidewatch/traffic/test_interruptions.py",
    "tidewatch/traffic/test_histories.py",
    "simulator/scenarios/test_game_days.py",
    "tidewatch/traffic/test_concurrency.py",
    "stacks/test_program.py",
    "simulator/test_story.py",
    "cli/test_rehearse_with.py",
)
"""Files of a minute and more, some of a single test: at the end each would keep one worker waiting for another."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file is one worker's, and workers take files in this order."""
    places = {HERE / name: place for place, name in enumerate(LONGEST)}
    if gone := [str(file) for file in places if not file.is_file()]:
        raise pytest.UsageError(f"tests/conftest.py lets these files begin first, and they are not there: {gone}")
    items.sort(key=lambda item: places.get(item.path, len(places)))
