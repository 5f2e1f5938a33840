"""Incidents for people: notifications, and the document with its evidence, impact and links.

The package exports its settings alone: a rollback does not wait for what a document needs to load.
"""

from __future__ import annotations

from tidewatch.incidents.settings import IncidentSettings

__all__ = ["IncidentSettings"]
