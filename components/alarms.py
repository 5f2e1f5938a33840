"""Alarms as resources: one factory gives the values of tidewatch.alarms and tidewatch.slo names, actions, a place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarm_order import Order, Place
from components.metric_alarm import metric_alarm
from components.rollback import Rollback
from components.scope import Scope
from components.tables import Tables
from components.topics import ESCALATION, Topics
from tidewatch.alarms import Alarm, Composite, Names, Rule, Severity, any_of, guardrail, keys, written
from tidewatch.alarms.catalog import GUARDRAIL, OVERALL
from tidewatch.alarms.operating import DEPLOYMENT_RUNNING
from tidewatch.slo import Objective, slo_alarms, slo_composites

WAIT_SECONDS = 60
"""How long a page waits for what would hold it back: one evaluation of a metric of the sweep."""
EXTENSION_SECONDS = 300
"""How long it is still held back afterwards, at least: its window looks back on what has just ended."""
LASTING = ("model-errors", "latency")
"""Alarms of a slot that take ten minutes to fire: by then its guardrail has rolled it back, or cannot."""
LONGEST_DESCRIPTION = 1024
METRIC = "m"
"""What tells the name of a metric alarm from that of the composite that speaks for it."""


@dataclass(frozen=True)
class AlarmsArgs:
    """What is watched, and who is told.

    slots: the alarms of each slot; endpoint: those of the endpoint as a whole; objectives: what is promised to users.
    names: what the metrics' dimensions are made of. runbooks: the folder or URL that {key}.md is under.
    """

    slots: Mapping[str, Sequence[Alarm]]
    endpoint: Sequence[Alarm]
    objectives: Sequence[Objective]
    names: Names[pulumi.Output[str]]
    tables: Tables
    topics: Topics
    rollback: Rollback
    runbooks: str


@dataclass(frozen=True)
class _Voice:
    """Whom a composite tells, how urgently, and what holds it back."""

    action: pulumi.Input[str] | None = None
    severity: Severity | None = None
    suppressors: frozenset[Place] = frozenset()
    extension_s: int = EXTENSION_SECONDS


QUIET = _Voice()


def guardrail_names(tables: Tables, slots: Iterable[str], champion: str) -> dict[str, pulumi.Input[str]]:
    """The alarm that guards each slot but the champion: its name is known before the alarm, which needs the endpoint,
    because the endpoint's gate asks how it is."""
    return {slot: tables.physical_name(GUARDRAIL, slot) for slot in sorted(slots) if slot != champion}


class Alarms(pulumi.ComponentResource):
    """Every alarm of an endpoint, and what is made of them.

    They are a unit because they hold each other back: an alarm that has to keep quiet while a deployment runs, while a
    challenger is being rolled back or while another one says the same more urgently acts through a composite with a
    suppressor; any other acts itself. What rolls back is never held back. `guardrails` are names by slot; `endpoint` is
    in ALARM while anything is wrong, and tells nobody. `names`, `arns`: of all that says so, by key and slot.

    Alarms call each other by names that are known before they are made; what has to be made first is kept in `Order`.
    """

    def __init__(self, scope: Scope, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Alarms", scope.name("alarms"), None, opts)
        self._scope, self._args = scope, args
        self._names: dict[Place, pulumi.Output[str]] = {}
        self._arns: dict[Place, pulumi.Output[str]] = {}
        self._order = Order()
        watched = self._watched()
        composites = self._composite_values()
        self._known = frozenset((*watched, *composites))
        for place, alarm in watched.items():
            self._make_metric_alarm(place, alarm)
        for place, composite in composites.items():
            self._make_from_value(place, composite)
        for place, alarm in watched.items():
            if _speaks(alarm) and self._suppressors(place, alarm):
                self._make_spokesman(place, alarm)
        telling = [place for place, one in {**watched, **composites}.items() if _tells(one)]
        self.names = {"-".join(_parts(place)): self._names[place] for place in sorted(telling)}
        self.arns = {"-".join(_parts(place)): self._arns[place] for place in sorted(telling)}
        self.guardrails = {slot: self._names[slot, key] for slot, key in sorted(composites) if key == GUARDRAIL}
        self.endpoint = self._overall(telling)
        self.register_outputs({"guardrails": self.guardrails, "endpoint": self.endpoint})

    def _watched(self) -> dict[Place, Alarm]:
        args = self._args
        promised = [alarm for one in args.objectives for alarm in slo_alarms(one, sorted(args.slots))]
        found = {("", alarm.key): alarm for alarm in (*args.endpoint, *promised)}
        return found | {(slot, alarm.key): alarm for slot in sorted(args.slots) for alarm in args.slots[slot]}

    def _composite_values(self) -> dict[Place, Composite]:
        """Guardrails first, and an objective's in an order in which each comes after those that hold it back."""
        rolling = {slot: guardrail(alarms) for slot, alarms in sorted(self._args.slots.items())}
        found = {(slot, one.key): one for slot, one in rolling.items() if one}
        promised = {("", one.key): one for objective in self._args.objectives for one in slo_composites(objective)}
        ordered = sorted(promised, key=lambda place: len(promised[place].parents))
        return found | {place: promised[place] for place in ordered}

    def _make_metric_alarm(self, place: Place, alarm: Alarm) -> None:
        acts = _speaks(alarm) and not self._suppressors(place, alarm)
        made = metric_alarm(
            self._scope.name(*_parts(place)),
            alarm,
            self._args.names,
            called=self._args.tables.physical_name(*_parts(place), mark=METRIC),
            slot=place[0],
            says=self._described(alarm.says, alarm.runbook),
            action=self._topic(alarm) if acts else None,
            tags=self._tags(place, alarm.severity),
            opts=self._inside(),
        )
        self._know(place, made, mark=METRIC)

    def _make_from_value(self, place: Place, composite: Composite) -> None:
        """A composite of the values. What rolls back calls the function, or tells people to."""
        if composite.key == GUARDRAIL:
            says, voice = self._advice(composite), _Voice(self._decision(composite), Severity.P1)
        else:
            says = self._described(composite.says, composite.runbook)
            held_back = self._suppressors(place, composite)
            voice = _Voice(self._topic(composite), composite.severity, held_back, _extension(composite.looks_back_s))
        self._know(place, self._make_over_slot(place, composite.rule, says, voice))

    def _know(self, place: Place, made: pulumi.Resource, mark: str = "") -> None:
        """The ARN is made of the name: that of an alarm that is new is unknown in a preview, and each page with it."""
        self._order.made(place, made)
        self._names[place] = self._args.tables.physical_name(*_parts(place), mark=mark)
        self._arns[place] = self._scope.arn("cloudwatch", pulumi.Output.concat("alarm:", self._names[place]))

    def _make_spokesman(self, place: Place, alarm: Alarm) -> None:
        """The composite that speaks for an alarm that has to keep quiet at times, which a metric alarm cannot."""
        held_back = self._suppressors(place, alarm)
        voice = _Voice(self._topic(alarm), alarm.severity, held_back, _extension(alarm.period_s * alarm.periods))
        self._make_over_slot(place, alarm.key, self._described(alarm.says, alarm.runbook), voice)

    def _overall(self, telling: Sequence[Place]) -> pulumi.Output[str]:
        """Whether anything is wrong: with each variant, and with the endpoint and its variants."""
        variants: list[Place] = []
        for slot in sorted(self._args.slots):
            rule = any_of(*(key for of, key in telling if of == slot))
            says = f"Something is wrong with the variant in {slot}: the alarms under this one say what."
            self._know((slot, "variant"), self._make_over_slot((slot, "variant"), rule, says, QUIET))
            variants.append((slot, "variant"))
        says = "Something is wrong with the endpoint or a variant: the alarms under this one say what."
        places = [*variants, *(place for place in telling if not place[0])]
        return self._make_over(("", OVERALL), self._any(places), places, says, QUIET).alarm_name

    def _make_over_slot(
        self, place: Place, rule: Rule, says: pulumi.Input[str], voice: _Voice
    ) -> aws.cloudwatch.CompositeAlarm:
        """A composite whose rule is over keys of the same slot."""
        over = [(place[0], key) for key in keys(rule)]
        names = pulumi.Output.all(**{key: self._names[place[0], key] for key in keys(rule)})
        return self._make_over(place, names.apply(lambda names: written(rule, names.__getitem__)), over, says, voice)

    def _make_over(
        self,
        place: Place,
        rule: pulumi.Input[str],
        over: Iterable[Place],
        says: pulumi.Input[str],
        voice: _Voice,
    ) -> aws.cloudwatch.CompositeAlarm:
        """A composite, made after the alarms that its rule is over, and after what holds it back."""
        suppressor = self._suppressor(voice.suppressors)
        held_back = aws.cloudwatch.CompositeAlarmActionsSuppressorArgs(
            alarm=self._names[suppressor] if suppressor else "",
            wait_period=WAIT_SECONDS,
            extension_period=voice.extension_s,
        )
        others = frozenset(over) | frozenset(filter(None, (suppressor,)))
        # Guardrails, and what they hold back, change hands with the champion.
        going = frozenset(one for one in others if one[1] == GUARDRAIL)
        before = self._order.after(place, others, going=going)
        # Whoever calls the function must be allowed to first.
        callers = self._args.rollback.permissions if place[1] == GUARDRAIL else []
        return aws.cloudwatch.CompositeAlarm(
            self._scope.name(*_parts(place)),
            alarm_name=self._args.tables.physical_name(*_parts(place)),
            alarm_description=says,
            alarm_rule=rule,
            alarm_actions=None if voice.action is None else [voice.action],
            actions_suppressor=held_back if voice.suppressors else None,
            tags=self._tags(place, voice.severity),
            opts=self._inside(*callers, *before),
        )

    def _any(self, places: Sequence[Place]) -> pulumi.Output[str]:
        """The rule that one of them is in ALARM, of whatever slot."""
        names = pulumi.Output.all(*(self._names[place] for place in places))
        return names.apply(lambda names: " OR ".join(f'ALARM("{name}")' for name in names))

    def _while(self, places: Sequence[Place]) -> pulumi.Output[str]:
        """The rule that one of them holds others back: a guardrail does as long as its rollback can still come."""
        terms = [self._rolling(slot) if key == GUARDRAIL else self._any([(slot, key)]) for slot, key in places]
        return pulumi.Output.all(*terms).apply(" OR ".join)

    def _rolling(self, slot: str) -> pulumi.Output[str]:
        lasting = [self._names[slot, key] for key in LASTING]
        return pulumi.Output.all(self._names[slot, GUARDRAIL], *lasting).apply(
            lambda names: f'(ALARM("{names[0]}")' + "".join(f' AND NOT ALARM("{name}")' for name in names[1:]) + ")"
        )

    def _suppressors(self, place: Place, one: Alarm | Composite) -> frozenset[Place]:
        """What holds an alarm back, as it is one incident: what says the same more urgently, a challenger's guardrail,
        which the rollback tells, and for a challenger the champion's own alarm of that kind."""
        slot, key = place
        if isinstance(one, Alarm) and one.escalates:
            return frozenset()
        of = ("", slot) if slot else ("", *self._args.slots)
        parents = [(each, parent) for parent in one.parents for each in of]
        # Where nothing rolls back by itself, nobody else would tell.
        slots = self._args.slots if self._args.rollback.automatic else ()
        rolling = [(each, GUARDRAIL) for each in slots if slot in (each, "")]
        same = [(self._args.names.champion, key)] if slot != self._args.names.champion else []
        deploying = [("", DEPLOYMENT_RUNNING)] if one.suppressed_by_deployment else []
        felt = bool(slot) or isinstance(one, Composite)
        found = (*parents, *deploying, *(rolling if felt else ()), *(same if slot else ()))
        return frozenset(each for each in found if each in self._known)

    def _suppressor(self, suppressors: frozenset[Place]) -> Place | None:
        """The alarm that stands for all of them, of which a composite takes one; None for none."""
        rolling = [place for place in suppressors if place[1] == GUARDRAIL]
        if len(suppressors) < 2 and not rolling:
            return next(iter(suppressors), None)
        ordered = sorted(suppressors)
        held = ("", "while-" + "-or-".join("-".join(_parts(place)) for place in ordered))
        if held not in self._order:
            over = [*ordered, *((slot, key) for slot, _ in rolling for key in LASTING)]
            says = "While it is in ALARM, others keep quiet; it tells nobody itself."
            self._know(held, self._make_over(held, self._while(ordered), over, says, QUIET))
        return held

    def _decision(self, composite: Composite) -> pulumi.Input[str]:
        rollback = self._args.rollback
        return rollback.function.arn if rollback.automatic else self._topic(composite)

    def _advice(self, composite: Composite) -> pulumi.Input[str]:
        rollback = self._args.rollback
        if rollback.automatic:
            return self._described(f"{composite.says} The rollback function is called.", composite.runbook)
        return rollback.command.apply(
            lambda command: self._described(
                f"{composite.says} Nothing rolls back by itself in this stack: decide, then run `{command}`.",
                composite.runbook,
            )
        )

    def _described(self, says: str, runbook: str) -> str:
        link = f" What to do is in {self._args.runbooks}/{runbook}.md."
        return says[: LONGEST_DESCRIPTION - len(link)] + link

    def _topic(self, one: Alarm | Composite) -> pulumi.Output[str]:
        escalates = isinstance(one, Alarm) and one.escalates
        return self._args.topics.arns[ESCALATION if escalates else one.severity.value]

    def _tags(self, place: Place, severity: Severity | None) -> dict[str, str]:
        about = {"slot": place[0], "severity": severity.value if severity else ""}
        return self._scope.tagged(**{key: value for key, value in about.items() if value})

    def _inside(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(after) or None)


def _extension(looks_back_s: int) -> int:
    return max(looks_back_s, EXTENSION_SECONDS)


def _parts(place: Place) -> tuple[str, ...]:
    slot, key = place
    return (key, slot) if slot else (key,)


def _speaks(alarm: Alarm) -> bool:
    """Whether it tells people: of a guardrail the composite does, or the rollback that it calls."""
    return alarm.notifies and not alarm.guardrail


def _tells(one: Alarm | Composite) -> bool:
    """Whether something is wrong while it is in ALARM."""
    return one.notifies or one.key == GUARDRAIL
