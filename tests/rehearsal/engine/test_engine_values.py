"""The laws of property bags and paths."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.engine.property_paths import covers, find_changes, parse_path, reset
from rehearsal.engine.serialization import copy_secrecy, from_struct, has_secret, make_secret, reveal_secrets, to_struct

LEAVES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=3)
KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
BAGS = st.dictionaries(KEYS, VALUES, max_size=3)
PATHS = st.lists(st.sampled_from(["a", "b", "0", "1", "*"]), min_size=1, max_size=3).map(tuple)


@given(BAGS)
def test_a_bag_crosses_the_protocol_unchanged(bag: dict[str, Any]) -> None:
    assert from_struct(to_struct(bag)) == bag


@given(VALUES)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert find_changes(value, copy.deepcopy(value)) == []


@given(BAGS, BAGS)
def test_what_differs_differs_both_ways(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert sorted(find_changes(old, new)) == sorted(find_changes(new, old))
    assert bool(find_changes(old, new)) == (not _equal(old, new))


@given(BAGS, BAGS, PATHS)
def test_an_ignored_path_is_no_change_afterwards(old: dict[str, Any], new: dict[str, Any], path: Any) -> None:
    before = copy.deepcopy(old)
    if reset(path, old, new):
        assert not any(covers(path, changed) and _in_old(changed, old) for changed in find_changes(old, new))
    assert old == before


@given(BAGS)
def test_sealing_hides_and_revealing_opens(bag: dict[str, Any]) -> None:
    assert has_secret(make_secret(bag))
    assert reveal_secrets(make_secret(bag)) == bag
    assert reveal_secrets(copy_secrecy(bag, seal_all(bag))) == bag


def seal_all(bag: dict[str, Any]) -> dict[str, Any]:
    return {key: make_secret(value) for key, value in bag.items()}


def test_an_output_is_as_secret_as_its_input_key_by_key() -> None:
    outs = copy_secrecy({"tags": {"p": "hush", "q": "open"}}, {"tags": {"p": make_secret("hush"), "q": "open"}})
    assert outs == {"tags": {"p": make_secret("hush"), "q": "open"}}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tags", ("tags",)),
        ("a.b", ("a", "b")),
        ('tags["a.b"].c', ("tags", "a.b", "c")),
        ("variants[*].weight", ("variants", "*", "weight")),
        ("variants[0]", ("variants", "0")),
    ],
)
def test_property_paths_are_read_as_pulumi_writes_them(text: str, path: tuple[str, ...]) -> None:
    assert parse_path(text) == path


def _in_old(path: Any, old: Any) -> bool:
    """Whether the old side has the path. `*` stands for the old side's members, so that one more may stay different."""
    for key in path:
        if isinstance(old, list):
            old = {str(i): value for i, value in enumerate(old)}
        if not isinstance(old, dict) or key not in old:
            return False
        old = old[key]
    return True


def _equal(old: Any, new: Any) -> bool:
    """Equality that distinguishes True from 1, as JSON does."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_equal(old[k], new[k]) for k in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_equal, old, new))
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)
