"""Game days of harm from outside: what callers send and publishers publish, made to blind the watch over the champion.

Each fails alone. The champion is judged every hour, and somebody hears of what could not be counted.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from simulator.scenarios import by_hand, checks
from simulator.scenarios.challenger import CALM
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene
from simulator.scenarios.watched import (
    CSV,
    JSON,
    Body,
    ask,
    capture,
    captured,
    hour_passes,
    hours,
    records,
    report,
)

POISONED = 60
"""Requests of an hour that nobody can read: more than one in a hundred, of which somebody is told."""
DIGITS, DIMENSIONS = 80_000, 100_000
SLOW_SHAPES = 3
LONG_AFTER = 3
"""Hours in which an alarm clears that looks at two of them, and in which what failed twice is tried again."""
LONE_SURROGATE = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":"\\ud800"}]}'
"""71 bytes: valid JSON that holds half of a character."""
REQUEST: Body = (CSV, b"1,2,3\n")
ANSWER: Body = (CSV, b"0.5\n")


def _poisoned_record(scene: Scene) -> None:
    """A caller of the challenger sends half of a character, and the model answers it; others send it where no model
    looks, and a model of another kind answers nothing else."""
    before = _begin(scene, "a caller sends half of a surrogate pair")
    ask(scene, scene.challenger, _valid(scene, id="\ud800"), POISONED)
    capture(scene, scene.challenger, [((JSON, LONE_SURROGATE), ANSWER), (REQUEST, (JSON, b'["\\ud800"]'))])
    hour_passes(scene)
    _counted_and_told(scene, POISONED + 2)
    checks.kept(scene, before)


def _slow_record(scene: Scene) -> None:
    """What took minutes: a number whose pattern is tried at each of its digits, and the product of a long shape."""
    before = _begin(scene, "a caller sends records that take minutes to read")
    digits = "1" * DIGITS + "x"
    ask(scene, scene.challenger, _valid(scene, instances=[[digits]]), POISONED)
    endless = {"name": "x", "shape": [2**63 - 1] * DIMENSIONS, "datatype": "FP32", "data": [0]}
    # A server that knows its inputs refuses one more of them; another passes it on.
    shapes = [((JSON, _valid(scene, beside=[endless])), ANSWER)] * SLOW_SHAPES
    capture(scene, scene.challenger, [((CSV, f"{digits},2,3\n".encode()), ANSWER), *shapes])
    hour_passes(scene)
    _counted_and_told(scene, POISONED + 1 + SLOW_SHAPES)
    checks.ran_in_time(scene, scene.outputs["drift"]["function"])
    checks.kept(scene, before)


def _unreadable_object(scene: Scene) -> None:
    """One object of many may not be read; what failed is read by itself, once it may."""
    before = _begin(scene, "one captured object may not be read")
    bucket = scene.outputs["buckets"]["capture"]
    key, hour = captured(scene, scene.challenger)[0], scene.began.replace(minute=0)
    policy = by_hand.hide(scene, bucket, key)
    for _ in range(2):
        hour_passes(scene)
    checks.fires(scene, "P2", "hours-failing")
    found = report(scene, scene.challenger, hour)
    scene.expect(
        f"its hour names it alone: {found.get('unreadable')}", found.get("unreadable") == [f"s3://{bucket}/{key}"]
    )
    some = records(scene, scene.challenger, hour)["read"]
    scene.expect(f"its hour counts the other objects: {some} records", some > 0)
    scene.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    scene.mark("note", "the object may be read again")
    for _ in range(LONG_AFTER):
        hour_passes(scene)
    checks.clears(scene, "hours-failing")
    checks.judged_every_hour(scene, scene.champion)
    checks.judged_every_hour(scene, scene.challenger)
    every = records(scene, scene.challenger, hour)["read"]
    scene.expect(f"then its hour counts every object: {every} records after {some}", every > some)
    checks.kept(scene, before)


def _wild_reference(scene: Scene) -> None:
    """Negative counts, which publish refuses: whoever may delete and put wrote them past it, digest and all."""
    before = _begin(scene, "the challenger's reference has counts below zero")
    version = scene.outputs["traffic"]["versions"][scene.challenger]
    folder = f"{scene.outputs['registry']['prefix']}{version}/"
    sound, manifest = (_stored(scene, f"{folder}{name}.json") for name in ("reference", "manifest"))
    wild = json.loads(sound)
    numeric = next(one for one in wild["features"] if one["kind"] == "numeric")
    numeric["counts"] = [-count for count in numeric["counts"]]
    _replace(scene, folder, json.dumps(wild).encode(), manifest)
    for _ in range(2):
        hour_passes(scene)
    checks.fires(scene, "P2", "hours-failing")
    unwatched = [hour for hour in hours(scene) if not report(scene, scene.challenger, hour)]
    scene.expect(f"nothing is said of the challenger by it: {len(unwatched)} hours", unwatched == list(hours(scene)))
    _replace(scene, folder, sound, manifest)
    scene.mark("note", "the right reference is back")
    for _ in range(LONG_AFTER):
        hour_passes(scene)
    checks.clears(scene, "hours-failing")
    checks.judged_every_hour(scene, scene.champion)
    checks.judged_every_hour(scene, scene.challenger)
    checks.kept(scene, before)


def _begin(scene: Scene, label: str) -> dict[str, float]:
    before = scene.live()
    scene.minutes(CALM)
    scene.mark("fault", label)
    scene.mark("bad", "first hour in which it is there")
    return before


def _counted_and_told(scene: Scene, harmful: int) -> None:
    """The first hour holds them as rejects, somebody is told of them, and the hours after it are as ever."""
    checks.fires(scene, "P2", "records-rejected")
    found = records(scene, scene.challenger, next(hours(scene)))
    rejected = sum(found["rejected"].values())
    scene.expect(
        f"each of {harmful} is a counted reject: {found}", rejected == harmful == found["read"] - found["parsed"]
    )
    scene.expect("none was a fault of the reader's own", "reader_failed" not in found["rejected"])
    for _ in range(2):
        hour_passes(scene)
    checks.clears(scene, "records-rejected")
    checks.judged_every_hour(scene, scene.champion)
    checks.judged_every_hour(scene, scene.challenger)
    checks.never(scene, "hours-failing", "drift-failed", "drift-late")


def _valid(scene: Scene, beside: list[dict[str, Any]] | None = None, **others: object) -> bytes:
    """A request that the model answers, with what it does not look at. beside: more tensors."""
    row = scene.rows[:1]
    tensor = {"name": "input__0", "shape": list(row.shape), "datatype": "FP32", "data": row.ravel().tolist()}
    return json.dumps({"inputs": [tensor, *(beside or ())], **others}).encode()


def _stored(scene: Scene, key: str) -> bytes:
    return scene.client("s3").get_object(Bucket=scene.outputs["registry"]["bucket"], Key=key)["Body"].read()


def _replace(scene: Scene, folder: str, reference: bytes, manifest: bytes) -> None:
    """Takes reference and manifest out of the registry as its break-glass role may, and puts others, each once."""
    described = json.loads(manifest)
    described["files"]["reference.json"] |= {"sha256": hashlib.sha256(reference).hexdigest(), "size": len(reference)}
    bucket, s3 = scene.outputs["registry"]["bucket"], scene.client("s3")
    glass = scene.as_role("break-glass", "s3")
    for name, body in (("reference.json", reference), ("manifest.json", json.dumps(described).encode())):
        glass.delete_object(Bucket=bucket, Key=f"{folder}{name}")
        s3.put_object(Bucket=bucket, Key=f"{folder}{name}", Body=body, IfNoneMatch="*")


HOSTILE_DATA = (
    Scenario(
        "poisoned-record",
        "A poisoned record",
        "A caller sends half of a character, and a model answers it: each is a counted reject, a ticket tells of them, "
        "and the champion is judged every hour.",
        "rejects, a ticket",
        _poisoned_record,
    ),
    Scenario(
        "slow-record",
        "Records that took minutes",
        "A caller sends numbers and shapes that took a reader minutes: each is a counted reject, and no run of the "
        "drift function comes near its time.",
        "rejects, a ticket",
        _slow_record,
    ),
    Scenario(
        "unreadable-object",
        "An object that may not be read",
        "One captured object is denied: the rest of its hour, other hours and the champion are judged, and it is read "
        "once it may be.",
        "a ticket, then all is read",
        _unreadable_object,
    ),
    Scenario(
        "wild-reference",
        "A reference that is none",
        "The challenger's reference holds counts below zero: the champion is judged every hour, a ticket tells of the "
        "challenger's, which are read once the right one is back.",
        "a ticket, then all is read",
        _wild_reference,
    ),
)
