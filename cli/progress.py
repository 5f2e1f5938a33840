"""The progress bar of commands that may take long."""

from __future__ import annotations

import time

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from cli.console import Console

SHOW_AFTER = 2.0
"""Seconds before a progress bar appears; a shorter command needs none."""


class ProgressBar:
    """A progress bar on stderr, if that is a terminal, once a command has taken longer than two seconds.

    It is called with the stage, the bytes done and the total bytes.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = time.monotonic()
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._progress is None:
            if not self._console.is_terminal or time.monotonic() - self._started < SHOW_AFTER:
                return
            self._progress = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                console=self._console,
            )  # fmt: skip
            self._progress.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(f"{stage} {self._name}", total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
