"""S3's rules for names and tags, which its model hardly has and moto hardly checks.

Source: S3 user guide, "General purpose bucket naming rules", "Naming Amazon S3 objects", "Categorizing your objects
using tags", "Using cost allocation S3 bucket tags"; S3 API reference, "Error responses".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

import xmltodict
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from rehearsal.aws.s3.write_checks import S3RequestError
from rehearsal.aws.validation.tags import list_tag_faults
from tidewatch.aws import tags as tagging

MAX_KEY_BYTES = 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


class InvalidTag(S3RequestError):
    """A tag with an invalid key or value."""

    code = "InvalidTag"


class TooManyTags(S3RequestError):
    """Too many tags."""

    code = "BadRequest"


class KeyTooLong(S3RequestError):
    """An object key of more than 1,024 bytes."""

    code = "KeyTooLongError"
    message = "Your key is too long"


class InvalidBucketName(S3RequestError):
    """An invalid bucket name."""

    code = "InvalidBucketName"
    message = "The specified bucket is not valid."


def install() -> None:
    """Patches moto's S3 with the rules."""
    for name, read_tags, max_tags in (
        ("_tagging_from_headers", _read_header_tags, tagging.MAX_OBJECT_TAGS),
        ("_tagging_from_xml", _read_body_tags, tagging.MAX_OBJECT_TAGS),
        ("_bucket_tagging_from_body", _read_body_tags, tagging.MAX_RESOURCE_TAGS),
    ):
        setattr(S3Response, name, _add_tag_check(getattr(S3Response, name), read_tags, max_tags))
    S3Backend.put_object = _add_key_check(S3Backend.put_object)  # type: ignore[method-assign]
    S3Backend.create_multipart_upload = _add_key_check(S3Backend.create_multipart_upload)  # type: ignore[method-assign]
    S3Backend.create_bucket = _add_name_check(S3Backend.create_bucket)  # type: ignore[method-assign]


def _add_tag_check(original: Any, read_tags: Any, max_tags: int) -> Any:
    @wraps(original)
    def parse_tags(self: S3Response, *args: Any) -> Any:
        pairs: Sequence[tuple[str, str]] = read_tags(self, *args)
        if fault := next(list_tag_faults(pairs), None):
            raise InvalidTag(f"The tag provided was not a valid tag: {fault}.")
        if len(pairs) > max_tags:
            what = "Object tags" if max_tags == tagging.MAX_OBJECT_TAGS else "Bucket tag count"
            raise TooManyTags(f"{what} cannot be greater than {max_tags}")
        return original(self, *args)

    return parse_tags


def _read_header_tags(self: S3Response, headers: Any) -> list[tuple[str, str]]:
    del self
    return parse_qsl(headers.get("x-amz-tagging") or "", keep_blank_values=True)


def _read_body_tags(self: S3Response) -> list[tuple[str, str]]:
    tag_set = xmltodict.parse(self.body, force_list={"Tag": True}, strip_whitespace=False)["Tagging"].get("TagSet")
    tags = tag_set.get("Tag") or [] if isinstance(tag_set, dict) else []
    return [(tag["Key"] or "", tag["Value"] or "") for tag in tags]


def _add_key_check(original: Any) -> Any:
    @wraps(original)
    def put(self: S3Backend, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        if len(key_name.encode()) > MAX_KEY_BYTES:
            raise KeyTooLong
        return original(self, bucket_name, key_name, *args, **kwargs)

    return put


def _add_name_check(original: Any) -> Any:
    @wraps(original)
    def create_bucket(self: S3Backend, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        if (
            not _NAME.fullmatch(bucket_name)
            or ".." in bucket_name
            or _ADDRESS.fullmatch(bucket_name)
            or bucket_name.startswith(_PREFIXES)
            or bucket_name.endswith(_SUFFIXES)
        ):
            raise InvalidBucketName
        return original(self, bucket_name, *args, **kwargs)

    return create_bucket
