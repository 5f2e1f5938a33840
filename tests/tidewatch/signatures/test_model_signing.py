"""The tool of OpenSSF Model Signing itself accepts what is signed here, and finds what changed since.

It is installed in an environment of its own, from the package index: it brings 35 packages that nothing else needs.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tidewatch.signatures.signing_key import SigningKey

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ("model-signing==1.1.1", "pyopenssl")
FILES = ("card.md", "manifest.json", "model.tar.gz", "reference.json")


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    uv = shutil.which("uv", path=str(ROOT / ".venv-uv" / "bin")) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv, which installs model-signing, is not on PATH")
    folder = tmp_path_factory.mktemp("model-signing")
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", str(folder), "--clear"],
        [uv, "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"model-signing cannot be installed here: {done.stderr[-500:]}")
    return folder / "bin" / "model_signing"


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """The files of a version with their signature, as in the registry."""
    folder, key = tmp_path / "4", SigningKey()
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(name.encode() * 1000)
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    (folder / "model.sig").write_bytes(key.sign("flights/4", digests))
    (tmp_path / "signing.pem").write_text(key.pem)
    return folder


def verify(tool: Path, version: Path) -> tuple[int, str]:
    command = [tool, "verify", "key", version, "--signature", version / "model.sig", "--public_key"]
    done = subprocess.run(
        [str(word) for word in (*command, version.parent / "signing.pem")], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_tool_accepts_a_signed_version(tool: Path, version: Path) -> None:
    code, text = verify(tool, version)
    assert code == 0, text


@pytest.mark.parametrize("file", FILES)
def test_the_tool_finds_a_file_that_was_changed(tool: Path, version: Path, file: str) -> None:
    (version / file).write_bytes(b"other")
    code, text = verify(tool, version)
    assert code != 0
    assert file in text


def test_the_tool_finds_a_file_that_was_added_or_removed(tool: Path, version: Path) -> None:
    (version / "run.sh").write_bytes(b"echo")
    (version / "card.md").unlink()
    code, text = verify(tool, version)
    assert code != 0
    assert "run.sh" in text
    assert "card.md" in text


def test_the_tool_refuses_another_key(tool: Path, version: Path) -> None:
    (version.parent / "signing.pem").write_text(SigningKey().pem)
    assert verify(tool, version)[0] != 0
