"""Who may do what: every call's IAM actions and resources, and whether the caller's policies allow them.

Source: IAM user guide, "Policy evaluation logic"; Service Authorization Reference (which action and which resource an
operation is).
"""

from rehearsal.aws.identity import caller_identity, enforcement
from rehearsal.aws.identity.enforcement import act_as, explain_invocation_denial
from rehearsal.aws.identity.recording import PermissionRecord, record_permissions

__all__ = ["PermissionRecord", "act_as", "explain_invocation_denial", "install", "record_permissions"]


def install() -> None:
    """Sets the check on what moto serves, and who a caller is on its STS."""
    enforcement.install()
    caller_identity.install()
