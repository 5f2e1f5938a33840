"""Telling people: the page, then the incident's document. Nothing here stops, fails or delays a flip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tidewatch.text import one_line, slack
from tidewatch.traffic import links
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.head import Head
from tidewatch.traffic.incidents import Incident
from tidewatch.traffic.plan import RollbackPlan
from tidewatch.traffic.request import RollbackRequest

SUBJECT_LENGTH = 100
"""Characters; SNS refuses a longer subject."""
LINE_LENGTH = 4_000
"""Characters of a line of a page: what was done may hold several reasons, each as long as one may be."""


def tell(head: Head, controller: TrafficController, plan: RollbackPlan) -> Head:
    """Documents and pages the state of an incident once: a state, and when blocked the reason, that was told is not
    told again. What fails is a note in the head; a page that was not sent is tried again by the next call."""
    if not _news(head):
        return head
    with controller.control.telling() as alone:
        # Another call tells it, or has told it since this head was read: the sweep looks again.
        fresh = (controller.control.head() or head) if alone else None
        return head if fresh is None else _tell(fresh, controller, plan) if _news(fresh) else fresh


def _news(head: Head) -> bool:
    """Whether there is something to tell. From flipping to observed is a matter of seconds; observed is what people
    want to hear."""
    return head.state != "flipping" and _told(head) != head.told


def _told(head: Head) -> str:
    return f"{head.state}: {head.message}" if head.state == "blocked" else head.state


def _tell(head: Head, controller: TrafficController, plan: RollbackPlan) -> Head:
    told = _told(head)
    incident = controller.incident(head.incident)
    page = head.state in ("pending", "blocked", "observed")
    unsent = _page(incident, controller, plan, head.message) if page else []
    # Written down before the document: a call that dies over it must not page again each minute.
    head = _noted(replace(head, told=head.told if unsent else told), unsent, controller)
    return _noted(head, _document(incident, controller, plan, head.message), controller)


def _noted(head: Head, problems: list[str], controller: TrafficController) -> Head:
    notes = (*head.notes, *(problem for problem in problems if problem not in head.notes))
    return controller.control.save_head(replace(head, notes=notes)) or controller.control.head() or head


def tell_observed(controller: TrafficController, plan: RollbackPlan) -> tuple[str, ...]:
    """The same for open incidents that were found, not made, each once; the problems met."""
    found = [one for one in controller.incidents() if one.kind == "observed"]
    if all(controller.control.get(f"told#{one.id}") for one in found):
        return ()
    with controller.control.telling() as alone:
        return tuple(_tell_each(found, controller, plan)) if alone else ()


def _tell_each(found: Sequence[Incident], controller: TrafficController, plan: RollbackPlan) -> list[str]:
    problems: list[str] = []
    for incident in found:
        key = f"told#{incident.id}"
        if controller.control.get(key) is None:
            problems += _document(incident, controller, plan, incident.reason)
            unsent = _page(incident, controller, plan, incident.reason)
            problems += unsent
            if not unsent:
                controller.control.put(key, {"at": controller.clock.now().isoformat()})
    return problems


def tell_advice(alarm: str, at: str, advice: str, controller: TrafficController, plan: RollbackPlan) -> tuple[str, ...]:
    """Tells people what an alarm advises, once for each time that it fired; the problems met."""
    key = f"advised#{alarm}"
    told = controller.control.get(key)
    if told is not None and told.get("alarm_at") == at:
        return ()
    where = _where(controller, plan)
    said = {
        "Endpoint": f"{controller.place.endpoint} of {where}",
        "Advice": advice,
        "Runbook": links.runbook(plan, links.ROLLED_BACK),
        "Alarm": links.alarm(alarm),
        "Dashboard": plan.dashboard,
    }
    if unsent := _sent(f"decide: traffic of {where}", said, controller, plan):
        return unsent
    controller.control.put(key, {"alarm_at": at, "at": controller.clock.now().isoformat()})
    return ()


def tell_unrecorded(
    request: RollbackRequest, message: str, controller: TrafficController, plan: RollbackPlan
) -> tuple[str, ...]:
    """Tells people of a flip that could not be written down; the problems met."""
    where = _where(controller, plan)
    said = {
        "Endpoint": f"{controller.place.endpoint} of {where}",
        "What happened": request.reason,
        "Done": message,
        "Runbook": links.runbook(plan, links.ROLLED_BACK),
        "Dashboard": plan.dashboard,
    }
    return _sent(f"flipped, unrecorded: traffic of {where}", said, controller, plan)


def _sent(subject: str, said: Mapping[str, str], controller: TrafficController, plan: RollbackPlan) -> tuple[str, ...]:
    """Publishes what is not empty of this; what went wrong, as sentences."""
    try:
        _publish(subject, {what: words for what, words in said.items() if words}, controller, plan)
    except Exception as error:
        return (f"Nobody was notified: {error}",)
    return ()


def _document(incident: Incident, controller: TrafficController, plan: RollbackPlan, message: str) -> list[str]:
    """Writes the document; what went wrong, as sentences. Whatever S3 or KMS raise stays here."""
    try:
        _write_document(incident, controller, plan, message)
    except Exception as error:
        return [f"The incident document was not written: {error}"]
    return []


def _page(incident: Incident, controller: TrafficController, plan: RollbackPlan, message: str) -> list[str]:
    """Notifies who is on call; what went wrong, as sentences. Whatever SNS or KMS raise stays here."""
    try:
        _notify(incident, controller, plan, message)
    except Exception as error:
        return [f"Nobody was notified: {error}"]
    return []


def _write_document(incident: Incident, controller: TrafficController, plan: RollbackPlan, message: str) -> None:
    s3 = controller.clients.s3
    if s3 is None or not plan.monitoring_bucket:
        return
    # Not needed before anybody was told, and a flip does not wait for them to load.
    from tidewatch.traffic.evidence import gather
    from tidewatch.traffic.report import Report

    found = gather(incident, controller, plan)
    written = Report(incident, controller.entries(), controller.place.endpoint, plan.environment, message, found)
    place = f"incidents/{incident.id}"
    s3.put_object(
        Bucket=plan.monitoring_bucket,
        Key=f"{place}.json",
        Body=json.dumps(written.to_json(), indent=2).encode(),
        ContentType="application/json",
    )
    s3.put_object(
        Bucket=plan.monitoring_bucket,
        Key=f"{place}.md",
        Body=written.to_markdown().encode(),
        ContentType="text/markdown; charset=utf-8",
    )


def _notify(incident: Incident, controller: TrafficController, plan: RollbackPlan, message: str) -> None:
    where = _where(controller, plan)
    said = {
        "Endpoint": f"{controller.place.endpoint} of {where}",
        "Incident": f"{incident.id} ({incident.state})",
        "What happened": incident.reason or "no reason was given",
        "Done": message,
        **{what.capitalize(): link for what, link in links.of(incident, plan).items()},
    }
    # Acknowledged before it is over, a rollback goes no further.
    under_way = incident.state in ("pending", "flipping", "blocked")
    said["To give it up" if under_way else "To close it"] = links.acknowledge(incident, plan.environment)
    what = "changed by hand" if incident.kind == "observed" else incident.state
    _publish(f"{what}: traffic of {where}", said, controller, plan)


def _where(controller: TrafficController, plan: RollbackPlan) -> str:
    return controller.place.model + (f" ({plan.environment})" if plan.environment else "")


def _publish(subject: str, said: Mapping[str, str], controller: TrafficController, plan: RollbackPlan) -> None:
    sns = controller.clients.sns
    if sns is None or not plan.topic:
        return
    # A line each, whoever wrote the words: a reason that brings lines of its own would be taken for ours.
    text = "\n".join(f"{what}: {one_line(words, LINE_LENGTH)}" for what, words in said.items())
    if plan.chat:
        by_protocol = {"default": text, "https": json.dumps(_posted(subject, text))}
        sns.publish(
            TopicArn=plan.topic,
            Subject=subject[:SUBJECT_LENGTH],
            Message=json.dumps(by_protocol),
            MessageStructure="json",
        )
        return
    sns.publish(TopicArn=plan.topic, Subject=subject[:SUBJECT_LENGTH], Message=text)


def _posted(subject: str, text: str) -> dict[str, object]:
    """What AWS Chatbot posts; anything else on the topic it drops. It subscribes by https, as others may: they get it
    too. Source: AWS Chatbot administrator guide, "Custom notifications"."""
    return {
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": slack(subject), "description": slack(text)},
    }
