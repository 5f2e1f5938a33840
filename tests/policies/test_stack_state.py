"""What the policies read from an exported state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.errors import InvalidState
from policies.stack_state import HIDDEN, SECRET, SIGNATURE, read_state

URN = "urn:pulumi:dev::shop::aws:sqs/queue:Queue::dead-letters"


def export(*resources: Any) -> str:
    return json.dumps({"version": 3, "deployment": {"resources": list(resources)}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"deployment": {}}',
        '{"deployment": []}',
        '{"deployment": {"resources": {}}}',
        '{"deployment": {"resources": [3]}}',
        '{"deployment": {"resources": [{"urn": "x"}]}}',
    ],
)
def test_a_file_that_is_no_state_is_one_sentence(text: str) -> None:
    with pytest.raises(InvalidState, match="pulumi stack export --file FILE"):
        read_state(text)


def test_secrets_are_read_where_the_file_has_them_and_hidden_where_it_does_not() -> None:
    plain = {SIGNATURE: SECRET, "plaintext": '{"name": "pages"}'}
    encrypted = {SIGNATURE: SECRET, "ciphertext": "v1:abc"}
    resource = read_state(
        export({"urn": URN, "type": "aws:sqs/queue:Queue", "inputs": {"a": plain, "b": [encrypted]}})
    )[0]
    assert resource.inputs == {"a": {"name": "pages"}, "b": [HIDDEN]}


def test_what_waits_for_its_deletion_is_left_out() -> None:
    assert read_state(export({"urn": URN, "type": "aws:sqs/queue:Queue", "delete": True})) == []


def test_a_resource_has_the_settings_of_its_provider() -> None:
    provider = "urn:pulumi:dev::shop::pulumi:providers:aws::default"
    found = read_state(
        export(
            {
                "urn": provider,
                "type": "pulumi:providers:aws",
                "id": "7",
                "inputs": {"defaultTags": '{"tags":{"a":"b"}}'},
            },
            {"urn": URN, "type": "aws:sqs/queue:Queue", "provider": f"{provider}::7"},
        )
    )
    assert found[1].provider == {"defaultTags": '{"tags":{"a":"b"}}'}
