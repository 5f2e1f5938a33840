"""The errors of the traffic code. Each message is a sentence that says what to do."""

from __future__ import annotations


class TrafficError(Exception):
    """A change of traffic that was not made, or not as requested."""


class InvalidSplit(TrafficError):
    """Shares that do not form a split."""


class ChangeRefused(TrafficError):
    """A change that the rules of the endpoint do not allow now."""


class IncidentOpen(ChangeRefused):
    """A change of the split while an incident is not acknowledged."""


class ArtifactQuarantined(ChangeRefused):
    """Traffic to an artifact that was rolled back."""


class TargetUnavailable(ChangeRefused):
    """Traffic to a variant that is absent or has no instance."""


class UnknownAlarm(TrafficError):
    """A rollback request for an alarm that does not guard this stack."""


class UnknownIncident(TrafficError):
    """An incident that is not in the ledger."""


class EndpointMissing(TrafficError):
    """The endpoint does not exist."""


class RecordingFailed(TrafficError):
    """A record cannot be written. A rollback goes on without it."""


class TableMissing(RecordingFailed):
    """A table of the stack was deleted."""


class LedgerBusy(RecordingFailed):
    """Other writers took every next number of the ledger, in all attempts."""


class EndpointUnusable(TrafficError):
    """The endpoint is in a status that it does not leave by itself."""


class EndpointBusy(TrafficError):
    """Another change was in progress for longer than the caller waits."""


class DeploymentFailed(TrafficError):
    """The endpoint did not take the requested configuration."""


class SilentRollback(DeploymentFailed):
    """SageMaker returned to the old configuration by itself and reports the endpoint as InService."""


class NoCapacity(DeploymentFailed):
    """AWS has no instances of that type at the moment."""
