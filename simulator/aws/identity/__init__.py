"""Who may do what: every call's IAM actions and resources, and whether the caller's policies allow them.

Source: IAM user guide, "Policy evaluation logic"; Service Authorization Reference (which action and which resource an
operation is).
"""

from simulator.aws.identity import guard, who
from simulator.aws.identity.guard import acting, refused_invocation
from simulator.aws.identity.recording import Recorded, recording

__all__ = ["Recorded", "acting", "install", "recording", "refused_invocation"]


def install() -> None:
    """Sets the check on what moto serves, and who a caller is on its STS."""
    guard.install()
    who.install()
