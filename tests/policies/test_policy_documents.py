"""IAM's policy documents: every form that IAM accepts means the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from policies.policy_documents import parse_statements

ACTIONS = st.lists(
    st.sampled_from(["s3:GetObject", "s3:PutObject", "sns:Publish"]), min_size=1, max_size=3, unique=True
)


@given(ACTIONS)
def test_a_single_value_and_a_list_of_one_are_the_same(actions: list[str]) -> None:
    one = {"Effect": "Allow", "Action": actions if len(actions) > 1 else actions[0], "Resource": "*"}
    listed = {"Effect": "Allow", "Action": actions, "Resource": ["*"]}
    assert list(parse_statements({"Statement": one})) == list(parse_statements(json.dumps({"Statement": [listed]})))


def test_patterns_cover_what_iam_lets_them_cover() -> None:
    (statement,) = parse_statements({"Statement": {"Effect": "Allow", "Action": ["s3:Get*", "SNS:publish"]}})
    assert statement.covers("s3:GetObject", "sns:Publish")
    assert not statement.covers("s3:PutObject")


def test_principals_of_all_kinds_are_listed() -> None:
    (statement,) = parse_statements(
        {"Statement": {"Effect": "Allow", "Principal": {"AWS": ["*"], "Service": "events.amazonaws.com"}}}
    )
    assert statement.principals == ("*", "events.amazonaws.com")


def test_what_is_no_document_has_no_statement() -> None:
    assert [list(parse_statements(each)) for each in (None, "", "{", "[]", 3, {})] == [[]] * 6
