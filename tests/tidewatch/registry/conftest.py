from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from rehearsal.aws import simulate_aws
from tidewatch import clock
from tidewatch.registry import FeatureSpec, Lineage, ModelDescription, ModelRegistry, TrainingData

BUCKET = "registry"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton@sha256:" + "ab" * 32


class StandingClock:
    """Waits by noting that it was asked to."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def standing_clock() -> Iterator[StandingClock]:
    before, standing = clock.get_clock(), StandingClock()
    clock.install(standing)
    yield standing
    clock.install(before)


@pytest.fixture(scope="session")
def aws() -> boto3.Session:
    """One session for all tests: it reads S3's service model once."""
    return boto3.Session("test", "test", region_name="us-east-1")


@pytest.fixture
def s3(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch, standing_clock: StandingClock) -> Iterator[S3Client]:  # noqa: ARG001
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with simulate_aws():
        client = aws.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def registry(s3: S3Client) -> ModelRegistry:
    return ModelRegistry(s3, BUCKET, "flights")


@pytest.fixture
def description() -> ModelDescription:
    return ModelDescription(
        framework="lightgbm",
        owner="ml-platform@example.com",
        image=IMAGE,
        metrics={"auc": 0.66},
        lineage=Lineage(
            commit="0123abc",
            data=TrainingData(reference="s3://lake/flights", digest="sha256:" + "cd" * 32),
            preprocessing="none",
            features=(FeatureSpec(name="hour", kind="numeric", definition="scheduled hour"),),
            hyperparameters={"num_leaves": 31},
            seeds={"lightgbm": 1},
            environment={"python": "3.11"},
            training_run="run-1",
        ),
    )


Pack = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Writes a model.tar.gz; by default one that Triton can load."""

    def write(files: dict[str, bytes] | None = None, *, name: str = "model.tar.gz", model: bytes = b"tree") -> Path:
        path = tmp_path / name
        files = {"flights/config.pbtxt": b'name: "flights"', "flights/1/model.txt": model} if files is None else files
        with tarfile.open(path, "w:gz") as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(file)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    return write
