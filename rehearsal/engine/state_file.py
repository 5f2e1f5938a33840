"""The state on disk: a file with what is deployed, and beside it a journal of what the run under way did since.

A step costs one appended line; the file is written anew when a run ends. A run that was killed leaves its journal,
and the next one reads file and journal together. Both are readable by their owner only, since secrets are marked in
them, not encrypted: there is no passphrase in a rehearsal.
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
    """Where one stack's state lies."""

    def __init__(self, file: Path) -> None:
        self.file, self.journal_path = file, file.with_name(f"{file.name}.journal")
        self._out: IO[str] | None = None

    def load(self) -> dict[str, Any]:
        """The state as the last finished run left it."""
        if not self.file.exists():
            return {"version": VERSION, "resources": [], "pending": [], "outputs": {}}
        saved = json.loads(self.file.read_text())
        if saved["version"] != VERSION:
            raise EngineError(
                f"{self.file} has version {saved['version']}, this engine reads {VERSION}: remove the file"
            )
        return saved

    def read_entries(self) -> Iterator[dict[str, Any]]:
        """What a run that did not finish wrote since; a last line that was cut off never happened."""
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
        """Writes the file anew in one move, then forgets the journal, which replays to the same if it stays."""
        partial = self.file.with_name(f"{self.file.name}.partial")
        with _open_private(partial, "w") as out:
            # In one piece: json.dump goes through Python for every value, and took a seventh of a deployment.
            out.write(msgspec.json.format(json.dumps({"version": VERSION, **content}), indent=1))
        partial.replace(self.file)
        if self._out is not None:
            self._out.close()
            self._out = None
        self.journal_path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_state(file: Path) -> Iterator[None]:
    """One run at a time on a state file. The kernel lets go of the lock when a process dies, so none is ever stuck."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with _open_private(file.with_name(f"{file.name}.lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(f"the stack in {file} is being updated by another run: wait until it ends") from None
        yield


def _open_private(path: Path, mode: str) -> IO[str]:
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))
