"""The state on disk: a file with the deployed resources, and a journal with the changes of the current run.

A step costs one appended line; the end of a run rewrites the file. A killed run leaves its journal, and the next one
reads both. Only the owner can read them, since secrets are marked in them and not encrypted: a rehearsal has no
passphrase.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from rehearsal.engine.results import EngineError

VERSION = 2


class StateFile:
    """The state file of one stack."""

    def __init__(self, file: Path) -> None:
        self.file, self.journal_path = file, file.with_name(f"{file.name}.journal")
        self._out: IO[str] | None = None

    def load(self) -> dict[str, Any]:
        """The state after the last finished run."""
        if not self.file.exists():
            return {"version": VERSION, "resources": [], "pending": [], "outputs": {}}
        saved = json.loads(self.file.read_text())
        if saved["version"] != VERSION:
            raise EngineError(
                f"{self.file} has version {saved['version']}, this engine reads {VERSION}: remove the file"
            )
        return saved

    def read_entries(self) -> Iterator[dict[str, Any]]:
        """The journal of a run that did not finish; an incomplete last line is ignored."""
        if not self.journal_path.exists():
            return
        for line in self.journal_path.read_text().splitlines(keepends=True):
            if not line.endswith("\n"):
                return
            yield json.loads(line)

    def append(self, entry: dict[str, Any]) -> None:
        if self._out is None:
            self._out = _open_private(self.journal_path, "w")
        self._out.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._out.flush()

    def compact(self, content: dict[str, Any]) -> None:
        """Rewrites the file atomically, then removes the journal, whose replay would give the same state."""
        partial = self.file.with_name(f"{self.file.name}.partial")
        with _open_private(partial, "w") as out:
            # In one piece: json.dump calls Python code for every value, which took a seventh of a deployment.
            out.write(msgspec.json.format(json.dumps({"version": VERSION, **content}), indent=1))
        partial.replace(self.file)
        if self._out is not None:
            self._out.close()
            self._out = None
        self.journal_path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_state(file: Path) -> Iterator[None]:
    """Allows one run at a time on a state file.

    The kernel releases the lock when its process dies, so that no lock stays behind.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _open_private(file.with_name(f"{file.name}.lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(f"the stack in {file} is being updated by another run: wait until it ends") from None
        yield


def _open_private(path: Path, mode: str) -> IO[str]:
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))
