"""Incidents for people: notifications, and the document with its evidence, impact and links.

The document and its evidence are not imported here, because a rollback notifies first and its function should not wait
for them to load.
"""

from __future__ import annotations

from tidewatch.incidents.links import build_document_url, build_incident_links
from tidewatch.incidents.notifications import notify, notify_advice, notify_out_of_band, notify_unrecorded_flip
from tidewatch.incidents.settings import IncidentSettings
from tidewatch.incidents.source import IncidentSource

__all__ = [
    "IncidentSettings",
    "IncidentSource",
    "build_document_url",
    "build_incident_links",
    "notify",
    "notify_advice",
    "notify_out_of_band",
    "notify_unrecorded_flip",
]
