"""Alarms as resources: one component gives the values of tidewatch.alarms and tidewatch.slo their names and actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarm_order import AlarmId, AlarmOrder, to_name_parts
from components.alarm_suppression import (
    EXTENSION_SECONDS,
    WAIT_SECONDS,
    Suppression,
    build_any_rule,
    combine_suppressors,
    compute_extension,
)
from components.alarms_args import AlarmsArgs
from components.metric_alarm import create_metric_alarm
from components.stack_context import StackContext
from components.topics import ESCALATION
from tidewatch.alarms import (
    GUARDRAIL_COMPOSITE,
    HEALTH_COMPOSITE,
    Alarm,
    CompositeAlarm,
    Rule,
    Severity,
    any_of,
    build_guardrail_composite,
    list_referenced_alarms,
    render_rule,
)
from tidewatch.slo import build_slo_alarms, build_slo_composites

MAX_DESCRIPTION_LENGTH = 1024
METRIC_MARK = "m"
"""Distinguishes the name of a metric alarm from the name of its suppressible composite."""


@dataclass(frozen=True)
class _Notification:
    """Whom a composite notifies, with which severity, and what suppresses it."""

    action: pulumi.Input[str] | None = None
    severity: Severity | None = None
    suppressors: frozenset[AlarmId] = frozenset()
    extension_s: int = EXTENSION_SECONDS


NO_ACTION = _Notification()


class Alarms(pulumi.ComponentResource):
    """Every alarm of an endpoint, with the composites over them.

    They are a unit because they suppress each other. An alarm must not notify while a deployment runs, while a
    challenger is being rolled back, or while a more urgent alarm reports the same. It then acts through a
    composite with a suppressor; every other alarm acts itself. An alarm that starts a rollback is never suppressed.

    `guardrails` has the guardrails' names by variant. `health` is the name of the composite that is in ALARM while
    anything is wrong; it notifies nobody. `names` and `arns` have every alarm that indicates a problem, by key and
    variant. `counts` has the number of created alarms by kind. `variants`, `endpoint`, `objectives` and `dimensions`
    are the values that the alarms are built from.

    Alarms refer to each other by names that are known before the alarms are created; AlarmOrder orders their creation.
    """

    def __init__(self, context: StackContext, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Alarms", context.name("alarms"), None, opts)
        self._context, self._args = context, args
        self.variants, self.endpoint, self.objectives = args.variants, args.endpoint, args.objectives
        self.dimensions = args.dimensions
        self._names: dict[AlarmId, str] = {}
        self._arns: dict[AlarmId, pulumi.Output[str]] = {}
        self._order = AlarmOrder()
        self.counts = {"metric": 0, "composite": 0}
        alarms = self._collect_alarms()
        composites = self._collect_composites()
        self._suppression = Suppression(
            frozenset((*alarms, *composites)), args.variants, args.dimensions.champion, args.rollback.automatic
        )
        for alarm_id, alarm in alarms.items():
            self._create_metric_alarm(alarm_id, alarm)
        for alarm_id, composite in composites.items():
            self._create_composite(alarm_id, composite)
        for alarm_id, alarm in alarms.items():
            if _has_direct_notification(alarm) and self._suppression.find_suppressors(alarm_id, alarm):
                self._create_suppressible_composite(alarm_id, alarm)
        problem_ids = [alarm_id for alarm_id, value in {**alarms, **composites}.items() if _is_problem_indicator(value)]
        self.names = {"-".join(to_name_parts(alarm_id)): self._names[alarm_id] for alarm_id in sorted(problem_ids)}
        self.arns = {"-".join(to_name_parts(alarm_id)): self._arns[alarm_id] for alarm_id in sorted(problem_ids)}
        self.guardrails = {
            variant: self._names[variant, key] for variant, key in sorted(composites) if key == GUARDRAIL_COMPOSITE
        }
        self.health = self._create_health_composites(problem_ids)
        self.register_outputs({"guardrails": self.guardrails, "health": self.health})

    def _collect_alarms(self) -> dict[AlarmId, Alarm]:
        args = self._args
        objective_alarms = [
            alarm for objective in args.objectives for alarm in build_slo_alarms(objective, sorted(args.variants))
        ]
        found = {("", alarm.key): alarm for alarm in (*args.endpoint, *objective_alarms)}
        return found | {
            (variant, alarm.key): alarm for variant in sorted(args.variants) for alarm in args.variants[variant]
        }

    def _collect_composites(self) -> dict[AlarmId, CompositeAlarm]:
        """Returns the guardrails first, then each objective's composites, every one after its suppressors."""
        guardrails = {
            variant: build_guardrail_composite(alarms) for variant, alarms in sorted(self._args.variants.items())
        }
        found = {(variant, composite.key): composite for variant, composite in guardrails.items() if composite}
        objective_composites = {
            ("", composite.key): composite
            for objective in self._args.objectives
            for composite in build_slo_composites(objective)
        }
        ordered = sorted(objective_composites, key=lambda alarm_id: len(objective_composites[alarm_id].parents))
        return found | {alarm_id: objective_composites[alarm_id] for alarm_id in ordered}

    def _create_metric_alarm(self, alarm_id: AlarmId, alarm: Alarm) -> None:
        notifies = _has_direct_notification(alarm) and not self._suppression.find_suppressors(alarm_id, alarm)
        self.counts["metric"] += 1
        resource = create_metric_alarm(
            self._context.name(*to_name_parts(alarm_id)),
            alarm,
            self._args.dimensions,
            physical_name=self._context.build_physical_name(*to_name_parts(alarm_id), mark=METRIC_MARK),
            variant=alarm_id[0],
            description=self._describe(alarm.description, alarm.runbook),
            action=self._choose_topic(alarm) if notifies else None,
            tags=self._build_tags(alarm_id, alarm.severity),
            opts=self._make_child_opts(),
        )
        self._remember(alarm_id, resource, mark=METRIC_MARK)

    def _create_composite(self, alarm_id: AlarmId, composite: CompositeAlarm) -> None:
        """Creates a composite.

        A guardrail calls the rollback function, or notifies people if rollback is not automatic.
        """
        if composite.key == GUARDRAIL_COMPOSITE:
            description, notification = (
                self._describe_guardrail(composite),
                _Notification(self._choose_guardrail_action(composite), Severity.P1),
            )
        else:
            description = self._describe(composite.description, composite.runbook)
            suppressors = self._suppression.find_suppressors(alarm_id, composite)
            notification = _Notification(
                self._choose_topic(composite), composite.severity, suppressors, compute_extension(composite.lookback_s)
            )
        self._remember(alarm_id, self._create_variant_composite(alarm_id, composite.rule, description, notification))

    def _remember(self, alarm_id: AlarmId, resource: pulumi.Resource, mark: str = "") -> None:
        """Records an alarm.

        Builds the ARN from the name: a new alarm's ARN would be unknown in a preview, and with it every dashboard.
        """
        self._order.add(alarm_id, resource)
        self._names[alarm_id] = self._context.build_physical_name(*to_name_parts(alarm_id), mark=mark)
        self._arns[alarm_id] = self._context.build_arn("cloudwatch", f"alarm:{self._names[alarm_id]}")

    def _create_suppressible_composite(self, alarm_id: AlarmId, alarm: Alarm) -> None:
        """Creates the composite that notifies for an alarm that is sometimes suppressed.

        A metric alarm has no suppressor.
        """
        suppressors = self._suppression.find_suppressors(alarm_id, alarm)
        notification = _Notification(
            self._choose_topic(alarm), alarm.severity, suppressors, compute_extension(alarm.period_s * alarm.periods)
        )
        self._create_variant_composite(
            alarm_id, alarm.key, self._describe(alarm.description, alarm.runbook), notification
        )

    def _create_health_composites(self, problem_ids: Sequence[AlarmId]) -> pulumi.Output[str]:
        """Creates a composite for each variant and one for the endpoint, in ALARM while anything is wrong.

        Returns its name.
        """
        variant_ids: list[AlarmId] = []
        for variant in sorted(self._args.variants):
            rule = any_of(*(key for owner, key in problem_ids if owner == variant))
            description = f"Something is wrong with the variant {variant}: its child alarms show what."
            self._remember(
                (variant, "variant"), self._create_variant_composite((variant, "variant"), rule, description, NO_ACTION)
            )
            variant_ids.append((variant, "variant"))
        description = "Something is wrong with the endpoint or a variant: its child alarms show what."
        alarm_ids = [*variant_ids, *(alarm_id for alarm_id in problem_ids if not alarm_id[0])]
        return self._create_composite_alarm(
            ("", HEALTH_COMPOSITE), build_any_rule(alarm_ids, self._names), alarm_ids, description, NO_ACTION
        ).alarm_name

    def _create_variant_composite(
        self, alarm_id: AlarmId, rule: Rule, description: pulumi.Input[str], notification: _Notification
    ) -> aws.cloudwatch.CompositeAlarm:
        """Creates a composite whose rule refers to alarms of the same variant by key."""
        rule_alarms = [(alarm_id[0], key) for key in list_referenced_alarms(rule)]
        rendered_rule = render_rule(rule, lambda key: self._names[alarm_id[0], key])
        return self._create_composite_alarm(alarm_id, rendered_rule, rule_alarms, description, notification)

    def _create_composite_alarm(
        self,
        alarm_id: AlarmId,
        rule: str,
        rule_alarms: Iterable[AlarmId],
        description: pulumi.Input[str],
        notification: _Notification,
    ) -> aws.cloudwatch.CompositeAlarm:
        """Creates a composite after the alarms in its rule and after its suppressor."""
        suppressor = self._ensure_suppressor(notification.suppressors)
        suppressor_args = aws.cloudwatch.CompositeAlarmActionsSuppressorArgs(
            alarm=self._names[suppressor] if suppressor else "",
            wait_period=WAIT_SECONDS,
            extension_period=notification.extension_s,
        )
        others = frozenset(rule_alarms) | frozenset(filter(None, (suppressor,)))
        # Guardrails, and the alarms that they suppress, are deleted and created again when the champion changes.
        deleted_together = frozenset(other for other in others if other[1] == GUARDRAIL_COMPOSITE)
        before = self._order.find_dependencies(alarm_id, others, deleted_together=deleted_together)
        self.counts["composite"] += 1
        # The guardrail needs permission before it can call the rollback function.
        permissions = self._args.rollback.permissions if alarm_id[1] == GUARDRAIL_COMPOSITE else []
        return aws.cloudwatch.CompositeAlarm(
            self._context.name(*to_name_parts(alarm_id)),
            alarm_name=self._context.build_physical_name(*to_name_parts(alarm_id)),
            alarm_description=description,
            alarm_rule=rule,
            alarm_actions=None if notification.action is None else [notification.action],
            actions_suppressor=suppressor_args if notification.suppressors else None,
            tags=self._build_tags(alarm_id, notification.severity),
            opts=self._make_child_opts(*permissions, *before),
        )

    def _ensure_suppressor(self, suppressors: frozenset[AlarmId]) -> AlarmId | None:
        """Returns the one alarm that stands for all suppressors, created if need be; None if there is none."""
        combined = combine_suppressors(suppressors)
        if combined is None:
            return next(iter(suppressors), None)
        if combined.alarm_id not in self._order:
            rule = combined.build_rule(self._names)
            description = "While it is in ALARM, it suppresses other alarms; it notifies nobody itself."
            self._remember(
                combined.alarm_id,
                self._create_composite_alarm(combined.alarm_id, rule, combined.rule_alarms, description, NO_ACTION),
            )
        return combined.alarm_id

    def _choose_guardrail_action(self, composite: CompositeAlarm) -> pulumi.Input[str]:
        rollback = self._args.rollback
        return rollback.function.arn if rollback.automatic else self._choose_topic(composite)

    def _describe_guardrail(self, composite: CompositeAlarm) -> pulumi.Input[str]:
        rollback = self._args.rollback
        if rollback.automatic:
            return self._describe(f"{composite.description} It calls the rollback function.", composite.runbook)
        return rollback.command.apply(
            lambda command: self._describe(
                f"{composite.description} Automatic rollback is off in this stack: decide, then run `{command}`.",
                composite.runbook,
            )
        )

    def _describe(self, text: str, runbook: str) -> str:
        link = f" What to do is in {self._args.runbooks}/{runbook}.md."
        return text[: MAX_DESCRIPTION_LENGTH - len(link)] + link

    def _choose_topic(self, alarm: Alarm | CompositeAlarm) -> pulumi.Output[str]:
        escalates = isinstance(alarm, Alarm) and alarm.escalates
        return self._args.topics.arns[ESCALATION if escalates else alarm.severity.value]

    def _build_tags(self, alarm_id: AlarmId, severity: Severity | None) -> dict[str, str]:
        details = {"variant": alarm_id[0], "severity": severity.value if severity else ""}
        return self._context.build_tags(**{key: value for key, value in details.items() if value})

    def _make_child_opts(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on) or None)


def _has_direct_notification(alarm: Alarm) -> bool:
    """Whether the alarm itself notifies.

    A guardrail does not: its composite does, or the rollback that the composite calls.
    """
    return alarm.notifies and not alarm.guardrail


def _is_problem_indicator(alarm: Alarm | CompositeAlarm) -> bool:
    """Whether something is wrong while the alarm is in ALARM."""
    return alarm.notifies or alarm.key == GUARDRAIL_COMPOSITE
