"""The roles, and what each is granted: its recorded needs, and what the real provider and the doctor ask besides."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from simulator.aws.identity import Recorded, recording
from simulator.aws.identity.need import EVERYTHING
from simulator.permissions import provider
from simulator.permissions.statement import Grant, grant
from simulator.permissions.story import PROJECT, STACK, As, Story, story

PURPOSES: Mapping[str, str] = {
    "deployer": "Runs `pulumi up`, `refresh` and `destroy`.",
    "preview": "Runs `pulumi preview`, on pull requests say: it reads what the stack holds, and writes nothing.",
    "publisher": "Publishes versions and lists them: `tidewatch publish`, `tidewatch models`.",
    "operator": (
        "Is on call: `tidewatch rollback`, `status`, `doctor`, `runbook`, `models`, and `acknowledge`, whose edit the "
        "deployer applies."
    ),
    "reader": "Looks on: `tidewatch status` with the reports on drift, `tidewatch models`. Nothing that was captured.",
}
MANY = 3
"""Names of one kind that an action is granted one by one; more are granted by the beginning that they share."""
WITHOUT_RESOURCE = "takes no resource"
EXCEPTIONS: Mapping[str, str] = {
    "cloudwatch:DescribeAlarmHistory": "tells of composite alarms only where it is allowed on everything",
    "cloudwatch:DescribeAlarms": "tells of composite alarms only where it is allowed on everything",
    "cloudwatch:PutCompositeAlarm": "must be allowed on everything",
    "kms:CreateKey": f"{WITHOUT_RESOURCE}; the new key must carry the stack's tag",
    "kms:TagResource": "names a key that is not made yet; it must carry the stack's tag",
}
"""Why an action is granted on everything, where it is not that it takes no resource."""
_ANYWHERE, _OBJECTS = "*", "arn:{partition}:s3:::"
_DOCTOR = (
    Grant("ecr:BatchGetImage", "arn:{partition}:ecr:*:*:repository/*", None, "tidewatch doctor: the serving image"),
    Grant("pricing:GetProducts", _ANYWHERE, None, "tidewatch doctor: the price of the hosts"),
    Grant("servicequotas:ListServiceQuotas", _ANYWHERE, None, "tidewatch doctor: the quota of the hosts"),
)
"""What the doctor asks of an account: a rehearsal has no quotas, prices and images."""
_ALARMED = Grant(
    "cloudwatch:ListTagsForResource",
    "arn:{partition}:cloudwatch:{region}:{account}:alarm:{stem}-*",
    None,
    "tidewatch status: how urgent an alarm is that fires",
)
"""What the story leaves out of it: not every alarm fires in it while somebody looks."""
_SERVICE_ROLE = "arn:{partition}:iam::{account}:role/aws-service-role/{service}/*"
_LINKED = {
    "sagemaker.application-autoscaling.amazonaws.com": "the first scalable target of an account",
    "management.chatbot.amazonaws.com": "the first chat configuration of an account",
}


def _as_administrator(role: str, activity: str) -> AbstractContextManager[object]:
    del role, activity
    return nullcontext()


def _nothing(told: Story) -> None:
    del told


def recorded(as_: As = _as_administrator, at_the_end: Callable[[Story], None] = _nothing) -> dict[str, list[Grant]]:
    """Plays the story, once with everything that a stack can have, and tells what each role needs.

    as_: takes a role for a step, where the steps are to be done with it. at_the_end: done while the stack still lives.
    Raises what a step fails with, and LookupError where a call has no rule.
    """
    found: dict[str, list[Grant]] = {role: list(_besides(role)) for role in PURPOSES}

    @contextmanager
    def noting(role: str, activity: str) -> Iterator[Recorded]:
        with as_(role, activity), recording() as heard:
            yield heard
        if heard.unknown:
            raise LookupError(f"{activity}: no rule for {', '.join(sorted(heard.unknown))} in simulator/aws/identity/")
        found[role] += [grant(need, activity, PROJECT, STACK) for need in heard.needs.values()]

    with story(noting, **everything()) as told:
        told.lives()
        at_the_end(told)
        told.ends()
    return found


def everything() -> dict[str, Any]:
    """Keys of the config that make what a stack need not have."""
    return {
        "autoscaling": {"maximum": 4, "invocationsPerInstance": 600},
        "notify": {
            **{severity: [{"email": "ml-platform@example.com"}] for severity in ("P1", "P2", "P3")},
            "escalation": {"afterMinutes": 15, "to": [{"email": "ml-leads@example.com"}]},
            "chat": {"slackTeam": "T0123ABCD", "slackChannel": "C0123ABCD", "severities": ["P1"]},
        },
    }


def _besides(role: str) -> Iterator[Grant]:
    if role in ("deployer", "preview"):
        yield from provider.grants(role)
    if role == "operator":
        yield from _DOCTOR
    if role in ("operator", "reader"):
        yield _ALARMED
    if role == "deployer":
        for service, why in _LINKED.items():
            place = _SERVICE_ROLE.replace("{service}", service)
            condition = {"StringEquals": {"iam:AWSServiceName": service}}
            yield Grant("iam:CreateServiceLinkedRole", place, condition, why)


def statements(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """The grants as statements: actions on the same resources under the same condition stand in one."""
    resources: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in grants:
        resources[one.action, json.dumps(one.condition, sort_keys=True)].add(one.resource)
    together: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for (action, condition), places in resources.items():
        together[_fewest(action, places), condition].append(action)
    ordered = sorted(together.items(), key=lambda item: (item[0][0], item[0][1]))
    return [_statement(sid, *item) for sid, item in _named(ordered)]


def _fewest(action: str, places: set[str]) -> tuple[str, ...]:
    """The resources without those that another of them covers; many names of one kind by what they begin with."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for place in places:
        # Objects of one bucket are never granted for those of another, but for the deletion of all.
        kept_apart = place.startswith(_OBJECTS) and "/" in place and not action.startswith("s3:Delete")
        kinds[place if kept_apart else _family(place)].add(place)
    kept = {one for family, members in kinds.items() for one in ({family} if _wide(family, members) else members)}
    return tuple(sorted(one for one in kept if not any(_covers(other, one) for other in kept if other != one)))


def _family(place: str) -> str:
    """arn:...:alarm:{stem}-abort-* -> arn:...:alarm:{stem}-*, and what is no name of the stack as it is."""
    for stem in ("{stem}-", "{bucket}-"):
        head, found, rest = place.partition(stem)
        if found:
            return f"{head}{stem}*" + ("/*" if "/" in rest else "")
    return place


def _wide(family: str, members: set[str]) -> bool:
    return family in members or len(members) > MANY


def _covers(wide: str, narrow: str) -> bool:
    return wide.endswith("*") and narrow.startswith(wide[:-1])


Group = tuple[tuple[tuple[str, ...], str], list[str]]


def _named(groups: list[Group]) -> Iterator[tuple[str, Group]]:
    """Each group with a Sid of its own, after the service of its resources."""
    used: dict[str, int] = defaultdict(int)
    for group in groups:
        places = group[0][0]
        service = "Everything" if places == (EVERYTHING,) else places[0].split(":")[2]
        word = "".join(part.capitalize() for part in service.split("-"))
        used[word] += 1
        yield f"{word}{used[word]}", group


def _statement(sid: str, place: tuple[tuple[str, ...], str], actions: list[str]) -> dict[str, Any]:
    places, condition = place
    found: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions)), "Resource": list(places)}
    given = json.loads(condition)
    return {**found, "Condition": given} if given else found


def document(found: Mapping[str, list[Grant]]) -> dict[str, Any]:
    """What is written for the command line: every role with its purpose and statements."""
    return {role: {"purpose": PURPOSES[role], "statements": statements(found[role])} for role in PURPOSES}


def reason(action: str) -> str:
    """Why an action is granted on everything."""
    return EXCEPTIONS.get(action, WITHOUT_RESOURCE)


__all__ = ["PURPOSES", "document", "everything", "reason", "recorded", "statements"]
