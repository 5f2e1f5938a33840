"""What drives the alarms of captured data, of drift, and of the function that watches it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from simulator.scenarios.by_hand import hide
from simulator.scenarios.data import moved
from simulator.scenarios.drive import FEW, Drive, clears, fires
from simulator.scenarios.scene import Scene
from simulator.scenarios.watched import HOUR, REQUESTS, ROWS_EACH, until_read
from simulator.story import FEATURES

DAY = timedelta(days=1)
WINDOW_DAYS = 3
QUARTERS = 5
"""Quarters of a day with too little data, one more than a day has."""
TOO_FEW = 4
ENOUGH = 120
"""Requests of an hour in which something must have been captured."""
MOVED = ("hour", "weekday", "distance", "precip", "visib", "wind_speed", "humid")


def _next_day(scene: Scene, days: int = 1) -> None:
    scene.pass_to((scene.control.clock() + days * DAY).replace(hour=12, minute=5, second=0, microsecond=0))


def _captures_nothing(scene: Scene) -> None:
    fault = scene.control.inject("capture_stops", endpoint=scene.endpoint)
    for _ in range(4):
        scene.send(ENOUGH)
        until_read(scene)
    fires(scene, "capture-missing", requests=FEW)
    scene.control.clear(fault)
    scene.send(ENOUGH)
    until_read(scene)
    clears(scene, "capture-missing", requests=FEW)


def _data(scene: Scene) -> None:
    """Days with too few flights, days with others than those of training, days with the same, unreadable ones."""
    _next_day(scene, WINDOW_DAYS + 1)
    for _ in range(QUARTERS):
        scene.send(TOO_FEW)
        scene.pass_to(scene.control.clock() + 6 * HOUR)
    fires(scene, "insufficient-data", requests=FEW)
    for _ in range(WINDOW_DAYS):
        _next_day(scene)
        scene.send(REQUESTS, moved(scene, MOVED), ROWS_EACH)
    until_read(scene)
    fires(scene, "drift", "many-features-drift", requests=FEW)
    clears(scene, "insufficient-data", requests=FEW)
    for _ in range(WINDOW_DAYS + 1):
        _next_day(scene)
        scene.send(REQUESTS, rows_each=ROWS_EACH)
    until_read(scene)
    clears(scene, "drift", "many-features-drift", requests=FEW)


def _unreadable(scene: Scene) -> None:
    """The model answers what is infinite; who judges the data cannot count it."""
    rows = scene.rows[:ENOUGH].copy()
    rows[:, FEATURES.index("distance")] = np.inf
    scene.send(len(rows), rows)
    until_read(scene)
    fires(scene, "records-rejected", requests=FEW)
    for _ in range(2):
        scene.send(ENOUGH)
        until_read(scene)
    clears(scene, "records-rejected", requests=FEW)


def _hidden(scene: Scene) -> None:
    """Somebody's bucket policy hides for two hours what was captured; what failed is read once its wait is over."""
    bucket = scene.outputs["buckets"]["capture"]
    before = hide(scene, bucket, "*")
    for _ in range(2):
        scene.send(ENOUGH)
        until_read(scene)
    fires(scene, "hours-failing", requests=FEW)
    scene.client("s3").put_bucket_policy(Bucket=bucket, Policy=before)
    for _ in range(3):
        scene.send(ENOUGH)
        until_read(scene)
    clears(scene, "hours-failing", requests=FEW)


def _dies(scene: Scene) -> None:
    """Three attempts of one hour, whose event then waits in the queue of what was given up."""
    scene.control.inject("function_killed", times=3, function=scene.outputs["drift"]["function"])
    until_read(scene)
    fires(scene, "drift-failed", "undelivered", requests=FEW)
    sqs, function = scene.client("sqs"), scene.outputs["drift"]["function"]
    given_up = scene.client("lambda").get_function_event_invoke_config(FunctionName=function)["DestinationConfig"]
    name = given_up["OnFailure"]["Destination"].rpartition(":")[2]
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    until_read(scene)
    clears(scene, "drift-failed", "undelivered", requests=FEW)


def _starves(scene: Scene) -> None:
    fault = scene.control.inject("function_throttled", function=scene.outputs["drift"]["function"])
    for _ in range(4):
        until_read(scene)
    fires(scene, "drift-throttled", "drift-late", requests=FEW)
    scene.control.clear(fault)
    for _ in range(2):
        until_read(scene)
    clears(scene, "drift-throttled", "drift-late", requests=FEW)


OF_DATA = (
    Drive(
        "data",
        "For a day too few flights are asked about, for three days others than those of training, then the usual.",
        ("insufficient-data", "drift", "many-features-drift"),
        _data,
    ),
    Drive(
        "capture-stops",
        "Requests are answered and not captured for four hours, then captured again.",
        ("capture-missing",),
        _captures_nothing,
    ),
    Drive(
        "unreadable-records",
        "Callers send infinite distances for an hour, which the model answers, then finite ones.",
        ("records-rejected",),
        _unreadable,
    ),
    Drive(
        "hidden-objects",
        "A bucket's policy hides the captured objects from everybody for two hours, then no more.",
        ("hours-failing",),
        _hidden,
    ),
    Drive(
        "drift-dies",
        "The drift function is killed at all attempts of an hour; its event is taken out of the queue, the next runs.",
        ("drift-failed", "undelivered"),
        _dies,
    ),
    Drive(
        "drift-starves",
        "The drift function finds no free concurrency for four hours, then it does.",
        ("drift-throttled", "drift-late"),
        _starves,
    ),
)
