"""The pack: every policy by subject, in the order of the documents."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi_policy import Policy

from policies import access, functions, notifications, ownership, rollback, serving, storage

NAME = "tidewatch"

SUBJECTS: tuple[tuple[str, Sequence[Policy]], ...] = (
    ("What serves", serving.POLICIES),
    ("The way back", rollback.POLICIES),
    ("What holds data", storage.POLICIES),
    ("Functions and logs", functions.POLICIES),
    ("Alarms, topics, queues and keys", notifications.POLICIES),
    ("What roles may do", access.POLICIES),
    ("Whose it is", ownership.POLICIES),
)
POLICIES: tuple[Policy, ...] = tuple(policy for _, policies in SUBJECTS for policy in policies)
