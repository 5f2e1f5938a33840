"""`tidewatch publish` signs, `tidewatch verify` finds what changed since, `tidewatch public-key` prints the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from typer.testing import CliRunner

import cli.commands.registry
import cli.commands.signatures
from cli.commands.registry import publish
from cli.commands.signatures import public_key, verify
from cli.errors import UserError
from rehearsal.aws import simulate_aws
from stacks.config.settings import load
from tests.cli.test_registry import AWS, BUCKET, Simulated, artifact, lineage
from tests.stacks.test_stack_settings import CONFIG
from tests.tidewatch.hostile_text import ATTACKS
from tests.tidewatch.signatures.signing_key import SigningKey
from tidewatch.registry import VersionNotFound
from tidewatch.signatures import SigningFailed
from tidewatch.text import is_invisible

__all__ = ["artifact", "lineage"]

PREFIX = "models/flights"


class StackFile:
    """The config of a stack, with these pinned keys."""

    pinned: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: str) -> StackFile:
        assert stack == "dev"
        return cls()

    def load_settings(self) -> Any:
        return load({**CONFIG, "tidewatch:governance": {"signatures": {"publicKeys": list(self.pinned)}}})


@pytest.fixture(autouse=True)
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The outputs of a stack that signs, in an account of its own."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(StackFile, "pinned", ())
    monkeypatch.setattr(cli.commands.signatures, "StackConfigFile", StackFile)
    with simulate_aws():
        AWS.client("s3").create_bucket(Bucket=BUCKET)
        key = AWS.client("kms", region_name="eu-west-1").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        found = {"model": "flights", "registry": {"bucket": BUCKET, "signingKey": key["KeyMetadata"]["Arn"]}}
        for module in (cli.commands.registry, cli.commands.signatures):
            monkeypatch.setattr(module, "read_stack_outputs", lambda _: found)
            monkeypatch.setattr(module, "Session", Simulated)
        yield found


def run(*words: object) -> Any:
    app = typer.Typer()
    for command in (publish, verify, public_key):
        app.command()(command)
    return CliRunner().invoke(app, [*map(str, words), "--stack", "dev"])


def run_publish(artifact: Path, lineage: Path, version: str = "4") -> Any:
    return run("publish", artifact, "--version", version, "--lineage", lineage)


def forbid_kms(outputs: dict[str, Any]) -> None:
    """Names a key that does not exist: whatever asks KMS fails."""
    outputs["registry"]["signingKey"] = "arn:aws:kms:us-east-1:123456789012:key/none"


def test_what_was_published_is_what_was_signed(artifact: Path, lineage: Path) -> None:
    published = run_publish(artifact, lineage)
    assert published.exit_code == 0, published.output
    (signed,) = [line for line in published.stdout.splitlines() if line.startswith("  signed  ")]
    label = signed.rpartition(" ")[2]
    verified = run("verify", "flights/4")
    assert verified.exit_code == 0, verified.output
    assert verified.stdout == f"flights/4 is what was signed by the key {label}\n  manifest.json\n  model.tar.gz\n"


def test_a_stack_without_a_key_publishes_without_a_signature(
    artifact: Path, lineage: Path, outputs: dict[str, Any]
) -> None:
    outputs["registry"]["signingKey"] = None
    assert "signed" not in run_publish(artifact, lineage).stdout
    refused = run("verify", "flights/4")
    assert isinstance(refused.exception, UserError)
    assert str(refused.exception) == (
        "the stack dev has no signing key: set tidewatch:registry.signing to true and run `pulumi up`, pin keys in "
        "tidewatch:governance.signatures, or give one with --public-key FILE"
    )
    assert "set tidewatch:registry.signing to true" in str(run("public-key").exception)


def test_every_fault_is_one_line_and_the_exit_code_is_1(artifact: Path, lineage: Path) -> None:
    run_publish(artifact, lineage)
    s3 = AWS.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/4/model.tar.gz", Body=b"other")
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/4/run.sh", Body=b"echo")
    result = run("verify", "flights/4")
    assert result.exit_code == 1
    changed, added, advice = result.stdout.splitlines()
    assert changed.startswith("flights/4: model.tar.gz was changed: its sha256 is ")
    assert added == "flights/4: run.sh was added: it is not signed"
    assert advice == "flights/4 has no valid signature: find out who wrote what it holds before you deploy it"


# A key in S3 is UTF-8, which holds no half of a surrogate pair.
@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.encode(errors="ignore").decode() == attack])
def test_the_name_of_a_file_does_nothing_to_a_terminal(artifact: Path, lineage: Path, attack: str) -> None:
    run_publish(artifact, lineage)
    AWS.client("s3").put_object(Bucket=BUCKET, Key=f"{PREFIX}/4/{attack}x", Body=b"echo")
    result = run("verify", "flights/4")
    assert result.exit_code == 1
    assert not [character for character in result.stdout if is_invisible(character) and character != "\n"]
    assert len(result.stdout.splitlines()) == 2


def test_with_a_public_key_no_kms_is_asked(
    artifact: Path, lineage: Path, outputs: dict[str, Any], tmp_path: Path
) -> None:
    run_publish(artifact, lineage)
    key, other = tmp_path / "key.pem", tmp_path / "other.pem"
    key.write_text(run("public-key").stdout)
    other.write_text(SigningKey().pem)
    forbid_kms(outputs)
    assert run("verify", "flights/4", "--public-key", other, "--public-key", key).exit_code == 0
    refused = run("verify", "flights/4", "--public-key", other)
    assert refused.exit_code == 1
    assert "which is none of the trusted keys" in refused.stdout


def test_the_keys_that_the_config_pins_are_trusted_as_they_count(
    artifact: Path, lineage: Path, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_publish(artifact, lineage)
    pem = run("public-key").stdout
    forbid_kms(outputs)
    monkeypatch.setattr(StackFile, "pinned", ({"pem": pem, "from": "2031-01-01"},))
    assert run("verify", "flights/4").exit_code == 0
    monkeypatch.setattr(StackFile, "pinned", ({"pem": pem, "until": "2031-01-01"},))
    refused = run("verify", "flights/4")
    assert refused.exit_code == 1
    assert (
        "counts only until 2031-01-01 00:00 UTC, and the version was created at 2031-05-04 03:02 UTC" in refused.stdout
    )


def test_mistakes_are_sentences(artifact: Path, lineage: Path, outputs: dict[str, Any], tmp_path: Path) -> None:
    run_publish(artifact, lineage)
    assert isinstance(run("verify", "flights/9").exception, VersionNotFound)
    assert str(run("verify", "trains/4").exception) == (
        "the registry of the stack dev holds the model flights, not trains"
    )
    assert run("verify", "flights").exit_code == 2
    missing = run("verify", "flights/4", "--public-key", tmp_path / "none.pem")
    assert str(missing.exception).startswith(f"cannot read the public key {tmp_path}/none.pem: ")
    (tmp_path / "text.pem").write_text("text")
    wrong = run("verify", "flights/4", "--public-key", tmp_path / "text.pem")
    assert f"{tmp_path}/text.pem: this is not a public key in PEM" in str(wrong.exception)
    forbid_kms(outputs)
    assert isinstance(run("verify", "flights/4").exception, SigningFailed)
    assert isinstance(run_publish(artifact, lineage, "5").exception, SigningFailed)
    assert not boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/5/")[
        "KeyCount"
    ]
