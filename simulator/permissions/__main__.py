"""`python -m simulator.permissions` records what every role needs, and writes it down: for people, for the command."""

from __future__ import annotations

import json
from pathlib import Path

from simulator.permissions.pages import page
from simulator.permissions.roles import document, recorded
from tidewatch.permissions import RECORDED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"


def main() -> None:
    """Takes about a minute: a stack lives its whole life meanwhile."""
    found = recorded()
    RECORDED.write_text(json.dumps(document(found), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
