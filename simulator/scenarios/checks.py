"""What several game days expect: a rollback that came in time and once, or none at all."""

from __future__ import annotations

from datetime import datetime

from simulator.scenarios.scene import Scene

PERIOD_SECONDS, PERIODS, OWN_SECONDS = 60, 2, 10


def in_time(scene: Scene) -> None:
    """The rollback was asked for within two evaluation periods of the first bad datapoint and ten seconds of our own,
    beside the time that CloudWatch takes until a datapoint can be read. For an endpoint that is InService."""
    bad = min(mark.at_s for mark in scene.marks if mark.kind == "bad")
    took = min(((one.opened_at - scene.began).total_seconds() - bad for one in scene.incidents()), default=float("inf"))
    limit = PERIODS * PERIOD_SECONDS + OWN_SECONDS + scene.control.stated()["METRIC_DELAY_SECONDS"]
    scene.expect(f"it was asked for within {limit:g} s: {took:g}", took <= limit)


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
    told = [one for one in scene.messages() if one["topic"] == topic and alarm in one["subject"] + one["text"]]
    scene.expect(f"{topic} heard of {alarm}: {_subjects(scene)}", bool(told))
    if told:
        scene.say(f"{alarm} told {topic}")


def quiet(scene: Scene, topic: str) -> None:
    """Nobody was told anything there."""
    scene.expect(f"{topic} heard nothing: {_subjects(scene)}", not scene.heard()[topic])


def _subjects(scene: Scene) -> str:
    return ", ".join(f"{one['topic']} {one['subject']}" for one in scene.messages()) or "nothing"
