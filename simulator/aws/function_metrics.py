"""The metrics of Lambda functions, at the moment of their invocation.

Source: Lambda developer guide, "Types of metrics for Lambda functions": one value of Invocations, Errors, Throttles
and Duration an invocation, 1 or 0 but for Duration (milliseconds, at most the timeout); a throttled one counts in
Throttles alone; "the timestamp on an error metric reflects when the function was invoked". Asynchronous ones:
AsyncEventsReceived, AsyncEventsDropped, DestinationDeliveryFailures.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simulator.aws.functions import Outcome
from simulator.aws.world import World

NAMESPACE = "AWS/Lambda"


def ran(here: World, function: Any, outcome: Outcome, began: datetime) -> None:
    """An invocation that ran. Its Duration is simulated: what it waited for on the clock counts in full."""
    seconds = max((here.now() - began).total_seconds(), outcome.own_seconds)
    _put(here, function, "Invocations", 1, began)
    _put(here, function, "Errors", float(outcome.error is not None), began)
    _put(here, function, "Throttles", 0, began)
    _put(here, function, "Duration", min(seconds, float(function.timeout or 3)) * 1000, began, "Milliseconds")


def throttled(here: World, function: Any) -> bool:
    """Whether an invocation finds no free concurrency, which a rehearsal asked for; counts it then."""
    if here.faults.take("function_throttled", function=function.function_name) is None:
        return False
    _put(here, function, "Throttles", 1, here.now())
    return True


def counted(here: World, function: Any, name: str) -> None:
    """One of the metrics of asynchronous invocation."""
    _put(here, function, name, 1, here.now())


def _put(here: World, function: Any, name: str, value: float, at: datetime, unit: str = "Count") -> None:
    series = here.metrics.metric(function.region, NAMESPACE, name, {"FunctionName": function.function_name})
    series.unit = unit
    with here.metrics.lock:
        series.at(at.timestamp()).add(value)
