"""What the endpoint captured, hour by hour: which files there are, and which model version answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tidewatch.capture.keys import CaptureKey, parse_key
from tidewatch.drift.layout import DEPLOYMENTS
from tidewatch.items import described, error_code
from tidewatch.text import plain

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class CapturedHour:
    """The files of one variant's hour under one configuration.

    version: the model version that the variant held. fingerprint: another one where a file came, went or changed.
    """

    hour: datetime
    variant: str
    configuration: str
    version: str
    fingerprint: str
    keys: tuple[str, ...]

    @property
    def told(self) -> str:
        """Which hour it is, for people."""
        return f"{self.hour:%Y-%m-%d %H:%M} UTC of {self.variant}, version {self.version}"


@dataclass(frozen=True)
class Captured:
    """What was found. hours: oldest first. unknown: a sentence for each configuration whose records belong to no known
    version, so that none is lost silently. failed: a sentence for each folder that could not be listed."""

    hours: tuple[CapturedHour, ...]
    unknown: tuple[str, ...]
    failed: tuple[str, ...]


class _Slot(msgspec.Struct, frozen=True):
    version: str


class _Deployment(msgspec.Struct, frozen=True):
    slots: dict[str, _Slot]


@dataclass(frozen=True)
class CaptureFolder:
    """The capture files of one endpoint under `prefix` of `bucket`; `monitoring` holds what each configuration was."""

    s3: S3Client
    bucket: str
    prefix: str
    endpoint: str
    monitoring: str

    def hours(self, first: datetime, last: datetime) -> Captured:
        """What was captured in the hours that begin from `first` to `last`, both included.

        A folder that S3 does not list hides no other.
        """
        found: list[CapturedHour] = []
        unknown: set[str] = set()
        failed: list[str] = []
        for folder in self._listed(f"{self.prefix}/", failed):
            for variant in self._listed(f"{folder}{self.endpoint}/", failed):
                files = self._files(variant, first, last, failed)
                if files:
                    self._assign(folder, files, found, unknown, failed)
        return Captured(tuple(sorted(found)), tuple(sorted(unknown)), tuple(failed))

    def _assign(
        self,
        folder: str,
        files: dict[CaptureKey, list[tuple[str, str]]],
        found: list[CapturedHour],
        unknown: set[str],
        failed: list[str],
    ) -> None:
        """Tells of which version the hours of one variant under a configuration's folder are."""
        configuration = folder.removeprefix(f"{self.prefix}/").strip("/")
        document = f"s3://{self.monitoring}/{DEPLOYMENTS}{plain(configuration)}.json"
        try:
            held = self._held(configuration)
        except Exception as error:
            failed.append(f"{document} could not be read: {described(error)}. It is tried again.")
            return
        for key, stored in files.items():
            if key.variant in held:
                found.append(_hour(key, held[key.variant], stored))
            else:
                unknown.add(
                    f"{self._url(folder)} holds records of {plain(key.variant)}, and its version is not in {document}, "
                    "which `pulumi up` writes for the live configuration."
                )

    def _listed(self, prefix: str, failed: list[str]) -> list[str]:
        try:
            return list(self._folders(prefix))
        except Exception as error:
            failed.append(f"{self._url(prefix)} could not be listed: {described(error)}. It is tried again.")
            return []

    def _url(self, key: str) -> str:
        return f"s3://{self.bucket}/{plain(key)}"

    def _files(
        self, variant: str, first: datetime, last: datetime, failed: list[str]
    ) -> dict[CaptureKey, list[tuple[str, str]]]:
        files: dict[CaptureKey, list[tuple[str, str]]] = {}
        for day in _days(first, last):
            prefix = f"{variant}{day:%Y/%m/%d}/"
            try:
                listed = list(self._objects(prefix))
            except Exception as error:
                failed.append(f"{self._url(prefix)} could not be listed: {described(error)}. It is tried again.")
                continue
            for name, etag in listed:
                key = parse_key(name, self.prefix)
                if key is not None and first <= key.hour <= last:
                    files.setdefault(key, []).append((name, etag))
        return files

    def _held(self, configuration: str) -> dict[str, str]:
        try:
            raw = self.s3.get_object(Bucket=self.monitoring, Key=f"{DEPLOYMENTS}{configuration}.json")["Body"].read()
        except Exception as error:
            if error_code(error) == "NoSuchKey":
                return {}
            raise
        try:
            deployment = msgspec.json.decode(raw, type=_Deployment)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return {name: slot.version for name, slot in deployment.slots.items()}

    def _folders(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            yield from (folder["Prefix"] for folder in page.get("CommonPrefixes", ()) if "Prefix" in folder)

    def _objects(self, prefix: str) -> Iterator[tuple[str, str]]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield entry.get("Key", ""), f"{entry.get('ETag')} {entry.get('Size')}"


def _hour(key: CaptureKey, version: str, files: list[tuple[str, str]]) -> CapturedHour:
    told = "\n".join(f"{name} {stamp}" for name, stamp in sorted(files))
    names = tuple(sorted(name for name, _ in files))
    fingerprint = hashlib.sha256(told.encode()).hexdigest()
    return CapturedHour(key.hour, key.variant, key.configuration, version, fingerprint, names)


def _days(first: datetime, last: datetime) -> Iterator[datetime]:
    day = first.replace(hour=0)
    while day <= last:
        yield day
        day += _DAY
