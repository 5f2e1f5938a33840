"""What somebody reads who asks for a rollback that was made before: when and by whom. The request is kept as a note."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tidewatch.incidents import notifications
from tidewatch.incidents.alarm_history import parse_alarm_name
from tidewatch.incidents.settings import IncidentSettings
from tidewatch.rollback.request import DEFAULT_REASON, RollbackRequest, RollbackResult
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.models import RollbackRun

MAX_NOTES = 20
"""Notes of a run, beyond which no further request is kept: whoever may call could fill its item."""


def answer_repeated_request(
    request: RollbackRequest, result: RollbackResult, controller: TrafficController, settings: IncidentSettings
) -> RollbackResult:
    """Returns the result; if an operator's request joins an incident of others, with who opened it and when.

    The request becomes a note of the run and of the incident's document. If the records cannot be read or written, the
    result stays as it is.
    """
    if request.trigger != "operator" or not result.incident:
        return result
    try:
        run = controller.control.read_run()
        joined_run = run if run is not None and run.incident == result.incident else None
        if joined_run is not None and _is_own(joined_run, request):
            return result
        message = _describe_earlier_rollback(request, result, joined_run, controller)
        run_with_note = _save_request(joined_run, request, controller) if joined_run is not None else None
    except Exception:
        return result
    if run_with_note is None:
        return replace(result, message=message)
    problems = notifications.write_notes(run_with_note, controller, settings)
    what = "request" if request.reason == DEFAULT_REASON else "reason"
    return replace(
        result,
        message=f"{message} The {what} is kept as a note of {result.incident}.",
        notes=(*run_with_note.notes, *problems),
    )


def _is_own(run: RollbackRun, request: RollbackRequest) -> bool:
    return (run.requested_at, run.requested_by, run.reason) == (
        request.requested_at,
        request.requested_by,
        request.reason,
    )


def _describe_earlier_rollback(
    request: RollbackRequest, result: RollbackResult, run: RollbackRun | None, controller: TrafficController
) -> str:
    incident = controller.get_incident(result.incident)
    rolled_back_at = incident.opened_at + timedelta(seconds=incident.receipt.weights_observed_s or 0)
    by = f" ({run.requested_by})" if run is not None and run.requested_by else ""
    who = f"the alarm {parse_alarm_name(incident.alarm)}" if incident.alarm else f"an operator{by}"
    is_over = result.state in ("rolled_back", "closed") and rolled_back_at <= request.requested_at
    if not is_over:
        return f"{result.message} {who[0].upper()}{who[1:]} asked for it at {_format_time(incident.opened_at)}."
    receipt = "; the receipt is of then" if incident.receipt.weights_observed_s is not None else ""
    return (
        f"{result.target} has all traffic already: {who} rolled back at {_format_time(rolled_back_at)} "
        f"(incident {incident.id}). Nothing was changed now{receipt}."
    )


def _save_request(run: RollbackRun, request: RollbackRequest, controller: TrafficController) -> RollbackRun | None:
    """Returns the run with the request among its notes; None if it has no room or another call wrote it meanwhile."""
    by = f" by {request.requested_by}" if request.requested_by else ""
    why = "" if request.reason == DEFAULT_REASON else f": {request.reason}"
    note = f"Requested again{by} at {_format_time(request.requested_at)}{why}"
    return controller.control.save_run(replace(run, notes=(*run.notes, note))) if len(run.notes) < MAX_NOTES else None


def _format_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
