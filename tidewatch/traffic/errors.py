"""What can go wrong with traffic. Each message is a sentence that says what to do."""

from __future__ import annotations


class TrafficError(Exception):
    """A change of traffic that was not made, or not as asked."""


class InvalidSplit(TrafficError):
    """Shares that are no split."""


class ChangeRefused(TrafficError):
    """A change that the rules of the endpoint do not allow now."""


class IncidentOpen(ChangeRefused):
    """A declared split over an incident that nobody has acknowledged."""


class ArtifactQuarantined(ChangeRefused):
    """Traffic to an artifact that was rolled back."""


class TargetUnavailable(ChangeRefused):
    """Traffic to a variant that is absent or has no instance to serve it."""


class UnknownAlarm(TrafficError):
    """A call in the name of an alarm that does not guard this stack."""


class UnknownIncident(TrafficError):
    """An incident that the ledger does not know."""


class EndpointMissing(TrafficError):
    """There is no endpoint of that name."""


class RecordingFailed(TrafficError):
    """What has to be written down cannot be: a rollback does not wait for it."""


class TableMissing(RecordingFailed):
    """A table of the stack is gone: somebody deleted it."""


class LedgerBusy(RecordingFailed):
    """Others were first with every entry, for longer than is tried."""


class EndpointUnusable(TrafficError):
    """The endpoint is in a status that it does not leave by itself."""


class EndpointBusy(TrafficError):
    """Another change was in progress for longer than the caller waits."""


class DeploymentFailed(TrafficError):
    """The endpoint did not take the configuration that was asked for."""


class SilentRollback(DeploymentFailed):
    """SageMaker went back to the old configuration by itself and reports the endpoint as InService."""


class NoCapacity(DeploymentFailed):
    """AWS has no instances of that type to give at the moment."""
