"""The metrics of Lambda functions, at the time of their invocation.

Source: Lambda developer guide, "Types of metrics for Lambda functions": one value of Invocations, Errors, Throttles and
Duration for each invocation, 1 or 0 except for Duration (milliseconds, at most the timeout); a throttled one counts
only in Throttles; "the timestamp on an error metric reflects when the function was invoked". Asynchronous ones:
AsyncEventsReceived, AsyncEventsDropped, DestinationDeliveryFailures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.cloudwatch.gauge_series import GaugeSeries
from rehearsal.aws.cloudwatch.metric_store import MINUTE
from rehearsal.aws.lambda_.function_host import InvocationResult

NAMESPACE = "AWS/Lambda"


def record_invocation(account: SimulatedAccount, function: Any, result: InvocationResult, started: datetime) -> None:
    """Records the metrics of an invocation. Its Duration is simulated: waits on the clock count in full."""
    seconds = max((account.now() - started).total_seconds(), result.own_seconds)
    _put_metric(account, function, "Invocations", 1, started)
    _put_metric(account, function, "Errors", float(result.error is not None), started)
    _put_metric(account, function, "Throttles", 0, started)
    _put_metric(
        account, function, "Duration", min(seconds, float(function.timeout or 3)) * 1000, started, "Milliseconds"
    )


def repeat_last_invocation(
    account: SimulatedAccount, region: str, function_name: str, moments: Sequence[datetime]
) -> None:
    """Counts two or more invocations that nobody ran, evenly spaced, with the outcome of the function's last one.

    A function that was never called, or that a fault throttles, gets none.
    """
    errors = _get_series(account, region, function_name, "Errors")
    last_error = errors.find_last_value()
    if last_error is None or account.faults.find("function_throttled", function=function_name):
        return
    first, last = (int(moment.timestamp() // MINUTE) for moment in (moments[0], moments[-1]))
    step = (last - first) // (len(moments) - 1)
    with account.metrics.lock:
        _get_series(account, region, function_name, "Invocations").add_run(first, last, 1.0, step=step)
        errors.add_run(first, last, last_error, step=step)


def is_throttled(account: SimulatedAccount, function: Any) -> bool:
    """Whether a fault throttles an invocation; counts it if so."""
    if account.faults.take("function_throttled", function=function.function_name) is None:
        return False
    _put_metric(account, function, "Throttles", 1, account.now())
    return True


def count_async_event(account: SimulatedAccount, function: Any, name: str) -> None:
    """Counts in one of the metrics of asynchronous invocation."""
    _put_metric(account, function, name, 1, account.now())


def _put_metric(
    account: SimulatedAccount, function: Any, name: str, value: float, moment: datetime, unit: str = "Count"
) -> None:
    series = _get_series(account, function.region, function.function_name, name)
    series.unit = unit
    with account.metrics.lock:
        series.get_minute(moment.timestamp()).add(value)


def _get_series(account: SimulatedAccount, region: str, function_name: str, name: str) -> GaugeSeries:
    dimensions = {"FunctionName": function_name}
    found = account.metrics.get_series(region, NAMESPACE, name, dimensions, kind=GaugeSeries)
    assert isinstance(found, GaugeSeries)
    return found
