"""What is watched and promised, and who is notified, by the stack config: values, or sentences with their paths."""

from __future__ import annotations

from typing import Any

import pytest

from components import alarms_args
from components.topics import Subscribers
from stacks.config.settings import SettingsError, is_production, load
from tests.stacks.test_stack_settings import CONFIG, change_config, mistakes
from tests.tidewatch.alarms.alarm_datapoints import CONVERSION
from tidewatch.alarms import Severity
from tidewatch.aws import instance_types

TOLD = {"P1": [{"email": "a@example.com"}], "P2": [{"https": "https://example.com"}], "P3": [{"email": "a@b"}]}


def guardrail(**other: Any) -> dict[str, Any]:
    given = {**CONVERSION, **other}
    return change_config(
        "tidewatch:alarms.guardrails", [{key: value for key, value in given.items() if value is not None}]
    )


def test_limits_objectives_and_people_are_read():
    config = change_config("tidewatch:alarms.serverErrorPercent", "0.5")
    config["tidewatch:slo"] = {"latency": {"percent": "99", "milliseconds": 200}}
    config["tidewatch:notify"] = {**TOLD, "escalation": {"afterMinutes": 30, "to": [{"email": "boss@example.com"}]}}
    settings = load(config)
    assert settings.alarms.thresholds.server_error_percent == 0.5
    assert [(one.kind, one.percent, one.days, one.milliseconds) for one in settings.slo.objectives()] == [
        ("latency", 99, 28, 200)
    ]
    assert Subscribers.from_settings(settings).people["escalation"] == (("email", "boss@example.com"),)
    assert "unacknowledged" in [alarm.key for alarm in alarms_args.build_declared_endpoint_alarms(settings)]


def test_nobody_is_told_and_nothing_is_promised_by_default():
    settings = load(CONFIG)
    assert settings.slo.objectives() == ()
    assert settings.notify.severities_without_recipients == ("P1", "P2", "P3")
    assert "unacknowledged" not in [alarm.key for alarm in alarms_args.build_declared_endpoint_alarms(settings)]


def test_a_guardrail_of_the_users_own_is_the_challengers():
    alarms = alarms_args.build_declared_variant_alarms(load(guardrail()))
    (own,) = (alarm for alarm in alarms["green"] if alarm.key == "guardrail-metric-conversion")
    assert own.guardrail
    assert own.severity is Severity.P1
    assert not any(alarm.guardrail for alarm in alarms["blue"])


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (guardrail(severity="P9"), 'alarms.guardrails.0.severity: "P9" is not a severity; use P1 (page now), P2'),
        (
            guardrail(namespace="AWS/SageMaker", metric="Invocation5XXErrors", comparison=">", threshold=5),
            "alarms.guardrails.0.threshold: 5 is outside the metric's range, which is 0 to 1",
        ),
        (guardrail(dimensions=None), "alarms.guardrails.0.dimensions: is missing"),
        (
            guardrail(dimensions={"Variant": "${variant}"}),
            'guardrails.0.dimensions.Variant: "${variant}" is not a placeholder',
        ),
        (guardrail(dimensions={}), "alarms.guardrails.0.dimensions: names no dimension"),
        (guardrail(period=45), "alarms.guardrails.0.period: 45 seconds is not a CloudWatch period"),
        (guardrail(period=3600, periods=200), "alarms.guardrails.0.periods: 200 periods of 3600 seconds are over"),
        (
            guardrail(statistic="p99"),
            "alarms.guardrails.0.statistic: p99 of a variant with little traffic neither fires",
        ),
        (
            change_config("tidewatch:alarms.guardrails", [CONVERSION, CONVERSION]),
            'alarms.guardrails.1.name: "conversion" is also the name of guardrail 0; give each its own name',
        ),
        (change_config("tidewatch:alarms.guardrails", "conversion"), "alarms.guardrails: 'conversion' is not a list"),
        (
            change_config("tidewatch:alarms.serverErrorPercent", 101),
            "alarms.serverErrorPercent: 101 is out of range; use",
        ),
        (
            change_config("tidewatch:alarms.serverErrorPrecent", 1),
            "alarms.serverErrorPrecent: unknown key; did you mean",
        ),
        (change_config("tidewatch:alarms", 3), "tidewatch:alarms: 3 is not an object"),
        (
            change_config("tidewatch:slo.availability", {"percent": 100}),
            "slo.availability.percent: 100 leaves no error budget",
        ),
        (
            change_config("tidewatch:slo.availability", {"percent": 49}),
            "slo.availability.percent: 49 is too low for an objective",
        ),
        (
            change_config("tidewatch:slo.availability", {"percent": 99, "days": 7}),
            "slo.availability.days: 7 is not a supported window",
        ),
        (change_config("tidewatch:slo.latency", {"percent": 99}), "tidewatch:slo.latency.milliseconds: is missing"),
        (
            change_config("tidewatch:slo.durability", {}),
            "tidewatch:slo.durability: unknown key; did you mean availability?",
        ),
        (change_config("tidewatch:notify.P4", []), "tidewatch:notify.P4: unknown key; the keys here are P1, P2, P3"),
        (
            change_config("tidewatch:notify.P1", [{"sms": "1"}]),
            "notify.P1.0: {'sms': '1'} is not a recipient; use {email:",
        ),
        (change_config("tidewatch:notify.P1", [{"email": "nobody"}]), "is not a recipient"),
        (change_config("tidewatch:notify.escalation", {"to": []}), "notify.escalation.to: is empty; name at least one"),
        (
            change_config("tidewatch:notify.chat", {"slackTeam": "T1", "slackChannel": "C1", "severities": []}),
            "tidewatch:notify.chat.severities: is empty; name at least one",
        ),
        (
            change_config("tidewatch:notify.chat", {"slackTeam": "T1", "slackChannel": "C1", "severities": ["P5"]}),
            'notify.chat.severities.0: "P5" is not a severity; use P1, P2, P3',
        ),
    ],
)
def test_a_mistake_is_a_sentence_with_its_path_and_remedy(config: dict[str, Any], sentence: str):
    told = mistakes(config)
    assert any(sentence in line for line in told), told
    assert all(line.startswith("tidewatch:") for line in told)


@pytest.mark.parametrize("stack", ["prod", "production", "eu-prod", "Prod-2", "prod2", "live"])
def test_production_says_whether_it_acts_alone_and_who_hears_of_it(stack: str):
    assert is_production(stack)
    with pytest.raises(SettingsError) as refused:
        load({**CONFIG, "tidewatch:notify": {"P1": TOLD["P1"]}}, stack)
    told = refused.value.mistakes
    assert len(told) == 3
    assert "tidewatch:rollback.automatic: is missing" in told[0]
    assert "tidewatch:notify.P2: has no recipients" in told[1]
    assert load({**CONFIG, "tidewatch:notify": TOLD, "tidewatch:rollback": {"automatic": False}}, stack)


def test_a_chat_hears_what_it_is_told():
    chat = {"slackTeam": "T0123", "slackChannel": "C0123", "severities": ["P1", "P2", "P3"]}
    config = {**CONFIG, "tidewatch:notify": {"chat": chat}, "tidewatch:rollback": {"automatic": True}}
    assert load(config, "prod").notify.severities_without_recipients == ()


@pytest.mark.parametrize("stack", ["dev", "staging", "reproduction", "rehearsal", ""])
def test_other_stacks_need_not(stack: str):
    assert not is_production(stack)
    assert load(CONFIG, stack).rollback.automatic


@pytest.mark.parametrize(
    ("instance_type", "devices"),
    [
        ("ml.g5.xlarge", 1),
        ("ml.g5.12xlarge", 4),
        ("ml.g5.48xlarge", 8),
        ("ml.g4dn.12xlarge", 4),
        ("ml.p4d.24xlarge", 8),
        ("ml.p3.2xlarge", 1),
        ("ml.g7.12xlarge", 4),
        ("ml.g7e.12xlarge", 2),
        ("ml.m5.xlarge", 0),
        ("ml.inf2.xlarge", 0),
    ],
)
def test_devices_are_counted_because_their_metrics_go_up_to_100_each(instance_type: str, devices: int):
    assert instance_types.count_gpus(instance_type) == devices


def test_every_instance_type_has_a_number_of_devices():
    assert all(0 <= instance_types.count_gpus(one) <= 16 for one in instance_types.list_instance_types())
    graphic = [one for one in instance_types.list_instance_types() if one.startswith(("ml.g", "ml.p"))]
    assert [one for one in graphic if instance_types.count_gpus(one) == 0] == []
