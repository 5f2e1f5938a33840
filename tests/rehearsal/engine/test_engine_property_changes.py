"""The values that a preview shows of a change, and what a refresh counts as changed."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.engine import DeploymentStep
from rehearsal.engine.property_changes import MAX_VALUE_LENGTH, describe_changes, find_changed_keys
from rehearsal.engine.serialization import UNKNOWN, make_secret


def test_a_split_is_shown_as_it_was_and_as_it_will_be() -> None:
    old, new = {"declared": {"green": 0.4, "blue": 0.6}}, {"declared": {"green": 0.55, "blue": 0.45}}
    shown = describe_changes(old, new, ("declared",))
    assert shown == ('declared {"blue": 0.6, "green": 0.4} -> {"blue": 0.45, "green": 0.55}',)


@pytest.mark.parametrize(
    "hidden", [make_secret("hush"), {"inner": [make_secret("hush")]}, UNKNOWN, "x" * MAX_VALUE_LENGTH]
)
def test_of_what_is_secret_unknown_or_long_only_the_name_is_shown(hidden: Any) -> None:
    assert describe_changes({"key": "old"}, {"key": hidden}, ("key",)) == ("key",)
    assert describe_changes({"key": hidden}, {"key": "new"}, ("key",)) == ("key",)


def test_what_a_refresh_reads_for_the_first_time_has_not_changed() -> None:
    assert find_changed_keys({"same": 1, "other": 1, "gone": 1}, {"same": 1, "other": 2, "okActions": []}) == (
        "other",
        "gone",
    )
    urn = "urn:pulumi:r::t::aws:sns/topic:Topic::one"
    assert not DeploymentStep("refresh", urn, ("update",)).is_change
    assert DeploymentStep("refresh", urn, ("update",), changes=("other 1 -> 2",)).is_change
    assert DeploymentStep("refresh", urn, ("delete",)).is_change
