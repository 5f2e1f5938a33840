"""Telling people: the incident's document and the page. Nothing here stops or fails a flip."""

from __future__ import annotations

import json
from dataclasses import replace

from tidewatch.traffic import report
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.drive import RollbackPlan
from tidewatch.traffic.head import Head
from tidewatch.traffic.incidents import Incident

SUBJECT_LENGTH = 100
"""Characters; SNS refuses a longer subject."""


def tell(head: Head, controller: TrafficController, plan: RollbackPlan) -> Head:
    """Documents and pages the state of an incident once: a state, and when blocked the reason, that was told is not
    told again. What fails is a note in the head; a page that was not sent is tried again by the next call."""
    told = f"{head.state}: {head.message}" if head.state == "blocked" else head.state
    # From flipping to observed is a matter of seconds; observed is what people want to hear.
    if told == head.told or head.state == "flipping":
        return head
    incident = controller.incident(head.incident)
    page = head.state in ("pending", "blocked", "observed")
    problems = _document(incident, controller, plan, head.message)
    unsent = _page(incident, controller, plan, head.message) if page else []
    notes = (*head.notes, *(problem for problem in (*problems, *unsent) if problem not in head.notes))
    written = replace(head, told=head.told if unsent else told, notes=notes)
    return head if written == head else controller.control.save_head(written) or controller.control.head() or head


def tell_observed(controller: TrafficController, plan: RollbackPlan) -> tuple[str, ...]:
    """The same for open incidents that were found, not made, each once; the problems met."""
    problems: list[str] = []
    for incident in controller.incidents():
        key = f"told#{incident.id}"
        if incident.kind == "observed" and controller.control.get(key) is None:
            problems += _document(incident, controller, plan, incident.reason)
            unsent = _page(incident, controller, plan, incident.reason)
            problems += unsent
            if not unsent:
                controller.control.put(key, {"at": controller.clock.now().isoformat()})
    return tuple(problems)


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
    subject = (incident, controller.entries(), controller.place.endpoint, plan.environment, message)
    body = json.dumps(report.document(*subject), indent=2)
    place = f"incidents/{incident.id}"
    s3.put_object(
        Bucket=plan.monitoring_bucket, Key=f"{place}.json", Body=body.encode(), ContentType="application/json"
    )
    s3.put_object(
        Bucket=plan.monitoring_bucket,
        Key=f"{place}.md",
        Body=report.markdown(*subject).encode(),
        ContentType="text/markdown; charset=utf-8",
    )


def _notify(incident: Incident, controller: TrafficController, plan: RollbackPlan, message: str) -> None:
    sns = controller.clients.sns
    if sns is None or not plan.topic:
        return
    where = controller.place.model + (f" ({plan.environment})" if plan.environment else "")
    lines = (
        f"Endpoint: {controller.place.endpoint} of {where}",
        f"Incident: {incident.id} ({incident.state})",
        f"Why: {incident.reason or 'no reason was given'}",
        f"Done: {message}",
        f"Remedy: {incident.remedy}",
    )
    subject = f"{incident.state}: traffic of {where}"[:SUBJECT_LENGTH]
    sns.publish(TopicArn=plan.topic, Subject=subject, Message="\n".join(lines))
