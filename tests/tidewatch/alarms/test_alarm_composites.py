"""Composite rules: what they look at, when they hold, how CloudWatch reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tidewatch.alarms.alarm_datapoints import evaluate_rule
from tidewatch.alarms import (
    CompositeAlarm,
    InvalidAlarm,
    Rule,
    Severity,
    all_of,
    any_of,
    list_referenced_alarms,
    render_rule,
)

KEYS = st.sampled_from("abcdef")
RULES: st.SearchStrategy[Rule] = st.recursive(
    KEYS,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda rules: st.sampled_from([all_of(*rules), any_of(*rules)])
    ),
    max_leaves=8,
)


def composite(rule: Rule) -> CompositeAlarm:
    return CompositeAlarm(key="burn", description="It burns.", severity=Severity.P1, rule=rule)


def test_a_rule_is_written_with_the_alarms_names() -> None:
    rule = any_of(all_of("a", "b"), "c")
    assert render_rule(rule, lambda key: f"flights-{key}") == (
        '(ALARM("flights-a") AND ALARM("flights-b")) OR ALARM("flights-c")'
    )


@given(RULES, st.sets(KEYS))
def test_what_is_written_holds_when_the_rule_does(rule: Rule, firing: set[str]) -> None:
    text = render_rule(rule, str)
    for key in "abcdef":
        text = text.replace(f'ALARM("{key}")', str(key in firing))
    assert eval(text.replace("AND", "and").replace("OR", "or")) is evaluate_rule(rule, firing)


@given(RULES)
def test_children_are_named_once_each(rule: Rule) -> None:
    assert len(list_referenced_alarms(rule)) == len(set(list_referenced_alarms(rule)))
    assert composite(rule).children == list_referenced_alarms(rule)


def test_more_than_a_hundred_children_are_refused() -> None:
    composite(any_of(*(f"a{place}" for place in range(100))))
    with pytest.raises(InvalidAlarm, match="101 child alarms"):
        composite(any_of(*(f"a{place}" for place in range(101))))
    with pytest.raises(InvalidAlarm, match="0 child alarms"):
        composite(any_of())


def test_a_rule_that_cloudwatch_would_not_take_is_refused_when_it_is_written() -> None:
    rule = any_of(*(f"a{place}" for place in range(100)))
    with pytest.raises(InvalidAlarm, match="10240"):
        render_rule(rule, lambda key: key + "x" * 100)
