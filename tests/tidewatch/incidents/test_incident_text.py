"""Whoever wrote a reason, a name or an error: the document and the page of an incident say it, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from tests.tidewatch.hostile_text import ATTACKS, visible
from tests.tidewatch.incidents.incident import TOLD, read_document
from tests.tidewatch.rendered_markdown import elements
from tests.tidewatch.traffic.account import Flights
from tidewatch.incidents.alarm_history import AlarmChange, AlarmHistory, AlarmSnapshot
from tidewatch.incidents.document import IncidentDocument
from tidewatch.incidents.evidence import Evidence, VariantVersion, VersionHistory
from tidewatch.incidents.impact import Impact, VariantImpact
from tidewatch.traffic import DeployedModel, Incident, LedgerEntry, Split

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def document(text: str) -> str:
    """An incident's document in which every text is this one."""
    split = Split.from_single_variant(text)
    entry = LedgerEntry(
        "quarantine", text, NOW, why=text, before=split, after=split, incident=text, variant=text, artifact=text
    )
    failed = replace(entry, kind="outcome", error=text, image=text, content=text, config=text, sequence=2)
    incident = Incident(text, NOW, text, text, "rollback", text, text, text, split, split, state="blocked", sequence=1)
    version = VariantVersion(DeployedModel(text, text, text, text), 1.0)
    found = Evidence(
        alarms=AlarmHistory(
            (AlarmSnapshot(text, "ALARM", NOW, text),), (AlarmChange(NOW, text, "OK", "ALARM", text),), None, ()
        ),
        versions={text: VersionHistory(version, version, VariantVersion(None, None))},
        impact=Impact(NOW, NOW, True, (VariantImpact(text, 1, 1, 1.0),)),
        links={"document": f"s3://bucket/{text}", "alarm": f"https://example.com/{text}"},
        missing=(text,),
    )
    entries = [replace(entry, sequence=1), failed]
    return IncidentDocument(incident, entries, text, text, text, found, (text,)).to_markdown()


@given(visible)
def test_no_text_brings_an_element_into_the_document(text: str) -> None:
    of_ours = ("code_inline", "link_open", "link_close")
    brought, innocent = (elements(document(each)) for each in (text, "TEXT"))
    assert [each for each in brought if each not in of_ours] == [each for each in innocent if each not in of_ours]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, canary: Flights) -> list[dict[str, Any]]:
    """What is published, in order."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(canary.clients.sns, "publish", lambda **given: found.append(given))
    return found


@pytest.mark.parametrize("attacks", [ATTACKS, ATTACKS[::-1]], ids=["one way", "the other way"])
def test_a_reason_forges_no_section_of_the_document_and_no_line_of_the_page(
    canary: Flights, pages: list[dict[str, Any]], attacks: tuple[str, ...]
) -> None:
    result = canary.roll_back(canary.request(reason="\n".join(attacks)), **TOLD, posts_to_slack=True)
    found = read_document(canary, result.incident, "md")
    assert elements(found).count("heading_open") == 6
    assert not {"html_block", "html_inline", "image", "fence", "code_block", "blockquote_open"} & set(elements(found))
    said = json.loads(pages[0]["Message"])
    posted = json.loads(said["https"])["content"]["description"]
    for shown in (said["default"], posted):
        names = [each.partition(":")[0] for each in shown.splitlines()]
        assert names == [
            "Endpoint", "Incident", "What happened", "Action taken", "Document", "Runbook", "Dashboard", "Reports",
            "To close it",
        ]  # fmt: skip
    assert not set("<>") & set(posted)
