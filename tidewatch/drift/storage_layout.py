"""Where drift lies and what it calls itself: read by what only names it, without the arithmetic of the job."""

DRIFT_PREFIX = "drift/"
"""Where everything of this room lies in the monitoring bucket."""
DEPLOYMENTS_PREFIX = "deployments/"
"""Where the monitoring bucket says which version each configuration held."""
EVENT_SOURCE = "tidewatch"
"""The source of the job's events."""


def build_control_key(stack: str) -> str:
    """Under which the job's items are in a stack's control table: apart from those that steer its traffic."""
    return f"{stack}#drift"
