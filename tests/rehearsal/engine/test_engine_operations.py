"""What the engine does that no recording shows; each behaviour was seen in the Pulumi CLI 3.260 unless it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.engine import DeploymentStep, DeploymentSummary, EngineError, OperationFailed


def ops(summary: DeploymentSummary) -> dict[str, str]:
    return {step.name: step.op for step in summary.steps if "pulumi:pulumi:Stack" not in step.urn}


def read_saved_inputs(program: Any, name: str) -> dict[str, Any]:
    """The inputs of a resource as the state holds them."""
    resources = json.loads(program.state.read_text())["resources"]
    return next(r["inputs"] for r in resources if r["urn"].endswith(f"::{name}"))


def test_a_second_up_changes_nothing(program: Any) -> None:
    program.write('D("d", "k", "1"); export("v", 1)')
    first = program.stack().up()
    assert first.op_counts == {"create": 2}
    again = program.stack().up()
    assert again.changed_steps == ()
    assert again.outputs == program.stack().outputs() == {"v": 1}


def test_steps_are_told_as_planned_then_as_they_start_and_end(program: Any) -> None:
    program.write('D("d", "k", "1")')
    told: list[DeploymentStep] = []
    program.stack(on_step=told.append).up()
    assert [step.phase for step in told if step.name == "d"] == ["planned", "start", "done"]


def test_preview_touches_nothing_and_shows_unknown_outputs(program: Any) -> None:
    program.write("""
        d = D("d", "k", "1")
        seen = []
        D("e", "e", d.made.apply(lambda v: seen.append(v) or v))
        export("made", d.made)
        export("known", d.v)
        export("seen", seen)
    """)
    summary = program.stack().preview()
    assert ops(summary) == {"d": "create", "e": "create"}
    assert summary.outputs["known"] == "1"
    assert summary.outputs["seen"] == []
    assert summary.outputs["made"] != "yes"
    assert not program.store.exists()
    assert not program.state.exists()


def test_what_the_preview_refuses_is_refused_before_anything_is_made(program: Any) -> None:
    program.write('D("a", "a", "1"); D("d", "k", "bad")')
    with pytest.raises(OperationFailed, match="v must not be bad"):
        program.stack().up()
    assert not program.store.exists()


def test_without_a_preview_other_resources_are_made_before_the_refusal(program: Any) -> None:
    program.write('a = D("a", "a", "1"); D("d", a.id, "bad")')
    with pytest.raises(OperationFailed, match="v must not be bad"):
        program.stack().up(preview=False)
    assert json.loads(program.store.read_text()) == {"a": "1"}


def test_a_failed_update_is_no_change_after_the_program_went_back(program: Any) -> None:
    program.write('D("d", "k", {1: "ok", 2: "boom"}[stage])')
    program.stack(1).up()
    with pytest.raises(OperationFailed, match="boom on update"):
        program.stack(2).up()
    assert program.stack(1).up().changed_steps == ()


UNTAGGED = 'import pulumi_aws; pulumi_aws.s3.Bucket("b", bucket="init-failing", tags={"aws:a": "1"}, opts=%s)'
"""A bucket that S3 makes and whose tags it refuses."""


@pytest.mark.usefixtures("aws")
def test_a_refresh_that_finds_what_failed_forgets_the_error(program: Any) -> None:
    program.write(UNTAGGED % "None")
    with pytest.raises(OperationFailed, match="System tags cannot be added"):
        program.stack().up()
    assert ops(program.stack().preview())["b"] == "update"
    program.stack().refresh()
    assert ops(program.stack().up())["b"] == "same"
    assert ops(program.stack().destroy())["b"] == "delete"


@pytest.mark.usefixtures("aws")
def test_an_error_of_a_create_replaces_where_the_program_says_so(program: Any) -> None:
    """As in `applyReplaceOnChanges` of the engine's step generator."""
    program.write(UNTAGGED % 'ResourceOptions(replace_on_changes=["*"], delete_before_replace=True)')
    with pytest.raises(OperationFailed, match="System tags cannot be added"):
        program.stack().up()
    step = next(step for step in program.stack().preview().steps if step.name == "b" and step.op == "replace")
    assert step.keys == ("#initerror",)


def test_a_failed_update_under_a_new_name_leaves_the_old_name(program: Any) -> None:
    program.write("""
        options = ResourceOptions(aliases=[pulumi.Alias(name="old")]) if stage == 2 else None
        D("new" if stage == 2 else "old", "k", "boom" if stage == 2 else "1", opts=options)
    """)
    program.stack(1).up()
    with pytest.raises(OperationFailed, match="boom on update"):
        program.stack(2).up()
    assert ops(program.stack(1).up()) == {"old": "same"}


@pytest.mark.usefixtures("aws")
def test_what_the_stack_made_cannot_be_read_under_the_same_name(program: Any) -> None:
    program.write("""
        import pulumi_aws
        arn = "arn:aws:sns:us-east-1:123456789012:t"
        pulumi_aws.sns.Topic("t", name="t") if stage == 1 else pulumi_aws.sns.Topic.get("t", arn)
    """)
    program.stack(1).up()
    with pytest.raises(OperationFailed, match="give what is read another name"):
        program.stack(2).up()


def test_dependents_that_would_be_replaced_go_before_what_is_deleted_before_its_replacement(program: Any) -> None:
    program.write("""
        a = D("a", f"a{stage}", "1", dbr=True)
        b = D("b", a.k.apply(lambda k: "b" + k), a.made)
        D("e", "e", b.made)
    """)
    program.stack(1).up()
    steps = [(s.op, s.name) for s in program.stack(2).up().steps if s.op != "same"]
    assert steps == [("delete-replaced", "b"), ("delete-replaced", "a"), ("replace", "a"), ("replace", "b")]
    assert json.loads(program.store.read_text()) == {"e": "yes", "a2": "1", "ba2": "yes"}


def test_a_protected_dependent_stops_a_delete_before_replace(program: Any) -> None:
    program.write("""
        a = D("a", f"a{stage}", "1", dbr=True)
        D("b", a.k.apply(lambda k: "b" + k), "v", opts=ResourceOptions(protect=True))
    """)
    program.stack(1).up()
    with pytest.raises(OperationFailed, match=r"unable to replace resource .*::b"):
        program.stack(2).up(preview=False)
    assert json.loads(program.store.read_text()) == {"a1": "1", "ba1": "v"}


def test_a_replacement_that_failed_after_the_delete_is_made_by_the_next_up(program: Any) -> None:
    program.write('D("d", f"k{stage}", "boom" if stage == 2 else "ok", dbr=True)')
    program.stack(1).up()
    with pytest.raises(OperationFailed, match="boom on create"):
        program.stack(2).up()
    assert ops(program.stack(3).up()) == {"d": "replace"}
    with pytest.raises(OperationFailed):
        program.stack(2).up()
    assert "d" not in ops(program.stack(2).destroy())


def test_replace_on_changes_matches_the_path_that_changed(program: Any) -> None:
    program.write("""
        Default("same", {"a": {"x": stage, "y": 1}}, opts=ResourceOptions(replace_on_changes=["a.y"]))
        Default("other", {"a": {"x": stage, "y": 1}}, opts=ResourceOptions(replace_on_changes=["a.x"]))
        D("told", "told", str(stage), opts=ResourceOptions(replace_on_changes=["v"]))
    """)
    program.stack(1).up()
    summary = program.stack(2).up()
    assert {(s.op, s.name) for s in summary.changed_steps} == {
        ("update", "same"),
        ("replace", "other"),
        ("delete-replaced", "other"),
        ("update", "told"),  # its own diff names no paths
    }


def test_ignore_changes_takes_camel_case_and_silently_misses_snake_case(program: Any) -> None:
    program.write("""
        Default("camel", {"aB": {"cD": stage}}, opts=ResourceOptions(ignore_changes=["aB.cD"]))
        Default("snake", {"aB": {"cD": stage}}, opts=ResourceOptions(ignore_changes=["a_b.c_d"]))
        Default("quoted", {"tags": {"a.b": stage}}, opts=ResourceOptions(ignore_changes=['tags["a.b"]']))
    """)
    program.stack(1).up()
    assert ops(program.stack(2).up()) == {"camel": "same", "snake": "update", "quoted": "same"}


def test_beside_an_added_element_the_others_stay_ignored_and_it_is_noted(program: Any) -> None:
    program.write("""
        variants = [{"weight": stage}, {"weight": stage * 10}][:stage]
        Default("d", {"variants": variants}, opts=ResourceOptions(ignore_changes=["variants[*].weight"]))
    """)
    program.stack(1).up()
    summary = program.stack(2).up()
    assert ops(summary) == {"d": "update"}
    assert any("cannot ignore changes in added or removed elements" in note for note in summary.notes)
    assert read_saved_inputs(program, "d")["variants"] == [{"weight": 1}, {"weight": 20}]


def test_a_replacement_takes_the_new_values_of_ignored_paths(program: Any) -> None:
    program.write("""
        options = ResourceOptions(ignore_changes=["variants[*].weight", "top"], replace_on_changes=["r"])
        Default("d", {"variants": [{"weight": stage}], "top": stage, "r": stage}, opts=options)
    """)
    program.stack(1).up()
    program.stack(2).up()
    assert read_saved_inputs(program, "d").items() >= {"variants": [{"weight": 2}], "top": 2}.items()


def test_retained_resources_stay_in_the_cloud(program: Any) -> None:
    program.write('D("d", "kept", "1", opts=ResourceOptions(retain_on_delete=True)) if stage == 1 else None')
    program.stack(1).up()
    (step,) = program.stack(2).up().changed_steps
    assert (step.op, step.keys) == ("delete", ("retain",))
    assert json.loads(program.store.read_text()) == {"kept": "1"}


def test_destroy_refuses_what_is_protected_before_it_deletes_anything(program: Any) -> None:
    program.write("""
        D("free", "free", "1")
        D("held", "held", "1", opts=ResourceOptions(protect=stage == 1))
    """)
    program.stack(1).up()
    with pytest.raises(OperationFailed, match="cannot be deleted because it is protected"):
        program.stack(1).destroy()
    assert json.loads(program.store.read_text()) == {"free": "1", "held": "1"}
    program.stack(2).up()
    program.stack(2).destroy()
    assert json.loads(program.store.read_text()) == {}
    assert program.stack(2).outputs() == {}


def test_refresh_takes_over_what_changed_behind_its_back(program: Any) -> None:
    program.write('D("d", "k", "1"); D("e", "e", "1"); D("f", "f", "1")')
    program.stack().up()
    program.store.write_text(json.dumps({"k": "9", "f": "1"}))
    assert ops(program.stack().refresh()) == {"d": "update", "e": "delete", "f": "same"}
    assert ops(program.stack().up()) == {"d": "update", "e": "create", "f": "same"}


def test_up_with_refresh_looks_first_in_the_preview_too(program: Any) -> None:
    program.write('D("d", "k", "1"); D("e", "e", "1")')
    program.stack().up()
    program.store.write_text(json.dumps({"k": "9"}))
    steps = program.stack().preview(refresh=True).changed_steps
    assert {(s.op, s.changes) for s in steps if s.name == "d"} == {
        ("refresh", ('v "1" -> "9"',)),
        ("update", ('v "9" -> "1"',)),
    }
    assert {(s.op, s.name, s.keys) for s in steps} == {
        ("refresh", "d", ("update",)),
        ("refresh", "e", ("delete",)),
        ("update", "d", ("v",)),
        ("create", "e", ()),
    }
    program.stack().up(refresh=True)
    assert json.loads(program.store.read_text()) == {"k": "1", "e": "1"}
    assert program.stack().up(refresh=True).changed_steps == ()


def test_secrets_are_opened_for_providers_and_outputs_and_marked_in_a_private_file(program: Any) -> None:
    program.write("""
        d = D("d", "k", Output.secret("hush"))
        export("v", d.v)
        export("plain", d.made)
    """)
    assert program.stack().up().outputs == {"v": "hush", "plain": "yes"}
    assert json.loads(program.store.read_text()) == {"k": "hush"}
    assert program.state.stat().st_mode & 0o777 == 0o600
    saved = json.loads(program.state.read_text())["outputs"]
    assert set(saved["v"]) > {"value"}
    assert saved["plain"] == "yes"


def test_configuration_reaches_program_and_dynamic_providers(program: Any) -> None:
    (program.folder / "told.py").write_text("""
import sys
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Told(ResourceProvider):
    serialize_as_secret_always = False
    def configure(self, request):
        sys.tracebacklimit = 0
        self.size = request.config.get("size")
    def create(self, props):
        return CreateResult("told", {**props, "configured": self.size})

class T(Resource, module="tw", name="T"):
    def __init__(self, name):
        super().__init__(Told(), name, {"configured": None})
""")
    program.write("""
        import told
        told.T("s")
        export("configured", told.T("t").configured)
        export("size", pulumi.Config().require_object("size")["a"])
        export("hidden", pulumi.Config().require_secret("word"))
    """)
    stack = program.stack(config={"test:size": '{"a": 3}', "test:word": "hush"}, secrets=frozenset({"test:word"}))
    assert stack.up().outputs == {"configured": '{"a": 3}', "size": 3, "hidden": "hush"}


def test_an_edit_of_a_provider_in_its_module_is_no_change_and_runs_next_time(program: Any) -> None:
    program.write('D("d", "k", str(stage))')
    program.stack(1).up()
    source = (program.folder / "dyn.py").read_text()
    (program.folder / "dyn.py").write_text(source.replace('"made": "again"', '"made": "by the new code"'))
    assert program.stack(1).up().changed_steps == ()
    program.stack(2).up()
    assert "by the new code" in program.state.read_text()


def test_the_hosts_own_imports_come_back_after_a_run(program: Any) -> None:
    import sys

    mine = object()
    sys.modules["dyn"] = mine  # type: ignore[assignment]
    try:
        program.write('D("d", "k", "1")')
        program.stack().up()
        assert sys.modules["dyn"] is mine
        assert str(program.folder) not in sys.path
    finally:
        del sys.modules["dyn"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('a = D("a", "a", "1"); D("b", "b", "1", opts=ResourceOptions(deleted_with=a))', "DeletedWith"),
        ('D("b", "b", "1", opts=ResourceOptions(replacement_trigger=stage))', "replacement_trigger"),
        ('pulumi.runtime.register_resource_transform(lambda args: None); D("b", "b", "1")', "transforms"),
        (
            "pulumi.CustomResource('kubernetes:core/v1:Namespace', 'n', {})",
            "unsupported type kubernetes:core/v1:Namespace",
        ),
    ],
)
def test_what_the_engine_does_not_do_is_refused_not_lost(program: Any, source: str, sentence: str) -> None:
    program.write(source)
    with pytest.raises(OperationFailed, match=sentence):
        program.stack().up()


def test_a_run_error_is_its_sentence_alone(program: Any) -> None:
    program.write('raise pulumi.RunError("weight: -1 is negative")')
    with pytest.raises(OperationFailed) as failure:
        program.stack().up()
    assert str(failure.value) == "weight: -1 is negative"


def test_what_the_program_logs_is_noted(program: Any) -> None:
    program.write('pulumi.log.warn("careful"); pulumi.log.error("bad, but not the end")')
    assert program.stack().up().notes == ("warning: careful", "error: bad, but not the end")


def test_an_import_with_other_values_is_refused(program: Any) -> None:
    program.write('D("d", "k", "2", opts=ResourceOptions(import_="k"))')
    program.store.write_text(json.dumps({"k": "1"}))
    with pytest.raises(OperationFailed, match="other values of v than the program"):
        program.stack().up()


@pytest.mark.usefixtures("aws")
def test_an_archive_is_its_content_not_its_place_time_or_mode(program: Any) -> None:
    program.write("""
        import shutil, pulumi_aws
        from pathlib import Path
        folder = Path(f"code{stage}")
        folder.mkdir(exist_ok=True)
        (folder / "a.txt").write_text("same" if stage < 3 else "other")
        (folder / "a.txt").chmod(0o600 if stage == 2 else 0o644)
        b = pulumi_aws.s3.Bucket("b")
        pulumi_aws.s3.BucketObjectv2("o", bucket=b.bucket, key="k", source=pulumi.FileAsset(folder / "a.txt"))
    """)
    program.stack(1).up()
    assert program.stack(2).up().changed_steps == ()
    assert ops(program.stack(3).up())["o"] == "update"


def test_a_stack_that_is_being_updated_refuses_a_second_run(program: Any) -> None:
    program.write('D("d", "k", "1")')
    told: list[str] = []

    def second_run(step: DeploymentStep) -> None:
        if step.phase == "start":
            with pytest.raises(EngineError, match="being updated by another run"):
                program.stack().up()
            told.append(step.name)

    program.stack(on_step=second_run).up()
    assert told == ["d"]
