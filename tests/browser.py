"""A page as a browser shows it, where this machine has one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def browser() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"the report is opened in a browser only where one of {', '.join(NAMES)} is on PATH")
    return found


def open_page(browser: str, path: Path, width: int, height: int) -> tuple[str, list[str], Path]:
    """The page's elements after it was shown, what it said on the console, and its picture; no name can be resolved."""
    picture = path.with_name(f"{width}.png")
    run = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--hide-scrollbars", "--enable-logging=stderr", "--disable-background-networking"),
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={path.parent / 'profile'}",
            f"--window-size={width},{height}",
            f"--screenshot={picture}",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line], picture
