"""A promotion is an edit of the stack file: the right variant, the right weights, comments kept, nothing applied."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from typer.testing import CliRunner

from cli.commands import promote as promotion
from cli.console import Console
from cli.errors import UserError
from cli.main import app
from cli.stack_config_file import StackConfigFile, commit_edit
from tidewatch.registry import VersionNotFound
from tidewatch.traffic.promotion import PromotionRefused

EMPTY = """\
# What differs from the other environments.
config:
  aws:region: us-east-1
  tidewatch:model: {name: flights, owner: a@example.com, oncall: b@example.com, escalation: c@example.com}
  tidewatch:endpoint:
    instanceType: ml.g5.xlarge  # one GPU is enough
  tidewatch:rollback: {automatic: true, floor: 2}
"""
CANARY = (
    EMPTY
    + """\
  tidewatch:variants:
    blue: {version: "3", weight: 95, instances: 2}  # since March
    green: {version: "4", weight: 5, instances: 2}
  tidewatch:rollbackTo: blue
"""
)


RETIRED = EMPTY + "  tidewatch:retire: true\n"


def _edit_variants(tmp_path: Path, text: str, version: str, weight: float | None = None) -> StackConfigFile:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(text)
    file = StackConfigFile.of("dev", tmp_path)
    promotion.edit_variants(file, file.load_settings(), version, weight)
    commit_edit(file, Console(quiet=True))
    return StackConfigFile.of("dev", tmp_path)


def _read_declared_variants(file: StackConfigFile) -> dict[str, tuple[str, float, int]]:
    return {
        str(name): (str(variant.version), variant.weight, variant.instances)
        for name, variant in file.load_settings().variants.items()
    }


def test_the_first_version_gets_all_of_the_traffic_and_is_the_champion(tmp_path: Path) -> None:
    file = _edit_variants(tmp_path, EMPTY, "3")
    assert _read_declared_variants(file) == {"blue": ("3", 100, 2)}
    assert file.load_settings().rollback_to == "blue"


def test_a_new_version_goes_into_the_idle_variant_with_five_percent(tmp_path: Path) -> None:
    first = CANARY.replace('    green: {version: "4", weight: 5, instances: 2}\n', "")
    assert _read_declared_variants(_edit_variants(tmp_path, first, "4")) == {"blue": ("3", 95, 2), "green": ("4", 5, 2)}


def test_a_version_that_is_there_has_its_weight_raised_and_the_champion_keeps_the_rest(tmp_path: Path) -> None:
    assert _read_declared_variants(_edit_variants(tmp_path, CANARY, "4", 50)) == {
        "blue": ("3", 50, 2),
        "green": ("4", 50, 2),
    }


def test_comments_and_quotes_survive(tmp_path: Path) -> None:
    text = _edit_variants(tmp_path, CANARY, "4", 50).text
    assert text == CANARY.replace("weight: 95", "weight: 50").replace("weight: 5,", "weight: 50,")


def test_a_list_of_people_is_not_written_anew(tmp_path: Path) -> None:
    told = "  tidewatch:notify: {P1: [{email: a@example.com}]}"
    assert _edit_variants(tmp_path, f"{CANARY}{told}\n", "4", 50).text.splitlines()[-1] == told


def test_the_former_champions_variant_takes_the_next_version_once_it_is_idle(tmp_path: Path) -> None:
    baked = CANARY.replace("weight: 95", "weight: 0").replace("weight: 5,", "weight: 100,")
    file = _edit_variants(tmp_path, baked.replace("rollbackTo: blue", "rollbackTo: green"), "5", 2.5)
    assert _read_declared_variants(file) == {"blue": ("5", 2.5, 2), "green": ("4", 97.5, 2)}


def test_a_serving_challenger_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match=r"no variant is idle for flights/5: green .* flights/4"):
        _edit_variants(tmp_path, CANARY, "5")


def test_a_version_that_is_there_needs_a_weight(tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match="give its share of the traffic"):
        _edit_variants(tmp_path, CANARY, "4")


def test_a_refused_edit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tidewatch:variants\.green\.version"):
        _edit_variants(tmp_path, CANARY.replace("weight: 5,", "weight: 0,"), "latest", 5)
    assert (tmp_path / "Pulumi.dev.yaml").read_text() == CANARY.replace("weight: 5,", "weight: 0,")


def test_an_unknown_stack_is_told_with_those_that_exist(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(EMPTY)
    with pytest.raises(UserError, match=r"there is no Pulumi\.prood\.yaml: the stacks here are dev"):
        StackConfigFile.of("prood", tmp_path)


def test_a_stack_file_with_mistakes_lists_them(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(EMPTY.replace("floor: 2", "flor: 2").replace("us-east-1", "mars"))
    with pytest.raises(UserError) as told:
        StackConfigFile.of("dev", tmp_path).load_settings()
    assert "did you mean floor?" in str(told.value)
    assert '"mars" is not a region' in str(told.value)


@pytest.mark.parametrize(
    ("stack", "next_step"),
    [("dev", "run `pulumi up --stack dev`"), ("rehearsal", "run `tidewatch up --stack rehearsal`")],
)
def test_an_edit_says_what_applies_it(
    tmp_path: Path, stack: str, next_step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.backend.RehearsalPaths.read_environment", lambda home: {"AWS_REGION": "us-east-1"})  # noqa: ARG005
    monkeypatch.setattr("rehearsal.backend.RehearsalPaths.explain_demo_running", lambda home: "")  # noqa: ARG005
    (tmp_path / "Pulumi.dev.yaml").write_text(CANARY)
    file, said = replace(StackConfigFile.of("dev", tmp_path), stack=stack), StringIO()
    promotion.edit_variants(file, file.load_settings(), "4", 50)
    commit_edit(file, Console(file=said, width=200))
    assert next_step in said.getvalue()


def test_a_promotion_ends_a_retirement_and_shows_that(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(RETIRED)
    file = StackConfigFile.of("dev", tmp_path)
    promotion.edit_variants(file, file.load_settings(), "3", None)
    assert "-  tidewatch:retire: true" in file.diff()
    settings = file.load_settings()
    assert not settings.retire
    assert list(settings.variants) == ["blue"]


class _Registry:
    """A registry with one version, or one that cannot be read."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem

    def read_manifest(self, version: str) -> None:
        if self.problem is not None:
            raise self.problem
        if version != "4":
            raise VersionNotFound(f"flights/{version} is not in the registry: it has 4")


@pytest.fixture
def stack_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("cli.stack_config_file.ROOT", tmp_path)
    monkeypatch.setattr(promotion, "read_stack_outputs", lambda stack: {})  # noqa: ARG005
    monkeypatch.setattr(promotion, "Session", lambda stack: None)  # noqa: ARG005
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(CANARY.replace('    green: {version: "4", weight: 5, instances: 2}\n', ""))
    return path


def _promote(version: str, registry: _Registry, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(promotion, "open_registry", lambda outputs, session: registry)  # noqa: ARG005
    return CliRunner().invoke(app, ["promote", version, "--stack", "dev"])


def test_a_version_that_was_never_published_is_refused_with_those_that_were(
    stack_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stack_file.read_text()
    said = _promote("flights/9", _Registry(), monkeypatch)
    assert isinstance(said.exception, VersionNotFound)
    assert stack_file.read_text() == before
    assert _promote("flights/4", _Registry(), monkeypatch).exit_code == 0
    assert 'version: "4"' in stack_file.read_text()


@pytest.mark.parametrize("problem", [UserError("nobody is logged in"), NoCredentialsError()])
def test_without_a_registry_to_read_the_edit_is_made_and_says_what_was_not_checked(
    stack_file: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    said = _promote("flights/9", _Registry(problem), monkeypatch)
    assert said.exit_code == 0, said.exception
    assert f"whether version 9 was published was not checked: {problem}" in said.stderr
    assert 'version: "9"' in stack_file.read_text()


def test_a_new_weight_asks_the_registry_nothing(stack_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack_file.write_text(CANARY)
    monkeypatch.setattr(promotion, "read_stack_outputs", lambda _: pytest.fail("it was read"))
    said = CliRunner().invoke(app, ["promote", "flights/4", "--stack", "dev", "--weight", "50"])
    assert said.exit_code == 0, said.exception
