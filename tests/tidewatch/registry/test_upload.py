from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tidewatch.registry.upload import MAX_PARTS, MIB, MIN_PART_SIZE, FileSlice, compute_part_size

FIVE_TIB = 5 << 40


@given(st.integers(1, FIVE_TIB))
def test_any_object_s3_takes_has_at_most_ten_thousand_parts_of_a_size_s3_takes(size: int) -> None:
    step = compute_part_size(size)
    assert -(-size // step) <= MAX_PARTS
    assert 5 * MIB <= step <= 5 << 30
    assert step % MIB == 0


@given(st.integers(1, FIVE_TIB), st.integers(0, FIVE_TIB))
def test_a_larger_object_never_has_smaller_parts(size: int, more: int) -> None:
    assert MIN_PART_SIZE <= compute_part_size(size) <= compute_part_size(size + more)


@given(st.binary(max_size=200), st.lists(st.integers(1, 80), min_size=1, max_size=10))
def test_the_slices_of_a_file_are_the_file(content: bytes, steps: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        read, offset = [], 0
        for step in steps:
            with FileSlice(path, offset, min(step, len(content) - offset)) as part:
                read.append(part.read())
            offset = min(offset + step, len(content))
        assert b"".join(read) == content[:offset]


moves = st.lists(
    st.tuples(st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]), st.integers(-60, 60), st.integers(-1, 40)),
    max_size=8,
)


@given(st.binary(min_size=1, max_size=60), moves)
def test_a_slice_reads_like_bytes_wherever_a_retry_rewinds_it(
    content: bytes, moves: list[tuple[int, int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(b"before" + content + b"after")
        like = io.BytesIO(content)
        with FileSlice(path, 6, len(content)) as part:
            for whence, offset, size in moves:
                base = {io.SEEK_SET: 0, io.SEEK_CUR: like.tell(), io.SEEK_END: len(content)}[whence]
                like.seek(max(0, min(base + offset, len(content))))
                assert part.seek(offset, whence) == like.tell()
                assert part.read(size) == like.read(size)
                assert part.tell() == like.tell()


def test_a_slice_can_be_hashed_as_botocore_does(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 5_000_000)
    with FileSlice(path, 1, 3_000_000) as part:
        digest = hashlib.sha256()
        for block in iter(lambda: part.read(1 << 20), b""):
            digest.update(block)
    assert digest.digest() == hashlib.sha256(b"x" * 3_000_000).digest()
