"""The pack: every policy by subject, in the order of the documents."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi_policy import Policy

from policies import (
    access,
    buckets,
    functions,
    hosts,
    notifications,
    ownership,
    registry,
    rollback,
    serving,
    tables,
)

NAME = "tidewatch"

SUBJECTS: tuple[tuple[str, Sequence[Policy]], ...] = (
    ("What serves", serving.POLICIES),
    ("Its hosts", hosts.POLICIES),
    ("The way back", rollback.POLICIES),
    ("The registry", registry.POLICIES),
    ("Buckets", buckets.POLICIES),
    ("Tables", tables.POLICIES),
    ("Functions and logs", functions.POLICIES),
    ("Alarms, topics, queues and keys", notifications.POLICIES),
    ("What roles may do", access.POLICIES),
    ("Whose it is", ownership.POLICIES),
)
POLICIES: tuple[Policy, ...] = tuple(policy for _, policies in SUBJECTS for policy in policies)
