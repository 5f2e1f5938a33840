"""Reads mutated input as the drift job does, and reports the requirements that did not hold.

A child process reads everything, so a record that hangs or takes all the memory ends only that child. The cost of a
record is the cost of its block, because the job checks its clock between blocks: the processor seconds from the
previous block to the end of its counting, with decompression, and the peak resident memory above that at the child's
start. Lines are read by the hundred, as they are in a file. A file costs no less than any of its records, so only a
file that costs more than the costliest record so far is read again, in halves. The figures are thus those of single
records, and a million records do not need a million processes.
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

from bench.fuzz.corpus import ANSWERS, REQUESTS, FuzzModel, build_record, draw_rows, encode_line
from bench.memory import peak_memory_mib
from tidewatch.capture.line_reader import FREE_EXPANSION, MAX_EXPANSION, read_blocks
from tidewatch.capture.record import decode_record
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.rows import extract_rows
from tidewatch.drift import reference as references
from tidewatch.drift.counting.line_counter import LineCounter, StrictLineCounter, create_counter
from tidewatch.drift.counting.record_counter import build_schema
from tidewatch.drift.errors import InvalidReference
from tidewatch.drift.statistics import judge_profile

MAX_SECONDS = 1.0
MAX_MIB = 200.0
REPEATS = 2
"""How often a slow read is measured again, since other processes share the caches; the least time counts."""
_CPU_LIMIT_SECONDS = 120
"""Processor seconds."""
_ADDRESS_SPACE_BYTES = 6 << 30
"""Bytes of address space: beyond them the child gets a MemoryError, and the machine keeps its memory."""
_MAX_COMPARED_RECORDS = 300
"""The most records of a file that both readers read."""
SHRINK_TRIES = 100

COST_FAULTS = ("too slow", "too large")
"""The kinds of faults that exceed a limit."""
RECORDS, STREAMS, REFERENCES = "records", "gzip streams", "references"


@dataclass(frozen=True)
class ReadResult:
    """The costs and the result of reading."""

    seconds: float = 0.0
    mib: float = 0.0
    read: int = 0
    parsed: int = 0
    fault: str = ""
    """The requirement that did not hold, or ""."""

    @property
    def kind(self) -> str:
        """The fault without the details that differ between faults of one kind."""
        return self.fault.split(":")[0]


@dataclass(frozen=True)
class FuzzFault:
    """The smallest input found that breaks a requirement."""

    input_kind: str
    """RECORDS, STREAMS or REFERENCES."""
    kind: str
    """The kind of the fault."""
    description: str
    data: bytes
    model: int
    """The index of the model."""


def read_all(model: FuzzModel, input_kind: str, examples: Sequence[bytes]) -> ReadResult:
    """Reads examples of one kind in a child; records as one file."""
    if input_kind == REFERENCES:
        return _run_in_child(lambda: _judge_references(model, examples))
    files = [b"\n".join(examples)] if input_kind == RECORDS else examples
    return _run_in_child(lambda: _count_files(model, files))


def read_one(model: FuzzModel, input_kind: str, example: bytes) -> ReadResult:
    """Reads one example by itself, and again if it took too long."""
    result = read_all(model, input_kind, [example])
    for _ in range(REPEATS):
        if result.fault or (result.seconds <= MAX_SECONDS and result.mib <= MAX_MIB):
            break
        second = read_all(model, input_kind, [example])
        result = replace(second, seconds=min(result.seconds, second.seconds), mib=min(result.mib, second.mib))
    return _apply_limits(result)


def _apply_limits(result: ReadResult) -> ReadResult:
    if result.fault:
        return result
    if result.seconds > MAX_SECONDS:
        return replace(result, fault=f"too slow: {result.seconds:.2f} s, at most {MAX_SECONDS} s")
    if result.mib > MAX_MIB:
        return replace(result, fault=f"too large: {result.mib:.0f} MiB, at most {MAX_MIB:.0f} MiB")
    return result


def _run_in_child(work: Callable[[], ReadResult]) -> ReadResult:
    """Returns the result of `work` with the memory that it took, or how its process ended."""
    _trim_memory()
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_fd)
            _limit_resources()
            before = peak_memory_mib()
            result = _run_guarded(work)
            measured_result = replace(result, mib=peak_memory_mib() - before)
            with os.fdopen(write_fd, "w") as out:
                json.dump(asdict(measured_result), out)
            status = 0
        finally:
            os._exit(status)
    os.close(write_fd)
    with os.fdopen(read_fd) as answer:
        text = answer.read()
    _, status, used = os.wait4(child, 0)
    if text:
        return ReadResult(**json.loads(text))
    return ReadResult(
        used.ru_utime + used.ru_stime, fault=f"the reader's process ended: {os.waitstatus_to_exitcode(status)}"
    )


def _run_guarded(work: Callable[[], ReadResult]) -> ReadResult:
    try:
        return work()
    except BaseException as error:
        return ReadResult(fault=_describe_error(error))


def _describe_error(error: BaseException) -> str:
    """Returns the error with the place in tidewatch that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tidewatch" in frame.filename]
    location = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "nowhere in tidewatch"
    return f"{type(error).__name__} in {location}: {str(error)[:200]}"


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_LIMIT_SECONDS, _CPU_LIMIT_SECONDS + 1))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))


def _trim_memory() -> None:
    """Frees unused memory: the child would use it, and the measurement would miss it."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _count_files(model: FuzzModel, files: Sequence[bytes]) -> ReadResult:
    """Reads the files into one counter."""
    line_counter = create_counter(model.reference)
    slowest, expected = 0.0, 0
    for data in files:
        slowest = max(slowest, _count_file(line_counter, data))
        found = line_counter.profile().accounting
        least, most = _bound_record_count(data)
        if not least <= found.read - expected <= most:
            return ReadResult(slowest, fault=f"records lost: read {found.read - expected}, where {least} to {most} are")
        expected = found.read
    profile = line_counter.profile()
    found = ReadResult(slowest, read=profile.accounting.read, parsed=profile.accounting.parsed)
    if RejectReason.INTERNAL_ERROR in profile.accounting.rejected:
        return replace(found, fault=_find_failure(model, files))
    features = profile.counts[: len(model.reference.features)]
    answered = sum(int(counts.sum()) for counts in profile.counts[len(features) :])
    is_complete = all(counts.sum() == profile.rows for counts in features) and answered <= profile.rows
    if not is_complete or profile.rows < profile.accounting.parsed:
        return replace(found, fault=f"rows lost: {profile.rows} rows of {profile.accounting.parsed} records")
    if found.read <= _MAX_COMPARED_RECORDS:
        strict = StrictLineCounter(model.reference)
        for data in files:
            _count_file(strict, data)
        if strict.profile() != profile:
            return replace(found, fault="the readers part: the strict one counts otherwise")
    return found


def _count_file(line_counter: LineCounter, data: bytes) -> float:
    """Counts a file; returns the processor seconds of its slowest block."""
    slowest, began = 0.0, time.process_time()
    for block in read_blocks(io.BytesIO(data)):
        line_counter.count(block, "fuzz")
        now = time.process_time()
        slowest, began = max(slowest, now - began), now
    return max(slowest, time.process_time() - began)


def _bound_record_count(data: bytes) -> tuple[int, int]:
    """Returns the least and the most records that a file may hold: what a damaged stream gives is not known."""
    if data[:2] != b"\x1f\x8b":
        count = _count_lines(data)
        return count, count
    unpacked, is_complete = bytearray(), True
    try:
        while data and len(unpacked) <= FREE_EXPANSION:
            member = zlib.decompressobj(31)
            unpacked += member.decompress(data, FREE_EXPANSION)
            is_complete, data = member.eof, member.unused_data.lstrip(b"\0")
    except zlib.error:
        # How much of a damaged member is read before the damage depends on how much is decompressed at a time.
        return _count_lines(bytes(unpacked[: unpacked.rfind(b"\n") + 1])) + 1, len(unpacked) + FREE_EXPANSION
    if len(unpacked) >= FREE_EXPANSION:
        return 0, FREE_EXPANSION * MAX_EXPANSION
    if not is_complete:
        # The incomplete line is one record, and it is lost with what follows.
        count = _count_lines(bytes(unpacked[: unpacked.rfind(b"\n") + 1])) + 1
        return count, count
    count = _count_lines(bytes(unpacked))
    return count, count


def _count_lines(data: bytes) -> int:
    return sum(1 for line in data.split(b"\n") if line.strip(b" \t\r"))


def _find_failure(model: FuzzModel, files: Sequence[bytes]) -> str:
    """Returns the first unexpected error of the reader."""
    for data in files:
        for block in read_blocks(io.BytesIO(data)):
            for _, line, is_open in block.iter_lines():
                try:
                    extract_rows(decode_record(line, is_open=is_open), build_schema(model.reference))
                except RecordRejected:
                    pass
                except Exception as error:
                    return _describe_error(error)
    return "the reader failed: nowhere where it was looked for"


def _judge_references(model: FuzzModel, raws: Sequence[bytes]) -> ReadResult:
    """Reads references as `publish` and the job do; one that is accepted counts lines and judges them."""
    rng = random.Random(1)
    line = encode_line(build_record(REQUESTS[0](model, draw_rows(model, 20, rng)), ANSWERS[0](20))) + b"\n"
    slowest, accepted_count = 0.0, 0
    for raw in raws:
        began = time.process_time()
        try:
            reference = references.decode_reference(raw, "the reference")
        except InvalidReference:
            reference = None
        if reference is not None:
            counting = create_counter(reference)
            _count_file(counting, line * 20)
            judge_profile(reference, counting.profile())
            accepted_count += 1
        slowest = max(slowest, time.process_time() - began)
    return ReadResult(slowest, read=len(raws), parsed=accepted_count)


def shrink(model: FuzzModel, input_kind: str, data: bytes, kind: str) -> bytes:
    """Returns the data reduced to what the fault needs, within SHRINK_TRIES tries."""
    tries, step = 0, len(data) // 2
    while step and tries < SHRINK_TRIES:
        offset = 0
        while offset < len(data) and tries < SHRINK_TRIES:
            shorter = data[:offset] + data[offset + step :]
            tries += 1
            if shorter and read_one(model, input_kind, shorter).kind == kind:
                data = shorter
            else:
                offset += step
        step //= 2
    return data
