"""The configuration of the pack: a mistake is one sentence that names what would be right."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_policy import EnforcementLevel

from policies.configuration import parse_configuration
from policies.errors import InvalidConfiguration
from policies.pack import POLICIES


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"capture-enable": "mandatory"}, "capture-enable: there is no such policy; did you mean capture-enabled?"),
        ({"zzz": "mandatory"}, "zzz: there is no such policy; the policies are alarm-actions"),
        ({"all": "strict"}, 'all: "strict" is not a level; use advisory, mandatory, disabled'),
        ({"protected": {"enforcementLevel": 3}}, 'protected: "3" is not a level'),
        ({"protected": "remediate"}, 'protected: "remediate" is not a level'),
        ({"protected": {"days": 3}}, "protected.days: protected has no settings but enforcementLevel"),
        ({"capture-enabled": {"minSamplings": 3}}, "there is no such setting; did you mean minSampling?"),
        ({"capture-enabled": {"minSampling": "10"}}, "capture-enabled.minSampling: '10' is not of type 'number'"),
        ({"capture-enabled": {"minSampling": 101}}, "capture-enabled.minSampling: 101 is greater than the maximum"),
        (["mandatory"], "is not an object"),
        ("mandatory", "is not an object"),
    ],
)
def test_a_mistake_is_one_sentence(raw: Any, words: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        parse_configuration(raw, POLICIES)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_a_word_everything_is_mandatory() -> None:
    assert {parse_configuration({}, POLICIES).get_level(policy.name) for policy in POLICIES} == {
        EnforcementLevel.MANDATORY
    }


def test_pulumi_gets_the_levels_and_the_settings() -> None:
    configuration = parse_configuration(
        {"all": "advisory", "protected": "mandatory", "capture-enabled": {"minSampling": 50}}, POLICIES
    )
    assert configuration.initial == {
        "all": EnforcementLevel.ADVISORY,
        "protected": {"enforcementLevel": EnforcementLevel.MANDATORY},
        "capture-enabled": {"enforcementLevel": EnforcementLevel.ADVISORY, "minSampling": 50},
    }


def test_every_default_is_valid_against_its_own_schema() -> None:
    for policy in POLICIES:
        for name, schema in (policy.config_schema.properties if policy.config_schema else {}).items():
            parse_configuration({policy.name: {name: schema["default"]}}, POLICIES)


def test_every_policy_says_how_severe_it_is_and_what_to_do() -> None:
    assert len({policy.name for policy in POLICIES}) == len(POLICIES)
    for policy in POLICIES:
        assert policy.severity is not None
        assert policy.description.endswith(".")
        assert (policy.remediation_steps or "").endswith(".")
