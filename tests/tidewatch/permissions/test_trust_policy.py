"""Who may take a role for people, and of whom a second factor is asked."""

import pytest

from tidewatch.permissions.trust_policy import build_principal_patterns, build_trust_policy, is_trusted_caller

ADA = "arn:aws:iam::111122223333:user/ada"
ROLE = "arn:aws:iam::111122223333:role/ops"
RESERVED = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_OnCall_0123456789abcdef"


def statements(*people: str) -> list[dict[str, object]]:
    return build_trust_policy(people, "aws", "123456789012")["Statement"]


def test_where_nobody_is_named_it_is_whoever_iam_lets_with_a_second_factor() -> None:
    (one,) = statements()
    assert one["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert one["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_a_user_always_shows_a_second_factor_and_nobody_else_may() -> None:
    (one,) = statements(ADA)
    assert one["Principal"] == {"AWS": ADA}
    assert one["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_a_roles_session_is_asked_where_it_says_whether_there_was_one() -> None:
    (one,) = statements(ROLE)
    assert one["Condition"] == {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}


def test_a_permission_set_is_known_by_the_role_that_identity_center_made_of_it_without_a_factor() -> None:
    (one,) = statements("OnCall")
    assert one["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert one["Condition"] == {
        "ArnLike": {
            "aws:PrincipalArn": [
                "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_OnCall_????????????????"
            ]
        }
    }


def test_identity_centers_own_roles_are_asked_nothing_by_their_arns_either() -> None:
    (one,) = statements(RESERVED)
    assert "Condition" not in one


def test_each_kind_has_a_statement_of_its_own() -> None:
    assert len(statements(ADA, ROLE, RESERVED, "OnCall", "Leads")) == 4


def test_a_permission_set_is_a_pattern_and_the_rest_are_as_they_are() -> None:
    assert build_principal_patterns([ADA, ROLE], "aws", "1" * 12) == [ADA, ROLE]
    (pattern,) = build_principal_patterns(["OnCall"], "aws-cn", "111122223333")
    assert pattern.startswith(
        "arn:aws-cn:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_OnCall_"
    )


@pytest.mark.parametrize(
    ("person", "caller"),
    [
        (ADA, ADA),
        (ROLE, "arn:aws:sts::111122223333:assumed-role/ops/session"),
        ("arn:aws:iam::111122223333:role/ml/ops", "arn:aws:sts::111122223333:assumed-role/ops/session"),
        (RESERVED, "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_OnCall_0123456789abcdef/ada"),
        ("OnCall", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_OnCall_0123456789abcdef/ada"),
    ],
)
def test_somebody_is_known_by_what_sts_calls_them(person: str, caller: str) -> None:
    assert is_trusted_caller([person], caller)


@pytest.mark.parametrize(
    ("person", "caller"),
    [
        (ADA, "arn:aws:iam::111122223333:user/eve"),
        (ADA, "arn:aws:sts::111122223333:assumed-role/ada/session"),
        (ROLE, "arn:aws:sts::444455556666:assumed-role/ops/session"),
        (ROLE, "arn:aws:sts::111122223333:assumed-role/devops/session"),
        ("OnCall", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_OnCallTwo_0123456789abcdef/ada"),
        ("OnCall", "arn:aws:iam::111122223333:user/OnCall"),
    ],
)
def test_somebody_else_is_not(person: str, caller: str) -> None:
    assert not is_trusted_caller([person], caller)
