"""What holds for every test: no example of a property is timed, for how long one takes says nothing about the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
