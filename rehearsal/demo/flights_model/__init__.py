"""The demo's own model: real flights out of New York in 2013, and two classifiers of late arrivals."""

from rehearsal.demo.flights_model.dataset import (
    FEATURES,
    LATE_MINUTES,
    NAME,
    FlightRequests,
    hash_data,
    load_flights,
    sample_month,
    select_requests,
)
from rehearsal.demo.flights_model.packaging import encode_request_body, score_locally
from rehearsal.demo.flights_model.training import TrainedModel, train

__all__ = [
    "FEATURES",
    "LATE_MINUTES",
    "NAME",
    "FlightRequests",
    "TrainedModel",
    "encode_request_body",
    "hash_data",
    "load_flights",
    "sample_month",
    "score_locally",
    "select_requests",
    "train",
]
