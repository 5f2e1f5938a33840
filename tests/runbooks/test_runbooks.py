"""Every alarm has a runbook and every runbook an alarm; what they tell to run, edit, open or read is there."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from cli.commands.runbook import (
    FOLDER,
    PLACEHOLDERS,
    WORDS_IN_CAPITALS,
    describe_roles,
    find_placeholders,
)
from cli.runbook_search import runbooks_by_alarm
from stacks.config.schema import StackSettings
from tests.runbooks.written_commands import ROOT, in_blocks, in_text, mistake
from tidewatch import slo
from tidewatch.alarms import (
    ALARM_RUNBOOKS,
    BUILT_IN_ALARM_KEYS,
    Alarm,
    AlarmThresholds,
    CompositeAlarm,
    Severity,
    build_endpoint_alarms,
    build_variant_alarms,
)
from tidewatch.alarms.custom_guardrails import KEY_PREFIX
from tidewatch.permissions import PolicyVariables, build_policy_documents, load_roles
from tidewatch.permissions.command_roles import CAPTURE_READER, find_command_roles, get_action
from tidewatch.rollback import format_invocation

HEADINGS = (
    "What it means for users",
    "First look",
    "Triage in 15 minutes",
    "What you see, what it is, what to do",
    "Roll back or divert",
    "How to tell that it worked",
    "Escalate",
    "Write down",
)
STEPS = (
    "Version and recent deploys",
    "Feature freshness and schema",
    "Label pipeline",
    "Decide",
    "Roll back or divert",
)
PROMISED = (slo.Objective("availability", 99.9), slo.Objective("latency", 99, milliseconds=200))
PAGES = sorted(FOLDER.glob("*.md"))
SETTING = re.compile(r"tidewatch:([A-Za-z]+(?:\.[A-Za-z{}]+)*)|`([a-z]+(?:\.[A-Za-z]+)+)`")
LINK = re.compile(r"\]\(([^)#]+)\)|\b(docs/[a-z-]+\.md)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def _section(text: str, heading: str) -> str:
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _steps(text: str) -> dict[str, str]:
    """The triage's steps by their titles, each on one line."""
    parts = re.split(r"^\d\. ", _section(text, "Triage in 15 minutes"), flags=re.MULTILINE)[1:]
    found = (re.fullmatch(r"\*\*(.+?)\*\* \(minutes \d+-\d+\)\. (.+)", " ".join(part.split())) for part in parts)
    return {step[1]: step[2] for step in found if step}


def _rows(text: str) -> frozenset[str]:
    table = _section(text, "What you see, what it is, what to do")
    return frozenset(line for line in table.splitlines()[2:] if line.startswith("|") and not line.startswith("|---"))


def _missing(alarms: Iterable[str], pages: Iterable[Path]) -> tuple[set[str], set[str]]:
    """The runbooks that alarms name and that are not there, and those that no alarm names."""
    known = runbooks_by_alarm()
    wanted, there = {known.get(alarm, alarm) for alarm in alarms}, {page.stem for page in pages}
    return wanted - there, there - wanted


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    assert _missing(
        [*BUILT_IN_ALARM_KEYS, *ALARM_RUNBOOKS, *slo.RUNBOOK_BY_KIND.values(), *runbooks_by_alarm()], PAGES
    ) == (set(), set())


def test_an_alarm_without_a_runbook_and_a_runbook_without_an_alarm_are_found() -> None:
    alarms = [*runbooks_by_alarm(), "flux-capacitor"]
    assert _missing(alarms, [*PAGES, Path("orphan.md")]) == ({"flux-capacitor"}, {"orphan"})


def test_every_key_of_the_catalog_and_of_the_objectives_has_its_runbook() -> None:
    known = runbooks_by_alarm()
    assert set(BUILT_IN_ALARM_KEYS) <= known.keys()
    for objective in PROMISED:
        for one in (*slo.build_slo_alarms(objective, ["blue"]), *slo.build_slo_composites(objective)):
            assert known[one.key] == objective.runbook


@each_page
def test_it_has_the_headings_in_their_order_and_text_under_each(page: Path) -> None:
    text = page.read_text()
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == HEADINGS
    assert text.startswith("# ")
    assert f"(`{page.stem}`)" in text.partition("\n")[0]
    for heading in HEADINGS:
        assert len(_section(text, heading).split()) >= 8, heading


@each_page
def test_it_says_first_how_urgent_the_alarm_is(page: Path) -> None:
    told = set(re.findall(r"\bP[123]\b", page.read_text().partition("\n## ")[0]))
    urgent = _severities()[page.stem]
    assert told == urgent
    if not urgent:
        assert "Notifies nobody" in page.read_text().partition("\n## ")[0]


def _severities() -> dict[str, set[str]]:
    """How urgent the alarms of each runbook are that notify somebody; one with its severity in the config is a page."""
    variants = ("blue", "green")
    of_variants = build_variant_alarms(AlarmThresholds(), variants, "blue")
    alarms: list[Alarm | CompositeAlarm] = [
        *of_variants["green"],
        *build_endpoint_alarms(AlarmThresholds(), variants, escalation_minutes=15),
    ]
    for objective in PROMISED:
        alarms += slo.build_slo_composites(objective)
    found: dict[str, set[str]] = defaultdict(set, {KEY_PREFIX: {Severity.P1}})
    for alarm in alarms:
        found[alarm.runbook] |= {alarm.severity.value} if alarm.notifies else set()
    return found


@each_page
def test_its_triage_has_the_five_steps_in_fifteen_minutes(page: Path) -> None:
    text = page.read_text()
    assert tuple(_steps(text)) == STEPS
    minutes = re.findall(r"\(minutes (\d+)-(\d+)\)", _section(text, "Triage in 15 minutes"))
    assert [begin for begin, _ in minutes] == ["0", *(end for _, end in minutes[:-1])]
    assert minutes[-1][1] == "15"


@each_page
def test_its_first_look_is_a_command_and_the_dashboard(page: Path) -> None:
    look = _section(page.read_text(), "First look")
    assert list(in_blocks(look))
    assert "{dashboard_oncall}" in look


@each_page
def test_its_way_back_is_a_command_and_its_escalation_names_somebody(page: Path) -> None:
    text = page.read_text()
    assert list(in_blocks(_section(text, "Roll back or divert")))
    assert "{rollback_command}" in _section(text, "Roll back or divert")
    assert {"owner", "escalation"} & set(find_placeholders(_section(text, "Escalate")))


@each_page
def test_its_decision_table_has_rows_that_say_what_to_do(page: Path) -> None:
    rows = _rows(page.read_text())
    assert len(rows) >= 5
    for row in rows:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == 3, row
        assert all(cells), row


def test_no_two_have_one_decision_table_or_share_rows() -> None:
    of: dict[str, list[str]] = defaultdict(list)
    for page in PAGES:
        for row in _rows(page.read_text()):
            of[row].append(page.stem)
    assert {row: pages for row, pages in of.items() if len(pages) > 1} == {}


def test_what_a_triage_step_says_is_said_of_this_alarm() -> None:
    """That something has nothing to do with it may be said alike; advice may not."""
    of: dict[str, list[str]] = defaultdict(list)
    for page in PAGES:
        for title, says in _steps(page.read_text()).items():
            if len(says.split()) > 6:
                of[says].append(f"{page.stem}: {title}")
    assert {says: where for says, where in of.items() if len(where) > 1} == {}


@each_page
def test_its_placeholders_are_known(page: Path) -> None:
    assert set(find_placeholders(page.read_text())) <= PLACEHOLDERS.keys()


def test_every_word_in_capitals_that_is_explained_is_used() -> None:
    texts = [page.read_text() for page in PAGES]
    assert all(any(word in text for text in texts) for word in WORDS_IN_CAPITALS)


def test_every_placeholder_is_used() -> None:
    assert {name for page in PAGES for name in find_placeholders(page.read_text())} == PLACEHOLDERS.keys()


@each_page
def test_its_commands_are_there_with_their_options(page: Path) -> None:
    text = page.read_text()
    assert [wrong for words in (*in_blocks(text), *in_text(text)) if (wrong := mistake(words))] == []


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("tidewatch restore --stack prod", "no command restore"),
        ("tidewatch rollback --stack prod --force", "--force"),
        ("aws sagemaker undo-endpoint --endpoint-name E", "no undo-endpoint"),
        ("aws sagemaker describe-endpoint --endpoint E", "no --endpoint"),
        ("aws sagemaker describe-endpoint --region R", "--endpoint-name is missing"),
        ("aws cloudwatch set-alarm-state --alarm-name A --state-value fine --state-reason r", "fine is none of"),
        ("aws sqs purge-queue --queue-url", "no value"),
        ("aws sns list-topics --query 'Topics[.'", "Topics"),
        ("pulumi up --stak prod", "--stak"),
        ("kubectl get pods", "kubectl"),
        ("make coffee", "coffee"),
    ],
)
def test_a_command_that_is_not_there_is_found(command: str, told: str) -> None:
    (words,) = in_blocks(f"```sh\n{command}\n```\n")
    assert told in mistake(words)


def test_the_commands_of_every_line_are_read() -> None:
    block = "```sh\nGROUP=$(aws logs one \\\n  --x 1)\naws s3 two --query 'a\n b' | aws s3 three; make four\n```\n"
    assert [words[:3] for words in in_blocks(block)] == [
        ["aws", "logs", "one"],
        ["aws", "s3", "two"],
        ["aws", "s3", "three"],
        ["make", "four"],
    ]


@each_page
def test_the_settings_it_names_are_there(page: Path) -> None:
    known = _settings()
    named = {
        whole or path for whole, path in SETTING.findall(page.read_text()) if whole or path.partition(".")[0] in known
    }
    assert {path for path in named if not _is_known(path.split("."), known)} == set()


def test_a_setting_that_is_not_there_is_found() -> None:
    known = _settings()
    assert _is_known(["endpoint", "rollout", "waitSeconds"], known)
    assert not _is_known(["endpoint", "rollout", "patience"], known)
    assert not _is_known(["alarms", "diskPercents"], known)


def _settings() -> dict[str, object]:
    """The sections of the config, each with its keys as deep as they go; a variant's are not apart by variant."""
    return dict(_keys(StackSettings))


def _keys(section: type[BaseModel]) -> Iterable[tuple[str, object]]:
    for name, info in section.model_fields.items():
        yield to_camel(name), {key: inner for one in _sections(info.annotation) for key, inner in _keys(one)}


def _sections(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in getattr(annotation, "__args__", ()):
        yield from _sections(inside)


def _is_known(path: list[str], known: object) -> bool:
    if not path or path[0].startswith("{"):
        return not path or _is_known(path[1:], known)
    return isinstance(known, dict) and path[0] in known and _is_known(path[1:], known[path[0]])


@each_page
def test_the_pages_that_it_links_are_there(page: Path) -> None:
    for relative, document in LINK.findall(page.read_text()):
        target = ROOT / document if document else page.parent / relative
        assert target.is_file(), target


NAMES = PolicyVariables("aws", "123456789012", "us-east-1", "tidewatch", "prod", "flights", "flights")


@each_page
def test_its_aws_commands_are_allowed_to_the_roles_that_it_prints(page: Path) -> None:
    text = page.read_text()
    printed = describe_roles(text, "prod")
    typed = {tuple(words[1:3]) for words in (*in_blocks(text), *in_text(text)) if words[0] == "aws"}
    roles = find_command_roles(text + format_invocation("function", "us-east-1"))
    assert {f"{service} {operation}" for service, operation in typed} <= roles.keys()
    for service, operation in typed:
        role = roles[f"{service} {operation}"]
        assert role is not None, f"no role on call may type `aws {service} {operation}`"
        assert f"role {role}" in printed
        if role != "operator":
            assert f"`{service} {operation}`" in printed
        if role != CAPTURE_READER:
            policies = map(json.loads, build_policy_documents(load_roles()[role], NAMES))
            statements = [one for policy in policies for one in policy["Statement"]]
            assert get_action(service, operation) in {action for one in statements for action in one["Action"]}


def test_weights_by_hand_need_more_than_a_rollback() -> None:
    by_hand = find_command_roles("aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {endpoint}")
    assert set(by_hand.values()) == {"responder"}
    assert set(find_command_roles(format_invocation("function", "us-east-1")).values()) == {"operator"}
    assert set(find_command_roles("aws s3api get-object --bucket {capture} --key K f").values()) == {CAPTURE_READER}


def test_a_command_that_no_role_on_call_may_type_is_found_and_said_to_be_for_others() -> None:
    page = "`aws iam delete-role --role-name R`"
    assert find_command_roles(page) == {"iam delete-role": None}
    assert "`iam delete-role`: no role of this stack; ask an administrator" in describe_roles(page, "prod")
