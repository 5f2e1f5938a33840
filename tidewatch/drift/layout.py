"""Where drift lies and what it calls itself: read by what only names it, without the arithmetic of the job."""

ROOT = "drift/"
"""Where everything of this room lies in the monitoring bucket."""
DEPLOYMENTS = "deployments/"
"""Where the monitoring bucket says which version each configuration held."""
SOURCE = "tidewatch"
"""The source of the job's events."""


def control_key(stack: str) -> str:
    """Under which the job's items are in a stack's control table: apart from those that steer its traffic."""
    return f"{stack}#drift"
