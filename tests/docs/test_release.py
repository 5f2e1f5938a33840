"""A release's notes are those of its version, and a tag that the repository contradicts is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/release_notes.py"
CHANGELOG = """# Changelog

## Unreleased

## 1.2.0 - 2027-01-31

### Added
- A thing.

## [1.1.0] - 2026-12-01

### Fixed
- Another.

## 1.0.0 - 2026-11-01
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "rehearsal").mkdir()
    set_versions(tmp_path, "1.2.0", "1.2.0")
    return tmp_path


def set_versions(root: Path, product: str, rehearsal: str) -> None:
    (root / "pyproject.toml").write_text(f'[project]\nversion = "{product}"\n')
    (root / "rehearsal/pyproject.toml").write_text(f'[project]\nversion = "{rehearsal}"\n')


def run(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, tag], cwd=root, capture_output=True, text=True, check=False)


def test_the_notes_are_what_stands_under_the_versions_heading(repository: Path) -> None:
    result = run(repository, "v1.2.0")
    assert (result.returncode, result.stdout) == (0, "### Added\n- A thing.\n")


def test_a_heading_may_link_its_version(repository: Path) -> None:
    set_versions(repository, "1.1.0", "1.1.0")
    assert run(repository, "v1.1.0").stdout == "### Fixed\n- Another.\n"


@pytest.mark.parametrize(
    ("tag", "versions", "sentence"),
    [
        ("v1.3.0", ("1.2.0", "1.2.0"), "pyproject.toml has version 1.2.0, the tag is v1.3.0"),
        ("1.2.0", ("1.2.0", "1.2.0"), "tag the commit as v1.2.0"),
        ("v1.2.0", ("1.2.0", "1.1.0"), "rehearsal/pyproject.toml has version 1.1.0"),
        ("v1.2", ("1.2", "1.2"), "CHANGELOG.md has no heading '## 1.2 - YYYY-MM-DD'"),
        ("v1.0.0", ("1.0.0", "1.0.0"), "CHANGELOG.md says nothing of 1.0.0"),
    ],
)
def test_a_tag_that_the_repository_contradicts_is_refused(
    repository: Path, tag: str, versions: tuple[str, str], sentence: str
) -> None:
    set_versions(repository, *versions)
    result = run(repository, tag)
    assert (result.returncode, result.stdout) == (1, "")
    assert sentence in result.stderr
