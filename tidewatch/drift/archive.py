"""What the job keeps in the monitoring bucket: profiles, reports and their pages, and the index of what it has read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tidewatch.drift.captured import CapturedHour
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.layout import ROOT
from tidewatch.drift.profile import Profile, decode
from tidewatch.items import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROFILE = ".profile"
SCHEMA = 1
_DAY = timedelta(days=1)


class Entry(msgspec.Struct, frozen=True):
    """An hour that was read, and the fingerprint of its files then."""

    hour: datetime
    variant: str
    configuration: str
    fingerprint: str


@dataclass(frozen=True, order=True)
class KeptHour:
    """An hour whose profile is kept under `key`."""

    hour: datetime
    variant: str
    version: str
    configuration: str
    key: str


class Latest(msgspec.Struct, frozen=True):
    """What the newest report of a variant said."""

    version: str
    hour: datetime
    verdict: str
    severity: str


class Index(msgspec.Struct, frozen=True):
    """What the job knows of its own past: the hours it has read, and the newest report of each variant."""

    schema: int = SCHEMA
    hours: tuple[Entry, ...] = ()
    latest: dict[str, Latest] = {}

    def read(self, captured: CapturedHour) -> bool:
        """Whether this hour was read with the files that it has now."""
        return any(_same_hour(entry, captured) and entry.fingerprint == captured.fingerprint for entry in self.hours)

    def with_hour(self, captured: CapturedHour, oldest: datetime) -> Index:
        """The index with this hour read, and without those before `oldest`, which no run looks for."""
        kept = [each for each in self.hours if not _same_hour(each, captured) and each.hour >= oldest]
        entry = Entry(captured.hour, captured.variant, captured.configuration, captured.fingerprint)
        ordered = sorted([*kept, entry], key=lambda each: (each.hour, each.variant, each.configuration))
        return msgspec.structs.replace(self, hours=tuple(ordered))

    def without(self, kept: KeptHour) -> Index:
        """The index with this hour unread, so that the next run reads it again."""
        return msgspec.structs.replace(self, hours=tuple(each for each in self.hours if not _same_hour(each, kept)))

    def with_latest(self, variant: str, latest: Latest) -> Index:
        return msgspec.structs.replace(self, latest=dict(sorted({**self.latest, variant: latest}.items())))


def _same_hour(entry: Entry, other: CapturedHour | KeptHour) -> bool:
    return (entry.hour, entry.variant, entry.configuration) == (other.hour, other.variant, other.configuration)


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
            self._days[folder] = [_kept(variant, day, key) for key in keys if key.endswith(PROFILE)]
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


def _kept(variant: str, day: datetime, key: str) -> KeptHour:
    hour, name = key.split("/")[-2:]
    version, _, configuration = name.removesuffix(PROFILE).rpartition(".")
    return KeptHour(day.replace(hour=int(hour), minute=0), variant, version, configuration, key)
