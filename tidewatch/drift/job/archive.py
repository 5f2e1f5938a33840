"""The job's objects in the monitoring bucket: profiles, reports with their pages, and the index of what was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tidewatch.aws.errors import get_error_code
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.job.capture_index import CapturedHour
from tidewatch.drift.job.job_index import JobIndex
from tidewatch.drift.profile import Profile, decode_profile
from tidewatch.drift.storage_layout import DRIFT_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROFILE_SUFFIX, REPORT_SUFFIX, PAGE_SUFFIX = ".profile", ".json", ".html"
_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class StoredProfile:
    """An hour with its profile in the bucket."""

    hour: datetime
    variant: str
    version: str
    configuration: str
    key: str
    """The object that holds the profile."""


@dataclass(frozen=True)
class Archive:
    """The drift objects of the monitoring bucket. It caches what was listed or read."""

    s3: S3Client
    bucket: str
    _profiles: dict[str, Profile] = field(default_factory=dict[str, Profile])
    _profiles_by_day: dict[str, list[StoredProfile]] = field(default_factory=dict[str, list[StoredProfile]])

    def read_index(self) -> JobIndex:
        """Returns the index, or an empty one if there is none.

        An unreadable index is replaced by an empty one, so the job reads its hours again.
        """
        raw = self._get(f"{DRIFT_PREFIX}index.json")
        try:
            return JobIndex() if raw is None else msgspec.json.decode(raw, type=JobIndex)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return JobIndex()

    def save_index(self, index: JobIndex) -> None:
        self._put(f"{DRIFT_PREFIX}index.json", msgspec.json.encode(index, order="sorted"), "application/json")

    def list_profiles(self, variant: str, version: str, first: datetime, last: datetime) -> list[StoredProfile]:
        """Returns the hours from `first` to `last`, inclusive, in which the variant held the version, oldest first."""
        found: list[StoredProfile] = []
        day = first.replace(hour=0)
        while day <= last:
            found += [
                each for each in self._list_day(variant, day) if each.version == version and first <= each.hour <= last
            ]
            day += _DAY
        return sorted(found)

    def read_profile(self, stored: StoredProfile) -> Profile | None:
        """Returns the profile of an hour, or None if it is gone or cannot be read."""
        if stored.key not in self._profiles:
            raw = self._get(stored.key)
            if raw is None:
                return None
            try:
                self._profiles[stored.key] = decode_profile(raw, f"s3://{self.bucket}/{stored.key}")
            except InvalidProfile:
                return None
        return self._profiles[stored.key]

    def save_profile(self, captured: CapturedHour, profile: Profile) -> None:
        name = f"{captured.version}.{captured.configuration}{PROFILE_SUFFIX}"
        key = f"{_build_prefix(captured.variant, captured.hour)}{name}"
        self._put(key, profile.encode(), "application/octet-stream")
        self._profiles[key] = profile
        day = self._list_day(captured.variant, captured.hour)
        if key not in {each.key for each in day}:
            day.append(StoredProfile(captured.hour, captured.variant, captured.version, captured.configuration, key))

    def _list_day(self, variant: str, day: datetime) -> list[StoredProfile]:
        folder = f"{DRIFT_PREFIX}{variant}/{day:%Y/%m/%d}/"
        if folder not in self._profiles_by_day:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder)
            keys = [entry.get("Key", "") for page in pages for entry in page.get("Contents", ())]
            parsed = (_parse_profile_key(variant, day, key) for key in keys if key.endswith(PROFILE_SUFFIX))
            self._profiles_by_day[folder] = [each for each in parsed if each is not None]
        return self._profiles_by_day[folder]

    def save_report(self, variant: str, version: str, hour: datetime, report: bytes, page: str) -> str:
        """Writes a report and its page. Returns the page's URL."""
        page_key = build_report_key(variant, version, hour, PAGE_SUFFIX)
        self._put(build_report_key(variant, version, hour), report, "application/json")
        self._put(page_key, page.encode(), "text/html; charset=utf-8")
        return f"s3://{self.bucket}/{page_key}"

    def _get(self, key: str) -> bytes | None:
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except Exception as error:
            if get_error_code(error) == "NoSuchKey":
                return None
            raise

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)


def build_report_key(variant: str, version: str, hour: datetime, suffix: str = REPORT_SUFFIX) -> str:
    """Returns the key of a report in the monitoring bucket; with PAGE_SUFFIX, of its page."""
    return f"{_build_prefix(variant, hour)}{version}{suffix}"


def _build_prefix(variant: str, hour: datetime) -> str:
    return f"{DRIFT_PREFIX}{variant}/{hour:%Y/%m/%d/%H}/"


def _parse_profile_key(variant: str, day: datetime, key: str) -> StoredProfile | None:
    """Returns the hour of a profile's key, or None for any other key."""
    hour, name = key.split("/")[-2:]
    version, _, configuration = name.removesuffix(PROFILE_SUFFIX).rpartition(".")
    if not (hour.isascii() and hour.isdigit() and int(hour) < 24 and version and configuration):
        return None
    return StoredProfile(day.replace(hour=int(hour), minute=0), variant, version, configuration, key)
