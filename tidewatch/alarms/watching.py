"""The alarms of an endpoint's data: capture, records and drift, and the function that watches them.

The drift function speaks once an hour. One datapoint of the last two counts, so that a run a few seconds late neither
clears an alarm nor raises it again; a verdict that is missing is not a good one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.expressions import count_of, each, total
from tidewatch.alarms.limits import Limits
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import HOUR, Alarm, Math, Missing, Severity, Stat

DRIFT = "drift"
TICKET, PAGE = 2, 3
"""Values of DriftSeverity from which somebody is told."""
ATTEMPTS = 3
"""Of an asynchronous call: Lambda tries twice more."""
QUARTER_DAY = 6 * HOUR


def capture_missing(limits: Limits, slots: Sequence[str], capture_percent: float) -> Alarm:
    """Three hours in a row: the hour in which traffic begins, and the one after, may have nothing read yet."""
    requests = math.ceil(limits.capture_requests * 100 / capture_percent)
    parts = each("n", m.INVOCATIONS, "Sum", slots) | each("r", m.RECORDS_READ, "Maximum", slots)
    return Alarm(
        key="capture-missing",
        title="Nothing captured",
        says="Requests are served, but for three hours none was captured: drift goes unseen.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Math(f"IF(({total('n', slots)}) >= {requests}, {total('r', slots)}, 1)", parts, 0),
        comparison="<",
        threshold=1,
        period_s=HOUR,
        periods=3,
        datapoints=3,
        missing=Missing.NOT_BREACHING,
        minimum_samples=requests,
        parents=("drift-late", "drift-failed"),
    )


def records_rejected(limits: Limits, slots: Sequence[str]) -> Alarm:
    parts = each("r", m.RECORDS_READ, "Maximum", slots) | each("x", m.RECORDS_REJECTED, "Maximum", slots)
    read, rejected = total("r", slots), total("x", slots)
    return Alarm(
        key="records-rejected",
        title="Unreadable records",
        says=f"More than {limits.rejected_percent:g}% of the captured records could not be read: callers changed their "
        f"format, or the model its answer.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Math(
            f"IF((({read}) >= {limits.minimum_requests}) AND (({rejected}) >= {limits.minimum_errors}), "
            f"({rejected}) / ({read}), 0)",
            parts,
            0,
            1,
        ),
        comparison=">",
        threshold=limits.rejected_percent / 100,
        period_s=HOUR,
        periods=2,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        minimum_samples=limits.minimum_requests,
        suppressed_by_deployment=False,
    )


def drift(slots: Sequence[str]) -> Alarm:
    return _verdict("drift", "Drift", Severity.P2, TICKET, slots, ("many-features-drift",),
                    "Features moved away from the training data, and it lasts: predictions may be off.")  # fmt: skip


def many_features_drift(slots: Sequence[str]) -> Alarm:
    return _verdict("many-features-drift", "Many features drift", Severity.P1, PAGE, slots, (),
                    "Many features at once no longer look like the training data, and it lasts: something upstream "
                    "broke, or the world changed.")  # fmt: skip


def _verdict(
    key: str, title: str, severity: Severity, least: int, slots: Sequence[str], parents: tuple[str, ...], says: str
) -> Alarm:
    return Alarm(
        key=key,
        title=title,
        says=says,
        severity=severity,
        scope="endpoint",
        signal=count_of(m.DRIFT_SEVERITY, "Maximum", least, slots),
        comparison=">=",
        threshold=1,
        period_s=HOUR,
        periods=2,
        datapoints=1,
        # A night without traffic has no verdict, and is no reason to page again in the morning.
        missing=Missing.IGNORE,
        suppressed_by_deployment=False,
        parents=parents,
    )


def insufficient_data(limits: Limits, slots: Sequence[str]) -> Alarm:
    """The Minimum of a quarter of a day: one verdict in it is enough to be well."""
    periods = limits.insufficient_hours * HOUR // QUARTER_DAY
    return Alarm(
        key="insufficient-data",
        title="Too little data for a verdict",
        says=f"For {limits.insufficient_hours} hours there were too few records to tell whether the data drifts.",
        severity=Severity.P3,
        scope="endpoint",
        signal=count_of(m.DRIFT_INSUFFICIENT, "Minimum", 1, slots),
        comparison=">=",
        threshold=1,
        period_s=QUARTER_DAY,
        periods=periods,
        datapoints=periods,
        missing=Missing.MISSING,
        suppressed_by_deployment=False,
    )


def drift_failed() -> Alarm:
    """All attempts of a call, and no other call succeeded: what one run missed, the next one makes up for."""
    parts = {"i": Stat(m.CALLS, "Sum", DRIFT), "e": Stat(m.CALL_ERRORS, "Sum", DRIFT)}
    return Alarm(
        key="drift-failed",
        title="Drift function fails",
        says="The drift function failed at every attempt of an hour: nobody watches the data.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Math(f"IF(e >= {ATTEMPTS}, i - e, 1)", parts, 0),
        comparison="<",
        threshold=1,
        period_s=HOUR,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        suppressed_by_deployment=False,
    )


def drift_late() -> Alarm:
    """The sweep's open incidents, times 0, are the clock: without them a function that stops leaves no datapoint at
    all, and one that is too new to have run would be late."""
    return Alarm(
        key="drift-late",
        title="Drift function does not run",
        says="The drift function has not run for three hours: nobody watches the data.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Math("i + 0 * o", {"i": Stat(m.CALLS, "Sum", DRIFT), "o": Stat(m.OPEN_INCIDENTS, "Maximum")}, 0),
        comparison="<",
        threshold=1,
        period_s=HOUR,
        periods=3,
        datapoints=3,
        missing=Missing.IGNORE,
        suppressed_by_deployment=False,
        parents=("drift-throttled",),
    )


def hours_failing() -> Alarm:
    """One failure heals by itself as a rule, an hour later: two in a row do not."""
    return Alarm(
        key="hours-failing",
        title="Hours of data unread",
        says="Captured data of some hours could not be read whole, again and again: drift in it goes unseen.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Stat(m.HOURS_FAILING, "Maximum"),
        comparison=">=",
        threshold=1,
        period_s=HOUR,
        periods=2,
        datapoints=2,
        # Between its attempts an hour counts as failing, and every run says so.
        missing=Missing.IGNORE,
        suppressed_by_deployment=False,
        parents=("drift-late", "drift-failed"),
    )


def drift_throttled() -> Alarm:
    return Alarm(
        key="drift-throttled",
        title="Drift function throttled",
        says=f"The account has no concurrency left for the drift function, {shown(ATTEMPTS)} times in an hour; the "
        f"rollback function lives off the same.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Stat(m.CALL_THROTTLES, "Sum", DRIFT),
        comparison=">=",
        threshold=ATTEMPTS,
        period_s=HOUR,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        suppressed_by_deployment=False,
    )
