"""Game days of harmful writers: a role writes into the tables that control the traffic, or calls as an operator.

None of its writes moves traffic or delays a rollback, and an alarm reports entries that our code does not write.
"""

from __future__ import annotations

import json
from typing import Any

from rehearsal.gamedays import checks, manual_changes
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.challenger import RECOVERY_MINUTES, WARMUP_MINUTES
from tidewatch.drift.storage_layout import build_control_key
from tidewatch.text import MAX_LENGTH
from tidewatch.traffic import RECENT_PERIOD

FAR_FUTURE = 99_999_999_999
"""A second in the year 5138."""
GIANT_LENGTH = 400_000
FORGED_LINES = "All is well.\nRunbook: https://evil.example\n\n## Root cause\n\x1b[31m<script>alert(1)</script>"


def _run_forged_run(harness: Harness) -> None:
    """Somebody forges a rollback to the challenger, and a second one that an operator's call must not join."""
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    manual_changes.forge_rollback(harness)
    harness.add_mark("fault", f"a rollback to {harness.challenger} is forged")
    harness.add_mark("degraded", "first sweep that finds it")
    checks.expect_alarm(harness, "P1", "records-refused")
    checks.expect_no_rollback(harness, before)
    quarantined = [entry.variant for entry in harness.ledger_entries() if entry.kind == "quarantine"]
    harness.expect(f"no artifact is kept from traffic: {quarantined}", not quarantined)
    manual_changes.forge_rollback(harness)
    _call_rollback(harness, {"action": "rollback", "reason": "The table was written to."})
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    checks.expect_timely_flip(harness)
    harness.advance_to(harness.control.get_time() + RECENT_PERIOD)
    checks.expect_alarm_cleared(harness, "records-refused")


def _run_endless_lease(harness: Harness) -> None:
    """Another holder has every lease until the year 5138."""
    harness.run_minutes(WARMUP_MINUTES)
    key = harness.outputs["key"]
    for stack, name in ((key, "traffic"), (key, "notification"), (build_control_key(key), "drift")):
        manual_changes.put_item(
            harness,
            harness.control_table(),
            {"stack": stack, "key": f"lease#{name}", "holder": "me", "expires": FAR_FUTURE},
        )
    fault = harness.inject_fault(
        "variant_errors", variant=harness.challenger, rate=0.5, label="leases that do not end; half of its answers fail"
    )
    harness.add_mark("degraded", "first bad datapoint")
    harness.run_until(lambda: harness.live_shares().get(harness.challenger) == 0.0)
    harness.clear_fault(fault, "the challenger answers again")
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_decision(harness)
    checks.expect_notification(harness, "P1", "rolled back")
    checks.expect_alarm_cleared(harness, f"guardrail-{harness.challenger}")
    result = _invoke(harness, harness.outputs["drift"]["function"], {})
    harness.expect(f"the drift function still runs: {result.get('skipped')}", result.get("skipped") is False)


def _run_giant_reason(harness: Harness) -> None:
    """An operator's reason is longer than an item may be, and forges lines of the notification."""
    harness.run_minutes(WARMUP_MINUTES)
    reason_text = FORGED_LINES + "x" * GIANT_LENGTH
    harness.add_mark("fault", f"an operator gives a reason of {len(reason_text)} characters")
    harness.add_mark("degraded", "the call")
    _call_rollback(harness, {"action": "rollback", "reason": reason_text, "requested_by": reason_text})
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_flip(harness)
    for incident in harness.incidents():
        reason = str(harness.read_incident_document(incident.id).get("reason", ""))
        harness.expect(f"its document holds the beginning, on one line: {len(reason)}", _is_capped_line(reason))
    pages = [message["text"] for message in harness.messages() if message["topic"] == "P1"]
    lines = [line for page in pages for line in page.splitlines()]
    runbooks = [line for line in lines if line.startswith("Runbook:")]
    harness.expect(f"the page has one runbook, ours: {runbooks}", len(runbooks) == 1 and "evil" not in runbooks[0])
    longest = max(map(len, lines), default=0)
    harness.expect(f"its longest line is bounded: {longest}", 0 < longest <= 2 * MAX_LENGTH)
    _acknowledge_incidents(harness, reason_text)


def _run_broken_ledger_entry(harness: Harness) -> None:
    """A ledger entry without a time, appended without the program."""
    harness.run_minutes(WARMUP_MINUTES)
    last_sequence = max(entry.sequence for entry in harness.traffic().entries())
    malformed_entry = {
        "stack": harness.outputs["key"],
        "sequence": last_sequence + 1,
        "kind": "intent",
        "who": "somebody",
    }
    manual_changes.put_item(harness, harness.outputs["ledger"], malformed_entry)
    harness.add_mark("fault", "an entry of the ledger has no time")
    checks.expect_alarm(harness, "P1", "records-refused")
    fault = harness.inject_fault(
        "variant_errors", variant=harness.challenger, rate=0.5, label="half of its answers fail"
    )
    harness.add_mark("degraded", "first bad datapoint")
    harness.run_until(lambda: harness.live_shares().get(harness.challenger) == 0.0)
    harness.clear_fault(fault, "the challenger answers again")
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    checks.expect_timely_decision(harness)
    checks.expect_no_alarm(harness, "rollback-failed")
    harness.advance_to(harness.control.get_time() + RECENT_PERIOD)
    checks.expect_alarm_cleared(harness, "records-refused")


def _call_rollback(harness: Harness, event: dict[str, str]) -> None:
    """Calls the rollback as an operator; the function waits for the weights while seconds pass."""
    harness.add_mark("note", "an operator runs the rollback")
    _invoke(harness, harness.outputs["rollback"]["function"], event)


def _invoke(harness: Harness, function: str, event: dict[str, str]) -> dict[str, Any]:
    answer = harness.get_client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    harness.expect(f"{function} answers", "FunctionError" not in answer)
    return json.load(answer["Payload"])


def _is_capped_line(text: str) -> bool:
    return 0 < len(text) <= MAX_LENGTH and text.isprintable()


def _acknowledge_incidents(harness: Harness, who: str) -> None:
    """Acknowledges the incidents; the name of the acknowledging person may be as long as the reason."""
    for incident in harness.incidents():
        harness.traffic().acknowledge(incident.id, who)
    harness.run_minutes()
    names = [entry.who for entry in harness.ledger_entries() if entry.kind == "acknowledgement"]
    harness.expect("and so may be who acknowledges", bool(names) and all(map(_is_capped_line, names)))
    harness.expect(f"no incident is open: {harness.incidents()}", not harness.incidents())


HOSTILE_WRITERS = (
    Scenario(
        "forged-run",
        "A forged rollback",
        "Somebody writes a rollback to the challenger into the control table: no traffic moves, somebody is paged, and "
        "an operator's rollback goes to the champion.",
        "a page, then rolled back by an operator",
        _run_forged_run,
    ),
    Scenario(
        "endless-lease",
        "Leases without an end",
        "Every lease is held until the year 5138 when the alarm fires: the rollback and its page still come in time.",
        "rolled back, one page",
        _run_endless_lease,
    ),
    Scenario(
        "giant-reason",
        "A reason of 400 kB",
        "An operator's reason is longer than an item may be and forges lines: the weights flip in time, and people "
        "read its beginning.",
        "rolled back, one page",
        _run_giant_reason,
    ),
    Scenario(
        "broken-ledger-entry",
        "A broken entry in the ledger",
        "The ledger holds an entry of another form: sweeps continue, somebody is paged, and the rollback comes in "
        "time.",
        "a page, then rolled back",
        _run_broken_ledger_entry,
    ),
)
