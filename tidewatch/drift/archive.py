"""What the job keeps in the monitoring bucket: profiles, reports and their pages, and the index of what it has read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tidewatch.drift.captured import CapturedHour
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.index import Index
from tidewatch.drift.layout import ROOT
from tidewatch.drift.profile import Profile, decode
from tidewatch.items import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROFILE = ".profile"
_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class KeptHour:
    """An hour whose profile is kept under `key`."""

    hour: datetime
    variant: str
    version: str
    configuration: str
    key: str


@dataclass(frozen=True)
class Archive:
    """The drift part of the monitoring bucket. What was listed or read once is remembered."""

    s3: S3Client
    bucket: str
    _held: dict[str, Profile] = field(default_factory=dict[str, Profile])
    _days: dict[str, list[KeptHour]] = field(default_factory=dict[str, list[KeptHour]])

    def index(self) -> Index:
        """The index; an empty one before the first run. An unreadable one is begun again: the job then reads anew."""
        raw = self._get(f"{ROOT}index.json")
        try:
            return Index() if raw is None else msgspec.json.decode(raw, type=Index)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Index()

    def save(self, index: Index) -> None:
        self._put(f"{ROOT}index.json", msgspec.json.encode(index, order="sorted"), "application/json")

    def hours(self, variant: str, version: str, first: datetime, last: datetime) -> list[KeptHour]:
        """The hours from `first` to `last`, both included, in which the variant held the version, oldest first."""
        found: list[KeptHour] = []
        day = first.replace(hour=0)
        while day <= last:
            found += [
                each for each in self._day(variant, day) if each.version == version and first <= each.hour <= last
            ]
            day += _DAY
        return sorted(found)

    def profile(self, kept: KeptHour) -> Profile | None:
        """The profile of an hour; None where it is gone or cannot be read."""
        if kept.key not in self._held:
            raw = self._get(kept.key)
            if raw is None:
                return None
            try:
                self._held[kept.key] = decode(raw, f"s3://{self.bucket}/{kept.key}")
            except InvalidProfile:
                return None
        return self._held[kept.key]

    def save_profile(self, captured: CapturedHour, profile: Profile) -> None:
        name = f"{captured.version}.{captured.configuration}{PROFILE}"
        key = f"{_folder(captured.variant, captured.hour)}{name}"
        self._put(key, profile.encode(), "application/octet-stream")
        self._held[key] = profile
        day = self._day(captured.variant, captured.hour)
        if key not in {each.key for each in day}:
            day.append(KeptHour(captured.hour, captured.variant, captured.version, captured.configuration, key))

    def _day(self, variant: str, day: datetime) -> list[KeptHour]:
        folder = f"{ROOT}{variant}/{day:%Y/%m/%d}/"
        if folder not in self._days:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder)
            keys = [entry.get("Key", "") for page in pages for entry in page.get("Contents", ())]
            kept = (_kept(variant, day, key) for key in keys if key.endswith(PROFILE))
            self._days[folder] = [each for each in kept if each is not None]
        return self._days[folder]

    def save_report(self, variant: str, version: str, hour: datetime, report: bytes, page: str) -> str:
        """Writes a report and its page; the page's URL."""
        key = f"{_folder(variant, hour)}{version}"
        self._put(f"{key}.json", report, "application/json")
        self._put(f"{key}.html", page.encode(), "text/html; charset=utf-8")
        return f"s3://{self.bucket}/{key}.html"

    def _get(self, key: str) -> bytes | None:
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except Exception as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)


def _folder(variant: str, hour: datetime) -> str:
    return f"{ROOT}{variant}/{hour:%Y/%m/%d/%H}/"


def _kept(variant: str, day: datetime, key: str) -> KeptHour | None:
    """The hour of a profile's key; None for a key of another form, which is not the job's."""
    hour, name = key.split("/")[-2:]
    version, _, configuration = name.removesuffix(PROFILE).rpartition(".")
    if not (hour.isascii() and hour.isdigit() and int(hour) < 24 and version and configuration):
        return None
    return KeptHour(day.replace(hour=int(hour), minute=0), variant, version, configuration, key)
