"""The names of drift's objects and events, without the imports of the job."""

DRIFT_PREFIX = "drift/"
"""The prefix of this package's objects in the monitoring bucket."""
DEPLOYMENTS_PREFIX = "deployments/"
"""The prefix of the objects with the versions of each configuration."""
EVENT_SOURCE = "tidewatch"
"""The source of the job's events."""


def build_control_key(stack: str) -> str:
    """Returns the key of the job's items in a stack's control table, apart from those of its traffic."""
    return f"{stack}#drift"
