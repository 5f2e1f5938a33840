"""Prints the notes of the version that a tag names, out of CHANGELOG.md. Refuses a tag that the repository contradicts.

python3 .ci/release_notes.py v1.2.0
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECTS = ("pyproject.toml", "rehearsal/pyproject.toml")


class ReleaseRefused(ValueError):
    """The tag, the versions and the changelog disagree; the text says where."""


def read_notes(tag: str, root: Path) -> str:
    """The text under the version's heading in the changelog. Raises ReleaseRefused."""
    version = tag.removeprefix("v")
    for project in PROJECTS:
        declared = tomllib.loads((root / project).read_text(encoding="utf-8"))["project"]["version"]
        if tag != f"v{declared}":
            raise ReleaseRefused(f"{project} has version {declared}, the tag is {tag}: tag the commit as v{declared}")
    heading = re.compile(rf"^## \[?{re.escape(version)}\]? - \d{{4}}-\d\d-\d\d$", re.MULTILINE)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not (found := heading.search(changelog)):
        raise ReleaseRefused(
            f"CHANGELOG.md has no heading '## {version} - YYYY-MM-DD': add it above the version's notes"
        )
    notes = re.split(r"^## ", changelog[found.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not notes:
        raise ReleaseRefused(f"CHANGELOG.md says nothing of {version}: move its notes below its heading")
    return notes + "\n"


if __name__ == "__main__":
    try:
        print(read_notes(sys.argv[1], Path.cwd()), end="")
    except ReleaseRefused as refused:
        sys.exit(f"{refused}.")
