"""The project that the command line works in: the checkout that it was installed from."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "tidewatch"
