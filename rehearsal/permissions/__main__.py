"""`python -m rehearsal.permissions`: records and writes the permissions of every role, for people and for commands."""

from __future__ import annotations

import json
from pathlib import Path

from rehearsal.permissions.markdown_page import render_page
from rehearsal.permissions.role_grants import build_document, record_grants
from tidewatch.permissions import RECORDED_POLICIES_FILE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"


def main() -> None:
    """Runs a stack's whole lifecycle and records it; takes about a minute."""
    grants = record_grants()
    RECORDED_POLICIES_FILE.write_text(json.dumps(build_document(grants), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render_page(grants), encoding="utf-8")


if __name__ == "__main__":
    main()
