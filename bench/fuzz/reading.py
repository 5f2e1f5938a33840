"""Reads what was mutated as the drift job reads it, and says what did not hold.

Everything is read in a child of the process: a record that hangs, or takes all the memory, ends that one alone. The
cost of a record is that of the block it comes in, as the job looks at its clock between blocks: the processor seconds
from the block before to the end of its counting, decompression included, and the memory that was resident at most
beyond what was when the child began. Lines are read by the hundred, as they stand in a file. A file costs no less than
any record in it, so only a file that costs more than the costliest record so far is read again, in halves: the figures
are those of single records, and a million of them need no million processes.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import random
import resource
import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.fuzz.corpus import ANSWERS, REQUESTS, Model, packed, record, rows
from bench.memory import peak_memory_mib
from tidewatch.capture.lines import FREE_EXPANSION, MOST_EXPANSION, blocks
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.record import decode
from tidewatch.capture.rows import values
from tidewatch.drift import reference as references
from tidewatch.drift.counting import LineCounter, StrictLines, counter
from tidewatch.drift.errors import InvalidReference
from tidewatch.drift.strict import layout
from tidewatch.drift.verdict import judge

MOST_SECONDS = 1.0
MOST_MIB = 200.0
AGAIN = 2
"""How often what took too long is measured again, since other processes share the caches: the least time counts."""
_ENDED_AFTER = 120
"""Processor seconds."""
_MEMORY = 6 << 30
"""Bytes of addresses: beyond them is a MemoryError, and no machine without memory."""
_COMPARED = 300
"""Records of files that both readers read, at most."""
SHRINK_TRIES = 100

COSTS = ("too slow", "too large")
"""Kinds of faults that are what a limit forbids."""
RECORDS, STREAMS, REFERENCES = "records", "gzip streams", "references"


@dataclass(frozen=True)
class Read:
    """What reading took, and what became of it. fault: what did not hold, "" where all did."""

    seconds: float = 0.0
    mib: float = 0.0
    read: int = 0
    parsed: int = 0
    fault: str = ""

    @property
    def kind(self) -> str:
        """The fault without what differs from one to the next."""
        return self.fault.split(":")[0]


@dataclass(frozen=True)
class Fault:
    """The smallest thing found that does not hold; `what` is one of RECORDS, STREAMS and REFERENCES."""

    what: str
    kind: str
    told: str
    data: bytes
    model: int


def read_all(model: Model, what: str, examples: Sequence[bytes]) -> Read:
    """Reads examples of one kind in a child; records as one file."""
    if what == REFERENCES:
        return _in_a_child(lambda: _judged(model, examples))
    files = [b"\n".join(examples)] if what == RECORDS else examples
    return _in_a_child(lambda: _counted(model, files))


def read_one(model: Model, what: str, example: bytes) -> Read:
    """Reads one example by itself, again where it took too long."""
    found = read_all(model, what, [example])
    for _ in range(AGAIN):
        if found.fault or (found.seconds <= MOST_SECONDS and found.mib <= MOST_MIB):
            break
        again = read_all(model, what, [example])
        found = replace(again, seconds=min(found.seconds, again.seconds), mib=min(found.mib, again.mib))
    return _held_to_limits(found)


def _held_to_limits(found: Read) -> Read:
    if found.fault:
        return found
    if found.seconds > MOST_SECONDS:
        return replace(found, fault=f"too slow: {found.seconds:.2f} s, at most {MOST_SECONDS} s")
    if found.mib > MOST_MIB:
        return replace(found, fault=f"too large: {found.mib:.0f} MiB, at most {MOST_MIB:.0f} MiB")
    return found


def _in_a_child(work: Callable[[], Read]) -> Read:
    """What `work` returns, with the memory it took, or how its process ended."""
    _give_back_memory()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            _limit_itself()
            before = peak_memory_mib()
            found = _guarded(work)
            told = replace(found, mib=peak_memory_mib() - before)
            with os.fdopen(writing, "w") as out:
                json.dump(asdict(told), out)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status, used = os.wait4(child, 0)
    if text:
        return Read(**json.loads(text))
    return Read(used.ru_utime + used.ru_stime, fault=f"the reader's process ended: {os.waitstatus_to_exitcode(status)}")


def _guarded(work: Callable[[], Read]) -> Read:
    try:
        return work()
    except BaseException as error:
        return Read(fault=_described(error))


def _described(error: BaseException) -> str:
    """The error by the place in tidewatch that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tidewatch" in frame.filename]
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "nowhere in tidewatch"
    return f"{type(error).__name__} in {place}: {str(error)[:200]}"


def _limit_itself() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_ENDED_AFTER, _ENDED_AFTER + 1))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _give_back_memory() -> None:
    """What this process holds and does not use would be used by the child, and not be seen there."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _counted(model: Model, files: Sequence[bytes]) -> Read:
    """The files, read into one counter."""
    counting = counter(model.reference)
    slowest, expected = 0.0, 0
    for data in files:
        slowest = max(slowest, _count(counting, data))
        found = counting.profile().accounting
        least, most = _records(data)
        if not least <= found.read - expected <= most:
            return Read(slowest, fault=f"records lost: read {found.read - expected}, where {least} to {most} are")
        expected = found.read
    profile = counting.profile()
    found = Read(slowest, read=profile.accounting.read, parsed=profile.accounting.parsed)
    if Reason.READER_FAILED in profile.accounting.rejected:
        return replace(found, fault=_failure(model, files))
    features = profile.counts[: len(model.reference.features)]
    answered = sum(int(counts.sum()) for counts in profile.counts[len(features) :])
    whole = all(counts.sum() == profile.rows for counts in features) and answered <= profile.rows
    if not whole or profile.rows < profile.accounting.parsed:
        return replace(found, fault=f"rows lost: {profile.rows} rows of {profile.accounting.parsed} records")
    if found.read <= _COMPARED:
        strict = StrictLines(model.reference)
        for data in files:
            _count(strict, data)
        if strict.profile() != profile:
            return replace(found, fault="the readers part: the strict one counts otherwise")
    return found


def _count(counting: LineCounter, data: bytes) -> float:
    """Counts a file; the processor seconds of its slowest block."""
    slowest, began = 0.0, time.process_time()
    for block in blocks(io.BytesIO(data)):
        counting.count(block, "fuzz")
        now = time.process_time()
        slowest, began = max(slowest, now - began), now
    return max(slowest, time.process_time() - began)


def _records(data: bytes) -> tuple[int, int]:
    """How many records a file holds, at least and at most: what a damaged stream gives is not known."""
    if data[:2] != b"\x1f\x8b":
        count = _lines(data)
        return count, count
    unpacked, whole = bytearray(), True
    try:
        while data and len(unpacked) <= FREE_EXPANSION:
            member = zlib.decompressobj(31)
            unpacked += member.decompress(data, FREE_EXPANSION)
            whole, data = member.eof, member.unused_data.lstrip(b"\0")
    except zlib.error:
        # What came of a damaged member before the damage depends on how much is decompressed at a time.
        return _lines(bytes(unpacked[: unpacked.rfind(b"\n") + 1])) + 1, len(unpacked) + FREE_EXPANSION
    if len(unpacked) >= FREE_EXPANSION:
        return 0, FREE_EXPANSION * MOST_EXPANSION
    if not whole:
        # The line that was begun is one record, and it is lost with what follows.
        count = _lines(bytes(unpacked[: unpacked.rfind(b"\n") + 1])) + 1
        return count, count
    count = _lines(bytes(unpacked))
    return count, count


def _lines(data: bytes) -> int:
    return sum(1 for line in data.split(b"\n") if line.strip(b" \t\r"))


def _failure(model: Model, files: Sequence[bytes]) -> str:
    """What the reader met and nobody foresaw."""
    for data in files:
        for block in blocks(io.BytesIO(data)):
            for _, line, is_open in block.lines():
                try:
                    values(decode(line, is_open=is_open), layout(model.reference))
                except Unreadable:
                    pass
                except Exception as error:
                    return _described(error)
    return "the reader failed: nowhere where it was looked for"


def _judged(model: Model, raws: Sequence[bytes]) -> Read:
    """References, each read as `publish` and the job read it; one that is taken counts lines, and judges them."""
    rng = random.Random(1)
    line = packed(record(REQUESTS[0](model, rows(model, 20, rng)), ANSWERS[0](20))) + b"\n"
    slowest, taken = 0.0, 0
    for raw in raws:
        began = time.process_time()
        try:
            found = references.decode(raw, "the reference")
        except InvalidReference:
            found = None
        if found is not None:
            counting = counter(found)
            _count(counting, line * 20)
            judge(found, counting.profile())
            taken += 1
        slowest = max(slowest, time.process_time() - began)
    return Read(slowest, read=len(raws), parsed=taken)


def smaller(model: Model, what: str, data: bytes, kind: str) -> bytes:
    """The data without what the fault does not need, as far as SHRINK_TRIES go."""
    tries, step = 0, len(data) // 2
    while step and tries < SHRINK_TRIES:
        at = 0
        while at < len(data) and tries < SHRINK_TRIES:
            shorter = data[:at] + data[at + step :]
            tries += 1
            if shorter and read_one(model, what, shorter).kind == kind:
                data = shorter
            else:
                at += step
        step //= 2
    return data
