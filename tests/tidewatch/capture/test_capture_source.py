from __future__ import annotations

import gzip
from pathlib import Path

import boto3
import pytest

from rehearsal.aws import simulate_aws
from tests.tidewatch.capture.captured_lines import line
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.source import SourceMissing, list_capture_files, open_file, open_object


def test_a_folder_gives_its_capture_files_in_order(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a/1.jsonl.gz", "a/notes.txt", "c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = list_capture_files([tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a/1.jsonl.gz", "b/2.jsonl", "c.jsonl"]


def test_a_file_is_given_whatever_its_name_and_once(tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_bytes(b"")
    (tmp_path / "a.jsonl").write_bytes(b"")
    found = list_capture_files([tmp_path / "odd.txt", tmp_path / "a.jsonl", tmp_path])
    assert [path.name for path in found] == ["odd.txt", "a.jsonl"]


def test_a_path_without_anything_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="neither a file nor a folder"):
        list_capture_files([tmp_path / "absent.jsonl"])
    with pytest.raises(SourceMissing, match="name the files themselves"):
        list_capture_files([tmp_path])


def test_a_file_is_read_in_blocks(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"one\ntwo\n")
    with open_file(tmp_path / "a.jsonl") as stream:
        assert [each for block in read_blocks(stream) for _, each, _ in block.iter_lines()] == [b"one", b"two"]


def test_an_object_is_read_as_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    data = b"".join(line(f"{n},2,AA") + b"\n" for n in range(500))
    with simulate_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="capture")
        for key, body in (("plain", data), ("packed", gzip.compress(data)), ("empty", b"")):
            s3.put_object(Bucket="capture", Key=key, Body=body)
        read = {
            key: b"".join(block.data for block in read_blocks(open_object(s3, "capture", key), 1000))
            for key in ("plain", "packed", "empty")
        }
    assert read == {"plain": data, "packed": data, "empty": b""}
