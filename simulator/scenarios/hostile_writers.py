"""Game days of harm from within: one role writes into the tables that steer the traffic, or asks as an operator.

Nothing that it writes moves traffic or holds a rollback up, and somebody hears of what nothing of ours writes.
"""

from __future__ import annotations

import json
from typing import Any

from simulator.scenarios import by_hand, checks
from simulator.scenarios.challenger import AFTER, CALM
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene
from tidewatch.drift.layout import control_key
from tidewatch.text import MOST
from tidewatch.traffic.ledger import LATELY

FAR = 99_999_999_999
"""A second in the year 5138."""
GIANT = 400_000
FORGED_LINES = "All is well.\nRunbook: https://evil.example\n\n## Root cause\n\x1b[31m<script>alert(1)</script>"


def _forged_run(scene: Scene) -> None:
    """Whoever may write there forges a rollback to the challenger; an operator's call does not follow a second one."""
    before = scene.live()
    scene.minutes(CALM)
    by_hand.forge(scene)
    scene.mark("fault", f"a rollback to {scene.challenger} is forged")
    scene.mark("bad", "first sweep that finds it")
    checks.fires(scene, "P1", "records-refused")
    checks.kept(scene, before)
    latched = [one.slot for one in scene.entries() if one.kind == "latch"]
    scene.expect(f"no artifact is kept from traffic: {latched}", not latched)
    by_hand.forge(scene)
    _asks(scene, {"action": "rollback", "reason": "The table was written to."})
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    checks.flipped_in_time(scene)
    scene.pass_to(scene.control.clock() + LATELY)
    checks.clears(scene, "records-refused")


def _endless_lease(scene: Scene) -> None:
    """Every lease is another's until the year 5138."""
    scene.minutes(CALM)
    key = scene.outputs["key"]
    for stack, name in ((key, "traffic"), (key, "telling"), (control_key(key), "drift")):
        by_hand.write(
            scene, scene.control_table(), {"endpoint": stack, "key": f"lease#{name}", "holder": "me", "expires": FAR}
        )
    fault = scene.break_it(
        "variant_errors", variant=scene.challenger, rate=0.5, label="leases that do not end; half of its answers fail"
    )
    scene.mark("bad", "first bad datapoint")
    scene.until(lambda: scene.live().get(scene.challenger) == 0.0)
    scene.mend(fault, "the challenger answers again")
    scene.minutes(AFTER)
    checks.rolled_back(scene, pages=1)
    checks.in_time(scene)
    checks.heard(scene, "P1", "observed")
    checks.clears(scene, f"guardrail-{scene.challenger}")
    ran = _invoked(scene, scene.outputs["drift"]["function"], {})
    scene.expect(f"the drift function runs all the same: {ran.get('skipped')}", ran.get("skipped") is False)


def _giant_reason(scene: Scene) -> None:
    """An operator's words are longer than an item may be, and forge lines of what is told."""
    scene.minutes(CALM)
    words = FORGED_LINES + "x" * GIANT
    scene.mark("fault", f"an operator gives a reason of {len(words)} characters")
    scene.mark("bad", "the call")
    _asks(scene, {"action": "rollback", "reason": words, "by": words})
    scene.minutes(AFTER)
    checks.rolled_back(scene, pages=1)
    checks.flipped_in_time(scene)
    for incident in scene.incidents():
        reason = str(scene.document(incident.id).get("reason", ""))
        scene.expect(f"its document holds the beginning, on one line: {len(reason)}", _is_capped(reason))
    pages = [one["text"] for one in scene.messages() if one["topic"] == "P1"]
    lines = [line for page in pages for line in page.splitlines()]
    runbooks = [line for line in lines if line.startswith("Runbook:")]
    scene.expect(f"the page has one runbook, ours: {runbooks}", len(runbooks) == 1 and "evil" not in runbooks[0])
    longest = max(map(len, lines), default=0)
    scene.expect(f"its longest line is bounded: {longest}", 0 < longest <= 2 * MOST)
    _acknowledged(scene, words)


def _broken_ledger_entry(scene: Scene) -> None:
    """An entry that says no time, appended past the program."""
    scene.minutes(CALM)
    last = max(one.sequence for one in scene.traffic().entries())
    odd = {"endpoint": scene.outputs["key"], "sequence": last + 1, "kind": "intent", "who": "somebody"}
    by_hand.write(scene, scene.outputs["ledger"], odd)
    scene.mark("fault", "an entry of the ledger has no time")
    checks.fires(scene, "P1", "records-refused")
    fault = scene.break_it("variant_errors", variant=scene.challenger, rate=0.5, label="half of its answers fail")
    scene.mark("bad", "first bad datapoint")
    scene.until(lambda: scene.live().get(scene.challenger) == 0.0)
    scene.mend(fault, "the challenger answers again")
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    checks.in_time(scene)
    checks.never(scene, "rollback-failed")
    scene.pass_to(scene.control.clock() + LATELY)
    checks.clears(scene, "records-refused")


def _asks(scene: Scene, event: dict[str, str]) -> None:
    """An operator's call, which waits for the weights; seconds pass meanwhile."""
    scene.mark("note", "an operator runs the rollback")
    _invoked(scene, scene.outputs["rollback"]["function"], event)


def _invoked(scene: Scene, function: str, event: dict[str, str]) -> dict[str, Any]:
    answer = scene.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    scene.expect(f"{function} answers", "FunctionError" not in answer)
    return json.load(answer["Payload"])


def _is_capped(text: str) -> bool:
    return 0 < len(text) <= MOST and text.isprintable()


def _acknowledged(scene: Scene, who: str) -> None:
    """Who acknowledges may write as much."""
    for incident in scene.incidents():
        scene.traffic().acknowledge(incident.id, who)
    scene.minutes()
    names = [one.who for one in scene.entries() if one.kind == "acknowledgement"]
    scene.expect("and so may be who acknowledges", bool(names) and all(map(_is_capped, names)))
    scene.expect(f"no incident is open: {scene.incidents()}", not scene.incidents())


HOSTILE_WRITERS = (
    Scenario(
        "forged-run",
        "A forged rollback",
        "Somebody writes a rollback to the challenger into the control table: no traffic moves, somebody is paged, and "
        "an operator's rollback goes to the champion.",
        "a page, then rolled back by hand",
        _forged_run,
    ),
    Scenario(
        "endless-lease",
        "Leases without an end",
        "Every lease is held until the year 5138 when the alarm fires: the rollback comes in its time, its page too.",
        "rolled back, one page",
        _endless_lease,
    ),
    Scenario(
        "giant-reason",
        "A reason of 400 kB",
        "An operator's words are longer than an item may be and forge lines: the weights flip in time, and what people "
        "read holds the beginning.",
        "rolled back, one page",
        _giant_reason,
    ),
    Scenario(
        "broken-ledger-entry",
        "A broken entry in the ledger",
        "An entry of another form stands in the ledger: sweeps go on, somebody is paged, and the rollback comes in its "
        "time.",
        "a page, then rolled back",
        _broken_ledger_entry,
    ),
)
