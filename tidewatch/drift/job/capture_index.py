"""Lists what the endpoint captured by hour: the files, and the model version that answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tidewatch.aws.errors import get_error_code, summarize_error
from tidewatch.capture.capture_keys import CaptureKey, parse_key
from tidewatch.drift.storage_layout import DEPLOYMENTS_PREFIX
from tidewatch.text import sanitize

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class CapturedHour:
    """The capture files of one variant's hour under one configuration."""

    hour: datetime
    variant: str
    configuration: str
    version: str
    """The model version that the variant held."""
    fingerprint: str
    """A hash that changes when a file is added, removed or changed."""
    keys: tuple[str, ...]

    @property
    def description(self) -> str:
        """Names the hour, for people."""
        return f"{self.hour:%Y-%m-%d %H:%M} UTC of {self.variant}, version {self.version}"


@dataclass(frozen=True)
class CaptureListing:
    """The result of a listing."""

    hours: tuple[CapturedHour, ...]
    """Oldest first."""
    unknown_versions: tuple[str, ...]
    """A sentence for each configuration whose records belong to no known version, so that none is lost silently."""
    failures: tuple[str, ...]
    """A sentence for each folder that could not be listed."""


class _Variant(msgspec.Struct, frozen=True):
    version: str


class _Deployment(msgspec.Struct, frozen=True):
    variants: dict[str, _Variant]


@dataclass(frozen=True)
class CaptureFolder:
    """The capture files of one endpoint under `prefix` of `bucket`."""

    s3: S3Client
    bucket: str
    prefix: str
    endpoint: str
    monitoring_bucket: str
    """The bucket with the versions of each configuration."""

    def list_hours(self, first: datetime, last: datetime) -> CaptureListing:
        """Lists what was captured in the hours that begin from `first` to `last`, inclusive.

        If S3 fails to list a folder, the others are still listed.
        """
        found: list[CapturedHour] = []
        unknown: set[str] = set()
        failed: list[str] = []
        for folder in self._list_folders(f"{self.prefix}/", failed):
            for variant in self._list_folders(f"{folder}{self.endpoint}/", failed):
                files = self._list_files(variant, first, last, failed)
                if files:
                    self._assign(folder, files, found, unknown, failed)
        return CaptureListing(tuple(sorted(found)), tuple(sorted(unknown)), tuple(failed))

    def _assign(
        self,
        folder: str,
        files: dict[CaptureKey, list[tuple[str, str]]],
        found: list[CapturedHour],
        unknown: set[str],
        failed: list[str],
    ) -> None:
        """Assigns a version to each hour of one variant under a configuration's folder."""
        configuration = folder.removeprefix(f"{self.prefix}/").strip("/")
        document = f"s3://{self.monitoring_bucket}/{DEPLOYMENTS_PREFIX}{sanitize(configuration)}.json"
        try:
            versions = self._read_versions(configuration)
        except Exception as error:
            failed.append(f"{document} could not be read: {summarize_error(error)}. The next run tries again.")
            return
        for key, stored in files.items():
            if key.variant in versions:
                found.append(_build_hour(key, versions[key.variant], stored))
            else:
                unknown.add(
                    f"{self._format_url(folder)} holds records of {sanitize(key.variant)}, but its version is not in "
                    f"{document}, which `pulumi up` writes for the live configuration."
                )

    def _list_folders(self, prefix: str, failed: list[str]) -> list[str]:
        try:
            return list(self._iter_folders(prefix))
        except Exception as error:
            failed.append(
                f"{self._format_url(prefix)} could not be listed: {summarize_error(error)}. It is tried again."
            )
            return []

    def _format_url(self, key: str) -> str:
        return f"s3://{self.bucket}/{sanitize(key)}"

    def _list_files(
        self, variant: str, first: datetime, last: datetime, failed: list[str]
    ) -> dict[CaptureKey, list[tuple[str, str]]]:
        files: dict[CaptureKey, list[tuple[str, str]]] = {}
        for day in _iter_days(first, last):
            prefix = f"{variant}{day:%Y/%m/%d}/"
            try:
                listed = list(self._iter_objects(prefix))
            except Exception as error:
                failed.append(
                    f"{self._format_url(prefix)} could not be listed: {summarize_error(error)}. It is tried again."
                )
                continue
            for name, etag in listed:
                key = parse_key(name, self.prefix)
                if key is not None and first <= key.hour <= last:
                    files.setdefault(key, []).append((name, etag))
        return files

    def _read_versions(self, configuration: str) -> dict[str, str]:
        try:
            raw = self.s3.get_object(Bucket=self.monitoring_bucket, Key=f"{DEPLOYMENTS_PREFIX}{configuration}.json")[
                "Body"
            ].read()
        except Exception as error:
            if get_error_code(error) == "NoSuchKey":
                return {}
            raise
        try:
            deployment = msgspec.json.decode(raw, type=_Deployment)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return {name: variant.version for name, variant in deployment.variants.items()}

    def _iter_folders(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            yield from (folder["Prefix"] for folder in page.get("CommonPrefixes", ()) if "Prefix" in folder)

    def _iter_objects(self, prefix: str) -> Iterator[tuple[str, str]]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield entry.get("Key", ""), f"{entry.get('ETag')} {entry.get('Size')}"


def _build_hour(key: CaptureKey, version: str, files: list[tuple[str, str]]) -> CapturedHour:
    listing = "\n".join(f"{name} {stamp}" for name, stamp in sorted(files))
    names = tuple(sorted(name for name, _ in files))
    fingerprint = hashlib.sha256(listing.encode()).hexdigest()
    return CapturedHour(key.hour, key.variant, key.configuration, version, fingerprint, names)


def _iter_days(first: datetime, last: datetime) -> Iterator[datetime]:
    day = first.replace(hour=0)
    while day <= last:
        yield day
        day += _DAY
