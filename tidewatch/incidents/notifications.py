"""Notifies people: first the page, then the incident document. Nothing here stops, fails or delays a flip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tidewatch.incidents import links
from tidewatch.incidents.settings import IncidentSettings
from tidewatch.incidents.source import IncidentSource
from tidewatch.text import collapse_whitespace, escape_slack
from tidewatch.traffic.incident_replay import Incident
from tidewatch.traffic.models import RollbackRun

SUBJECT_LENGTH = 100
"""In characters. SNS refuses a longer subject."""
LINE_LENGTH = 4_000
"""The largest number of characters of a line of a page: an action may hold several reasons, each of the full length."""


def notify(run: RollbackRun, source: IncidentSource, settings: IncidentSettings) -> RollbackRun:
    """Pages and documents the state of a run, once for each state and, if blocked, for each reason.

    An error becomes a note in the run. The next call retries a page that was not sent.
    """
    if not _needs_notification(run):
        return run
    with source.control.hold_notification_lease() as has_lease:
        # Another call notifies, or has done so since this run was read. The sweep checks again.
        latest = (source.control.read_run() or run) if has_lease else None
        return (
            run
            if latest is None
            else _notify_and_document(latest, source, settings)
            if _needs_notification(latest)
            else latest
        )


def _needs_notification(run: RollbackRun) -> bool:
    """Whether people must know the state. They need not know flipping: rolled_back follows within seconds."""
    return run.state != "flipping" and _build_state_key(run) != run.last_notified


def _build_state_key(run: RollbackRun) -> str:
    return f"{run.state}: {run.message}" if run.state == "blocked" else run.state


def _notify_and_document(run: RollbackRun, source: IncidentSource, settings: IncidentSettings) -> RollbackRun:
    state_key = _build_state_key(run)
    incident = source.get_incident(run.incident)
    needs_page = run.state in ("pending", "blocked", "rolled_back")
    unsent = _try_notify(incident, source, settings, run.message) if needs_page else []
    # Recorded before the document: a call that dies while it writes must not page again each minute.
    run = _save_notes(replace(run, last_notified=run.last_notified if unsent else state_key), unsent, source)
    return _save_notes(run, _try_write_document(incident, source, settings, run.message, run.notes), source)


def write_notes(run: RollbackRun, source: IncidentSource, settings: IncidentSettings) -> list[str]:
    """Writes the document of a run again, with the notes that it has now. Returns the errors as sentences.

    A run that people have not been notified of yet gets its document with the notification.
    """
    if _needs_notification(run):
        return []
    try:
        incident = source.get_incident(run.incident)
    except Exception as error:
        return [f"The incident document was not written: {error}"]
    return _try_write_document(incident, source, settings, run.message, run.notes)


def _save_notes(run: RollbackRun, problems: list[str], source: IncidentSource) -> RollbackRun:
    notes = (*run.notes, *(problem for problem in problems if problem not in run.notes))
    return source.control.save_run(replace(run, notes=notes)) or source.control.read_run() or run


def notify_out_of_band(source: IncidentSource, settings: IncidentSettings) -> tuple[str, ...]:
    """Pages and documents each open out-of-band incident once. Returns the errors."""
    incidents = [incident for incident in source.open_incidents() if incident.kind == "out_of_band"]
    if all(source.control.get(f"notified#{incident.id}") for incident in incidents):
        return ()
    with source.control.hold_notification_lease() as has_lease:
        return tuple(_notify_each(incidents, source, settings)) if has_lease else ()


def _notify_each(incidents: Sequence[Incident], source: IncidentSource, settings: IncidentSettings) -> list[str]:
    problems: list[str] = []
    for incident in incidents:
        key = f"notified#{incident.id}"
        if source.control.get(key) is None:
            problems += _try_write_document(incident, source, settings, incident.reason)
            unsent = _try_notify(incident, source, settings, incident.reason)
            problems += unsent
            if not unsent:
                source.control.put(key, {"at": source.clock.now().isoformat()})
    return problems


def notify_advice(
    alarm: str, alarm_at: str, advice: str, source: IncidentSource, settings: IncidentSettings
) -> tuple[str, ...]:
    """Notifies people of what an alarm advises, once each time it fired. Returns the errors."""
    key = f"advised#{alarm}"
    last_advice = source.control.get(key)
    if last_advice is not None and last_advice.get("alarm_at") == alarm_at:
        return ()
    location = _format_location(source, settings)
    fields = {
        "Endpoint": f"{source.resource_names.endpoint} of {location}",
        "Advice": advice,
        "Runbook": links.build_runbook_url(settings, links.GUARDRAIL_RUNBOOK),
        "Alarm": links.build_alarm_url_from_arn(alarm),
        "Dashboard": settings.dashboard,
    }
    if unsent := _try_publish(f"decide: traffic of {location}", fields, source, settings):
        return unsent
    source.control.put(key, {"alarm_at": alarm_at, "at": source.clock.now().isoformat()})
    return ()


def notify_unrecorded_flip(
    reason: str, message: str, source: IncidentSource, settings: IncidentSettings
) -> tuple[str, ...]:
    """Notifies people of a flip that could not be recorded. Returns the errors."""
    location = _format_location(source, settings)
    fields = {
        "Endpoint": f"{source.resource_names.endpoint} of {location}",
        "What happened": reason,
        "Action taken": message,
        "Runbook": links.build_runbook_url(settings, links.GUARDRAIL_RUNBOOK),
        "Dashboard": settings.dashboard,
    }
    return _try_publish(f"moved, not recorded: traffic of {location}", fields, source, settings)


def _try_publish(
    subject: str, fields: Mapping[str, str], source: IncidentSource, settings: IncidentSettings
) -> tuple[str, ...]:
    """Publishes the fields that are not empty. Returns the errors as sentences."""
    try:
        _publish(subject, {label: value for label, value in fields.items() if value}, source, settings)
    except Exception as error:
        return (f"Nobody was notified: {error}",)
    return ()


def _try_write_document(
    incident: Incident, source: IncidentSource, settings: IncidentSettings, message: str, notes: Sequence[str] = ()
) -> list[str]:
    """Writes the document. Returns the errors as sentences; those of S3 and KMS do not propagate."""
    try:
        _write_document(incident, source, settings, message, notes)
    except Exception as error:
        return [f"The incident document was not written: {error}"]
    return []


def _try_notify(incident: Incident, source: IncidentSource, settings: IncidentSettings, message: str) -> list[str]:
    """Notifies who is on call. Returns the errors as sentences; those of SNS and KMS do not propagate."""
    try:
        _notify_on_call(incident, source, settings, message)
    except Exception as error:
        return [f"Nobody was notified: {error}"]
    return []


def _write_document(
    incident: Incident, source: IncidentSource, settings: IncidentSettings, message: str, notes: Sequence[str]
) -> None:
    s3 = source.clients.s3
    if s3 is None or not settings.monitoring_bucket:
        return
    # Imported after the page was sent, so that a flip does not wait for them to load.
    from tidewatch.incidents.document import IncidentDocument
    from tidewatch.incidents.evidence import collect_evidence

    evidence = collect_evidence(incident, source, settings)
    document = IncidentDocument(
        incident, source.entries(), source.resource_names.endpoint, settings.stack, message, evidence, notes
    )
    key_prefix = f"incidents/{incident.id}"
    s3.put_object(
        Bucket=settings.monitoring_bucket,
        Key=f"{key_prefix}.json",
        Body=json.dumps(document.to_json(), indent=2).encode(),
        ContentType="application/json",
    )
    s3.put_object(
        Bucket=settings.monitoring_bucket,
        Key=f"{key_prefix}.md",
        Body=document.to_markdown().encode(),
        ContentType="text/markdown; charset=utf-8",
    )


def _notify_on_call(incident: Incident, source: IncidentSource, settings: IncidentSettings, message: str) -> None:
    location = _format_location(source, settings)
    fields = {
        "Endpoint": f"{source.resource_names.endpoint} of {location}",
        "Incident": f"{incident.id} ({incident.state})",
        "What happened": incident.reason or "no reason was given",
        "Action taken": message,
        **{label.capitalize(): link for label, link in links.build_incident_links(incident, settings).items()},
    }
    # An acknowledgement ends a rollback that is not done yet.
    is_active = incident.state in ("pending", "flipping", "blocked")
    fields["To abandon it" if is_active else "To close it"] = links.format_acknowledge_command(incident, settings.stack)
    headline = "changed by hand" if incident.kind == "out_of_band" else incident.state.replace("_", " ")
    _publish(f"{headline}: traffic of {location}", fields, source, settings)


def _format_location(source: IncidentSource, settings: IncidentSettings) -> str:
    return source.resource_names.model + (f" ({settings.stack})" if settings.stack else "")


def _publish(subject: str, fields: Mapping[str, str], source: IncidentSource, settings: IncidentSettings) -> None:
    sns = source.clients.sns
    if sns is None or not settings.topic:
        return
    # One line each: a reason with line breaks of its own could imitate other fields.
    text = "\n".join(f"{label}: {collapse_whitespace(value, LINE_LENGTH)}" for label, value in fields.items())
    if settings.posts_to_slack:
        by_protocol = {"default": text, "https": json.dumps(_build_chatbot_message(subject, text))}
        sns.publish(
            TopicArn=settings.topic,
            Subject=subject[:SUBJECT_LENGTH],
            Message=json.dumps(by_protocol),
            MessageStructure="json",
        )
        return
    sns.publish(TopicArn=settings.topic, Subject=subject[:SUBJECT_LENGTH], Message=text)


def _build_chatbot_message(subject: str, text: str) -> dict[str, object]:
    """Returns the message that AWS Chatbot posts to Slack. It drops anything else on the topic.

    It subscribes by https; other subscribers by https get the same message. Source: AWS Chatbot administrator guide,
    "Custom notifications".
    """
    return {
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": escape_slack(subject), "description": escape_slack(text)},
    }
