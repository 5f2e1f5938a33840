"""What several game days expect: a rollback that came in time and once, or none at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simulator.scenarios.drive import FEW
from simulator.scenarios.scene import Scene
from simulator.scenarios.watched import hours, records, report

PERIOD_SECONDS, PERIODS, OWN_SECONDS = 60, 2, 10


def in_time(scene: Scene) -> None:
    """The rollback was asked for within two evaluation periods of the first bad datapoint and ten seconds of our own,
    beside the time that CloudWatch takes until a datapoint can be read. For an endpoint that is InService."""
    bad = min(mark.at_s for mark in scene.marks if mark.kind == "bad")
    took = min(((one.opened_at - scene.began).total_seconds() - bad for one in scene.incidents()), default=float("inf"))
    limit = PERIODS * PERIOD_SECONDS + OWN_SECONDS + scene.control.stated()["METRIC_DELAY_SECONDS"]
    scene.expect(f"it was asked for within {limit:g} s: {took:g}", took <= limit)


def flipped_in_time(scene: Scene) -> None:
    """The weights were flipped within what SageMaker takes for them, and ten seconds of our own, of the request."""
    limit = scene.control.stated()["WEIGHTS_SECONDS"] + OWN_SECONDS
    for incident in scene.incidents():
        took = (scene.document(incident.id).get("receipt") or {}).get("weights_observed_s")
        scene.expect(f"the weights flipped within {limit:g} s: {took}", took is not None and took <= limit)


def ran_in_time(scene: Scene, function: str) -> None:
    """Every run of the function came to its end within the function's time."""
    limit = scene.client("lambda").get_function_configuration(FunctionName=function)["Timeout"]
    runs = [
        one
        for one in scene.control.function_timings()
        if one["function"] == function and datetime.fromisoformat(one["started"]) >= scene.began
    ]
    failed = [one["error"] for one in runs if one["error"] is not None]
    longest = max((one["own_seconds"] for one in runs), default=float("inf"))
    scene.expect(f"each run ends within {limit} s: {longest:.0f} at most, {failed}", longest < limit and not failed)


def called(scene: Scene, times: int) -> None:
    """The rollback function was called so often, at least, in the moment in which the incident opened."""
    opened = {one.opened_at.replace(microsecond=0) for one in scene.incidents()}
    name = scene.outputs["rollback"]["function"]
    # The sweep of that minute is one more.
    calls = [
        one
        for one in scene.control.function_timings()
        if one["function"] == name and datetime.fromisoformat(one["started"]).replace(microsecond=0) in opened
    ]
    scene.expect(f"{times} calls and the sweep came together: {len(calls)}", len(calls) > times)


def while_busy(scene: Scene, kind: str) -> None:
    """The incident opened while an operation of that kind kept the endpoint busy."""
    opened = [one.opened_at for one in scene.incidents()]
    busy = [
        (datetime.fromisoformat(one["started"]), datetime.fromisoformat(one["ended"]))
        for one in scene.control.operations()
        if one["kind"] == kind
    ]
    met = any(begin <= at < end for at in opened for begin, end in busy)
    scene.expect(f"the incident opened during a change ({kind}) of the endpoint", met)


def rolled_back(scene: Scene, *, pages: int | None = None) -> None:
    """All traffic is the champion's by one flip, in one incident, which has its document."""
    live = scene.live()
    scene.expect(f"all traffic goes to {scene.champion}: {live}", live == {scene.champion: 1.0, scene.challenger: 0.0})
    incidents = [one for one in scene.incidents() if one.kind == "rollback"]
    scene.expect(f"there is one incident: {[one.id for one in incidents]}", len(incidents) == 1)
    flips = [one for one in scene.entries() if one.kind == "outcome" and one.after and not one.error]
    scene.expect(f"the weights flipped once: {len(flips)} times", len(flips) == 1)
    for incident in incidents:
        document = scene.document(incident.id)
        observed = (document.get("receipt") or {}).get("weights_observed_s")
        scene.expect("the incident's document has the receipt", observed is not None)
    scene.say(f"rolled back to {scene.champion} in one incident" if live.get(scene.champion) == 1.0 else f"{live}")
    if pages is not None and scene.pages:
        heard = scene.heard()
        scene.expect(f"P1 spoke {pages} times: {heard['P1']}, {_subjects(scene)}", heard["P1"] == pages)


def kept(scene: Scene, before: dict[str, float]) -> None:
    """No rollback: the split is what it was, and there is no incident."""
    live = scene.live()
    scene.expect(f"the split stays {before}: {live}", live == before)
    scene.expect(f"there is no incident: {scene.incidents()}", not scene.incidents())
    scene.say("no rollback")


def heard(scene: Scene, topic: str, alarm: str) -> None:
    """The alarm's message came to that topic."""
    scene.awaited.append(alarm)
    told = _told(scene, topic, alarm)
    scene.expect(f"{topic} heard of {alarm}: {_subjects(scene)}", bool(told))
    if told:
        scene.say(f"{alarm} told {topic}")


def fires(scene: Scene, topic: str, alarm: str) -> None:
    """The alarm goes to ALARM, and that topic hears of it: later, where it speaks through a composite."""
    scene.until(lambda: scene.in_alarm(alarm) and bool(_told(scene, topic, alarm)), requests=FEW)
    heard(scene, topic, alarm)


def clears(scene: Scene, alarm: str) -> None:
    """The alarm, which has fired, is OK again within minutes."""
    fired = any(one.state == "ALARM" for one in scene.alarm_changes() if one.alarm == scene.alarm_name(alarm))
    scene.until(lambda: scene.alarms().get(alarm) == "OK", requests=FEW)
    state = scene.alarms().get(alarm)
    scene.expect(f"{alarm} fired and is OK again: {state}", fired and state == "OK")
    if state == "OK":
        scene.say(f"{alarm} cleared")


def never(scene: Scene, *alarms: str) -> None:
    """None of these went to ALARM."""
    names = {scene.alarm_name(alarm): alarm for alarm in alarms}
    rang = sorted({names[one.alarm] for one in scene.alarm_changes() if one.alarm in names and one.state == "ALARM"})
    scene.expect(f"{', '.join(alarms)} stay silent: {rang}", not rang)


def judged_every_hour(scene: Scene, variant: str) -> None:
    """Each hour's records of the variant are accounted for, and a verdict stands on them; of the champion, none is
    rejected."""
    silent = [f"{hour:%H}" for hour in hours(scene) if not report(scene, variant, hour)]
    count = len(list(hours(scene)))
    scene.expect(f"{variant} is judged in each of {count} hours; not in: {silent}", bool(count) and not silent)
    found = [records(scene, variant, hour) for hour in hours(scene)]
    lost = [one for one in found if one["read"] != one["parsed"] + sum(one["rejected"].values()) or not one["parsed"]]
    scene.expect(f"its records are accounted for: {lost}", not lost)
    if variant == scene.champion:
        said = [str(report(scene, variant, hour).get("verdict")) for hour in hours(scene)]
        scene.expect(f"each verdict on {variant} is ok: {said}", set(said) == {"ok"})
        scene.expect(f"none of its records is rejected: {found}", not any(one["rejected"] for one in found))
        scene.say(f"{variant} judged in each of {count} hours")


def quiet(scene: Scene, topic: str) -> None:
    """Nobody was told anything there."""
    scene.expect(f"{topic} heard nothing: {_subjects(scene)}", not scene.heard()[topic])


def _told(scene: Scene, topic: str, alarm: str) -> list[dict[str, Any]]:
    return [one for one in scene.messages() if one["topic"] == topic and alarm in one["subject"] + one["text"]]


def _subjects(scene: Scene) -> str:
    return ", ".join(f"{one['topic']} {one['subject']}" for one in scene.messages()) or "nothing"
