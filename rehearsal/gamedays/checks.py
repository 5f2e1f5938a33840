"""Expectations that several game days share: one rollback in time, or no rollback at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rehearsal.gamedays.drift_hours import list_hours, read_record_counts, read_report
from rehearsal.gamedays.harness import FEW_REQUESTS, Harness

PERIOD_SECONDS, PERIODS, OWN_SECONDS = 60, 2, 10


def expect_timely_decision(harness: Harness) -> None:
    """Expects the rollback request in time, for an endpoint that is InService.

    The limit is two evaluation periods after the first bad datapoint, ten seconds of our own, and the delay until
    CloudWatch returns a datapoint.
    """
    bad = min(mark.at_s for mark in harness.marks if mark.kind == "degraded")
    took = min(
        ((incident.opened_at - harness.started_at).total_seconds() - bad for incident in harness.incidents()),
        default=float("inf"),
    )
    limit = PERIODS * PERIOD_SECONDS + OWN_SECONDS + harness.control.stated_durations()["METRIC_DELAY_SECONDS"]
    harness.expect(f"the rollback was requested within {limit:g} s: {took:g}", took <= limit)


def expect_timely_flip(harness: Harness) -> None:
    """Expects the flip within SageMaker's stated time for weights and ten seconds of our own after the request."""
    limit = harness.control.stated_durations()["WEIGHTS_SECONDS"] + OWN_SECONDS
    for incident in harness.incidents():
        took = (harness.read_incident_document(incident.id).get("receipt") or {}).get("weights_observed_s")
        harness.expect(f"the weights flipped within {limit:g} s: {took}", took is not None and took <= limit)


def expect_runs_within_timeout(harness: Harness, function: str) -> None:
    """Expects every run of the function to end without an error and within its timeout."""
    limit = harness.get_client("lambda").get_function_configuration(FunctionName=function)["Timeout"]
    runs = [
        timing
        for timing in harness.control.function_timings()
        if timing["function"] == function and datetime.fromisoformat(timing["started"]) >= harness.started_at
    ]
    failed = [timing["error"] for timing in runs if timing["error"] is not None]
    longest = max((timing["own_seconds"] for timing in runs), default=float("inf"))
    harness.expect(f"each run ends within {limit} s: {longest:.0f} at most, {failed}", longest < limit and not failed)


def expect_concurrent_calls(harness: Harness, times: int) -> None:
    """Expects at least `times` calls of the rollback function in the second in which the incident opened."""
    opened = {incident.opened_at.replace(microsecond=0) for incident in harness.incidents()}
    name = harness.outputs["rollback"]["function"]
    # The sweep of that minute adds one call.
    calls = [
        timing
        for timing in harness.control.function_timings()
        if timing["function"] == name and datetime.fromisoformat(timing["started"]).replace(microsecond=0) in opened
    ]
    harness.expect(f"{times} calls and the sweep came together: {len(calls)}", len(calls) > times)


def expect_incident_while_busy(harness: Harness, kind: str) -> None:
    """Expects that the incident opened while an operation of that kind kept the endpoint busy."""
    opened = [incident.opened_at for incident in harness.incidents()]
    busy = [
        (datetime.fromisoformat(operation["started"]), datetime.fromisoformat(operation["ended"]))
        for operation in harness.control.operations()
        if operation["kind"] == kind
    ]
    opened_while_busy = any(begin <= at < end for at in opened for begin, end in busy)
    harness.expect(f"the incident opened during a change ({kind}) of the endpoint", opened_while_busy)


def expect_rollback(harness: Harness, *, pages: int | None = None) -> None:
    """Expects all traffic on the champion after one flip, in one incident with its document."""
    live = harness.live_shares()
    harness.expect(
        f"all traffic goes to {harness.champion}: {live}", live == {harness.champion: 1.0, harness.challenger: 0.0}
    )
    incidents = [incident for incident in harness.incidents() if incident.kind == "rollback"]
    harness.expect(f"there is one incident: {[one.id for one in incidents]}", len(incidents) == 1)
    flips = [entry for entry in harness.ledger_entries() if entry.kind == "outcome" and entry.after and not entry.error]
    harness.expect(f"the weights flipped once: {len(flips)} times", len(flips) == 1)
    for incident in incidents:
        document = harness.read_incident_document(incident.id)
        observed = (document.get("receipt") or {}).get("weights_observed_s")
        harness.expect("the incident's document has the receipt", observed is not None)
    harness.add_observation(
        f"rolled back to {harness.champion} in one incident" if live.get(harness.champion) == 1.0 else f"{live}"
    )
    if pages is not None and harness.queue_url:
        topic_counts = harness.count_messages()
        harness.expect(
            f"P1 notified {pages} times: {topic_counts['P1']}, {_format_subjects(harness)}", topic_counts["P1"] == pages
        )


def expect_no_rollback(harness: Harness, before: dict[str, float]) -> None:
    """Expects an unchanged split and no incident."""
    live = harness.live_shares()
    harness.expect(f"the split stays {before}: {live}", live == before)
    harness.expect(f"there is no incident: {harness.incidents()}", not harness.incidents())
    harness.add_observation("no rollback")


def expect_notification(harness: Harness, topic: str, alarm: str) -> None:
    """Expects the alarm's message on that topic."""
    harness.expected_alarms.append(alarm)
    messages = _find_messages(harness, topic, alarm)
    harness.expect(f"{topic} was notified of {alarm}: {_format_subjects(harness)}", bool(messages))
    if messages:
        harness.add_observation(f"{alarm} notified {topic}")


def expect_alarm(harness: Harness, topic: str, alarm: str) -> None:
    """Expects the alarm to go to ALARM and to notify that topic, possibly later through a composite."""
    harness.run_until(
        lambda: harness.is_in_alarm(alarm) and bool(_find_messages(harness, topic, alarm)), requests=FEW_REQUESTS
    )
    expect_notification(harness, topic, alarm)


def expect_alarm_cleared(harness: Harness, alarm: str) -> None:
    """Expects an alarm that fired to return to OK within minutes."""
    fired = any(
        change.state == "ALARM" for change in harness.alarm_changes() if change.alarm == harness.get_alarm_name(alarm)
    )
    harness.run_until(lambda: harness.alarm_states().get(alarm) == "OK", requests=FEW_REQUESTS)
    state = harness.alarm_states().get(alarm)
    harness.expect(f"{alarm} fired and is OK again: {state}", fired and state == "OK")
    if state == "OK":
        harness.add_observation(f"{alarm} cleared")


def expect_no_alarm(harness: Harness, *alarms: str) -> None:
    """Expects that none of these alarms went to ALARM."""
    names = {harness.get_alarm_name(alarm): alarm for alarm in alarms}
    fired = sorted(
        {names[change.alarm] for change in harness.alarm_changes() if change.alarm in names and change.state == "ALARM"}
    )
    harness.expect(f"{', '.join(alarms)} do not fire: {fired}", not fired)


def expect_hourly_verdicts(harness: Harness, variant: str) -> None:
    """Expects a verdict for each of the variant's hours, with all records accounted for.

    For the champion, each verdict is ok and no record is rejected.
    """
    hours_without_report = [f"{hour:%H}" for hour in list_hours(harness) if not read_report(harness, variant, hour)]
    count = len(list(list_hours(harness)))
    harness.expect(
        f"{variant} is judged in each of {count} hours; not in: {hours_without_report}",
        bool(count) and not hours_without_report,
    )
    found = [read_record_counts(harness, variant, hour) for hour in list_hours(harness)]
    lost = [
        counts
        for counts in found
        if counts["read"] != counts["parsed"] + sum(counts["rejected"].values()) or not counts["parsed"]
    ]
    harness.expect(f"its records are accounted for: {lost}", not lost)
    if variant == harness.champion:
        verdicts = [str(read_report(harness, variant, hour).get("verdict")) for hour in list_hours(harness)]
        harness.expect(f"each verdict on {variant} is ok: {verdicts}", set(verdicts) == {"ok"})
        harness.expect(f"none of its records is rejected: {found}", not any(counts["rejected"] for counts in found))
        harness.add_observation(f"{variant} judged in each of {count} hours")


def expect_no_notification(harness: Harness, topic: str) -> None:
    """Expects no message on that topic."""
    harness.expect(f"{topic} got no notification: {_format_subjects(harness)}", not harness.count_messages()[topic])


def _find_messages(harness: Harness, topic: str, alarm: str) -> list[dict[str, Any]]:
    return [
        message
        for message in harness.messages()
        if message["topic"] == topic and alarm in message["subject"] + message["text"]
    ]


def _format_subjects(harness: Harness) -> str:
    return ", ".join(f"{message['topic']} {message['subject']}" for message in harness.messages()) or "nothing"
