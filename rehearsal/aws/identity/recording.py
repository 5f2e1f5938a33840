"""Records the needed IAM permissions while something runs: the source of the documents for people's roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rehearsal.aws.identity.permission import RequiredPermission


@dataclass
class PermissionRecord:
    """Every needed permission, once, in the order of its first use; and the operations without a rule."""

    permissions: dict[tuple[str, str, tuple[tuple[str, str], ...]], RequiredPermission] = field(default_factory=dict)
    unknown_operations: set[str] = field(default_factory=set[str])

    def add(self, permission: RequiredPermission) -> None:
        self.permissions.setdefault(
            (permission.action, permission.resource, tuple(sorted(permission.keys.items()))), permission
        )

    @property
    def actions(self) -> set[str]:
        return {action for action, _, _ in self.permissions}


_active_records: list[PermissionRecord] = []


@contextmanager
def record_permissions() -> Iterator[PermissionRecord]:
    """Records the permissions needed in this process until the end of the block."""
    record = PermissionRecord()
    _active_records.append(record)
    try:
        yield record
    finally:
        _active_records.remove(record)


def active_records() -> list[PermissionRecord]:
    """The records that are currently filled."""
    return _active_records
