"""What the job keeps in the monitoring bucket: profiles, reports and their pages, and the index of what it has read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tidewatch.drift.captured import CapturedHour
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.profile import Profile, decode
from tidewatch.items import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = "drift/"
SCHEMA = 1


class Entry(msgspec.Struct, frozen=True):
    """An hour that was read: the fingerprint of its files then, and the version that answered."""

    hour: datetime
    variant: str
    configuration: str
    version: str
    fingerprint: str


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
        """The index with this hour read, and without those before `oldest`."""
        kept = [each for each in self.hours if not _same_hour(each, captured) and each.hour >= oldest]
        entry = Entry(
            captured.hour, captured.variant, captured.configuration, captured.version, captured.fingerprint
        )  # fmt: skip
        ordered = sorted([*kept, entry], key=lambda each: (each.hour, each.variant, each.configuration))
        return msgspec.structs.replace(self, hours=tuple(ordered))

    def without(self, entry: Entry) -> Index:
        """The index with this hour unread, so that the next run reads it again."""
        return msgspec.structs.replace(self, hours=tuple(each for each in self.hours if each != entry))

    def with_latest(self, variant: str, latest: Latest) -> Index:
        return msgspec.structs.replace(self, latest=dict(sorted({**self.latest, variant: latest}.items())))

    def of(self, variant: str, version: str) -> dict[datetime, list[Entry]]:
        """The hours in which the variant held the version, under whatever configuration."""
        found: dict[datetime, list[Entry]] = {}
        for entry in self.hours:
            if (entry.variant, entry.version) == (variant, version):
                found.setdefault(entry.hour, []).append(entry)
        return found


def _same_hour(entry: Entry, captured: CapturedHour) -> bool:
    return (entry.hour, entry.variant, entry.configuration) == (
        captured.hour, captured.variant, captured.configuration
    )  # fmt: skip


@dataclass(frozen=True)
class Archive:
    """The drift part of the monitoring bucket. Profiles that were read once are remembered."""

    s3: S3Client
    bucket: str
    _held: dict[str, Profile] = field(default_factory=dict[str, Profile])

    def index(self) -> Index:
        """The index; an empty one before the first run. An unreadable one is begun again: the job then reads anew."""
        raw = self._get(f"{ROOT}index.json")
        try:
            return Index() if raw is None else msgspec.json.decode(raw, type=Index)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Index()

    def save(self, index: Index) -> None:
        self._put(f"{ROOT}index.json", msgspec.json.encode(index, order="sorted"), "application/json")

    def profile(self, entry: Entry) -> Profile | None:
        """The profile of an hour; None where it is gone or cannot be read."""
        key = _profile_key(entry)
        if key not in self._held:
            raw = self._get(key)
            if raw is None:
                return None
            try:
                self._held[key] = decode(raw, f"s3://{self.bucket}/{key}")
            except InvalidProfile:
                return None
        return self._held[key]

    def save_profile(self, captured: CapturedHour, profile: Profile) -> None:
        key = _profile_key(captured)
        self._put(key, profile.encode(), "application/octet-stream")
        self._held[key] = profile

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


def _profile_key(hour: CapturedHour | Entry) -> str:
    return f"{_folder(hour.variant, hour.hour)}{hour.configuration}.profile"
