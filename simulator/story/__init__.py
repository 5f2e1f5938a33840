"""The story that a rehearsal tells: real flights out of New York in 2013, and two models of who will be late."""

from simulator.story.flights import (
    FEATURES,
    LATE_MINUTES,
    NAME,
    Requests,
    data_digest,
    load_flights,
    requests,
    sample,
)
from simulator.story.serving import request_body, score_locally
from simulator.story.training import Trained, train

__all__ = [
    "FEATURES",
    "LATE_MINUTES",
    "NAME",
    "Requests",
    "Trained",
    "data_digest",
    "load_flights",
    "request_body",
    "requests",
    "sample",
    "score_locally",
    "train",
]
