"""IAM: the actions and resources of every call, and whether the caller's policies allow them.

Source: IAM user guide, "Policy evaluation logic"; Service Authorization Reference (the action and resource of an
operation).
"""

from rehearsal.aws.identity import caller_identity, enforcement
from rehearsal.aws.identity.enforcement import act_as, explain_invocation_denial
from rehearsal.aws.identity.recording import PermissionRecord, record_permissions

__all__ = ["PermissionRecord", "act_as", "explain_invocation_denial", "install", "record_permissions"]


def install() -> None:
    """Patches moto with the check of permissions, and its STS with the caller's identity."""
    enforcement.install()
    caller_identity.install()
