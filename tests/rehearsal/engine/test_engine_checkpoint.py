"""The state in the CLI's form and back: nothing of it is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.engine import OperationFailed
from rehearsal.engine.checkpoint import PROVIDERS, from_deployment, to_deployment
from rehearsal.engine.state import Resource
from rehearsal.engine.state_file import StateFile
from rehearsal.engine.urns import STACK

PROGRAM = """
    import pulumi_aws as aws

    class Part(ComponentResource):
        def __init__(self, name):
            super().__init__("test:index:Part", name)
            self.topic = aws.sns.Topic(name, opts=ResourceOptions(parent=self, protect=True))
            self.register_outputs({})

    part = Part("part")
    secret = pulumi.Output.secret({"words": ["a", {"b": 1.5}]})
    aws.ssm.Parameter("told", type="String", value=secret.apply(str), tags={"stage": str(stage)})
    a = D("a", f"a{stage}", "1", opts=ResourceOptions(retain_on_delete=True, depends_on=[part]))
    D("boom", "k", "boom" if stage == 2 else a.made)
    export("secret", secret)
    export("topic", part.topic.arn)
"""


def resources(saved: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The resources by what distinguishes them, except for the numbers that one engine alone gives them."""
    held = [vars(Resource(**{**fields, "serial": 0})) for fields in saved["resources"]]
    return {f"{one['urn']} {one['replaced']}": one for one in held}


@pytest.mark.usefixtures("aws")
def test_the_state_comes_back_from_the_clis_form_as_it_was(program: Any) -> None:
    program.write(PROGRAM)
    program.stack(1).up()
    with pytest.raises(OperationFailed):
        program.stack(2).up()  # what a failed update left: an object that waits to be deleted, another that failed
    saved = StateFile(program.state).load()
    exported = json.loads(json.dumps(to_deployment(saved, "7.1.2")))
    back = from_deployment(exported)
    assert resources(back) == resources(saved)
    assert back["outputs"] == saved["outputs"]
    assert (back["pending"], saved["pending"]) == ([], [])


@pytest.mark.usefixtures("aws")
def test_the_clis_form_names_what_the_cli_looks_for(program: Any) -> None:
    program.write(PROGRAM)
    program.stack(1).up()
    deployment = to_deployment(StateFile(program.state).load(), "7.1.2")["deployment"]
    held: list[dict[str, Any]] = deployment["resources"]
    assert held[0]["type"] == STACK
    providers = {one["urn"].rsplit("::", 1)[1]: one for one in held if one["type"].startswith(PROVIDERS)}
    assert providers.keys() == {"default_7_1_2", "default"}
    assert providers["default_7_1_2"]["inputs"] == {"region": "us-east-1", "version": "7.1.2"}
    references = {f"{one['urn']}::{one['id']}" for one in providers.values()}
    for place, one in enumerate(held):
        before = {other["urn"] for other in held[:place]}
        assert {one.get("parent"), *one.get("dependencies", ())} - {None} <= before
        is_made = one["custom"] and one["urn"] not in {each["urn"] for each in providers.values()}
        assert ("provider" in one) is is_made
        assert not is_made or one["provider"] in references
    told = next(one for one in held if one["urn"].endswith("::told"))
    assert json.loads(told["inputs"]["value"]["plaintext"]) == "{'words': ['a', {'b': 1.5}]}"


def test_of_calls_whose_answer_nobody_saw_updates_are_handed_over(program: Any) -> None:
    program.write('D("a", "k", "1")')
    program.stack().up()
    saved = StateFile(program.state).load()
    made = next(one for one in saved["resources"] if one["urn"].endswith("::a"))
    new = {**made, "urn": made["urn"].replace("::a", "::b"), "serial": 9}
    saved["pending"] = [{"kind": "update", "resource": made}, {"kind": "create", "resource": new}]
    handed = to_deployment(saved, "7.1.2")
    assert [(one["type"], one["resource"]["urn"]) for one in handed["deployment"]["pending_operations"]] == [
        ("updating", made["urn"])
    ]
    cut_off = next(one for one in handed["deployment"]["resources"] if one["urn"] == made["urn"])
    assert cut_off["initErrors"]
    (back,) = from_deployment(handed)["pending"]
    assert (back["kind"], back["resource"]["urn"]) == ("update", made["urn"])
    kept = from_deployment(handed, saved["pending"])["pending"]
    assert [(one["kind"], one["resource"]["urn"]) for one in kept] == [("update", made["urn"]), ("create", new["urn"])]


def test_what_a_killed_run_left_half_updated_is_updated_by_either_engine(program: Any) -> None:
    """Source: pulumi/pulumi, pkg/resource/deploy/step_generator.go: what has initErrors is updated without a change."""
    program.write('D("a", "k", "1")')
    program.stack().up()
    saved = StateFile(program.state).load()
    made = next(one for one in saved["resources"] if one["urn"].endswith("::a"))
    made["interrupted"] = True
    handed = to_deployment(saved, "7.1.2")
    assert [one["urn"] for one in handed["deployment"]["resources"] if one.get("initErrors")] == [made["urn"]]
    assert resources(from_deployment(handed)) == resources(saved)
    made["init_errors"] = ["it does not start"]
    assert resources(from_deployment(to_deployment(saved, "7.1.2"))) == resources(saved)


def test_a_create_whose_answer_the_cli_did_not_see_is_pending_here(program: Any) -> None:
    program.write('D("a", "k", "1")')
    program.stack().up()
    saved = StateFile(program.state).load()
    handed = to_deployment(saved, "7.1.2")
    made = next(one for one in handed["deployment"]["resources"] if one["urn"].endswith("::a"))
    new = {**made, "urn": made["urn"].replace("::a", "::b")}
    handed["deployment"]["pending_operations"] = [{"type": "creating", "resource": new}]
    unheard = [{"kind": "create", "resource": {"urn": new["urn"]}}]
    (kept,) = from_deployment(handed, unheard)["pending"]
    assert (kept["kind"], Resource(**kept["resource"]).urn) == ("create", new["urn"])
