"""`python -m rehearsal.permissions` records what every role needs, and writes it down: for people, for the command."""

from __future__ import annotations

import json
from pathlib import Path

from rehearsal.permissions.markdown_page import render_page
from rehearsal.permissions.role_grants import build_document, record_grants
from tidewatch.permissions import RECORDED_POLICIES_FILE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"


def main() -> None:
    """Takes about a minute: a stack lives its whole life meanwhile."""
    grants = record_grants()
    RECORDED_POLICIES_FILE.write_text(json.dumps(build_document(grants), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render_page(grants), encoding="utf-8")


if __name__ == "__main__":
    main()
