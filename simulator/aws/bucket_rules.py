"""What S3 refuses of names and tags: its model says little, and moto lets nearly everything through.

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

from simulator.aws.object_checks import Refusal
from simulator.aws.tag_rules import tag_faults
from tidewatch import tags as tagging

KEY_BYTES = 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


class InvalidTag(Refusal):
    """A key or value that no tag may have."""

    code = "InvalidTag"


class BadRequest(Refusal):
    """Too many tags."""

    code = "BadRequest"


class KeyTooLong(Refusal):
    """An object's key of more than 1,024 bytes."""

    code = "KeyTooLongError"
    message = "Your key is too long"


class InvalidBucketName(Refusal):
    """A name that no bucket may have."""

    code = "InvalidBucketName"
    message = "The specified bucket is not valid."


def install() -> None:
    """Sets the rules on moto's S3."""
    for name, read, most in (
        ("_tagging_from_headers", _in_header, tagging.TAGS_AN_OBJECT),
        ("_tagging_from_xml", _in_body, tagging.TAGS_AN_OBJECT),
        ("_bucket_tagging_from_body", _in_body, tagging.TAGS_A_RESOURCE),
    ):
        setattr(S3Response, name, _tagged(getattr(S3Response, name), read, most))
    S3Backend.put_object = _keyed(S3Backend.put_object)  # type: ignore[method-assign]
    S3Backend.create_multipart_upload = _keyed(S3Backend.create_multipart_upload)  # type: ignore[method-assign]
    S3Backend.create_bucket = _named(S3Backend.create_bucket)  # type: ignore[method-assign]


def _tagged(original: Any, read: Any, most: int) -> Any:
    @wraps(original)
    def tags(self: S3Response, *args: Any) -> Any:
        pairs: Sequence[tuple[str, str]] = read(self, *args)
        if fault := next(tag_faults(pairs), None):
            raise InvalidTag(f"The tag provided was not a valid tag: {fault}.")
        if len(pairs) > most:
            what = "Object tags" if most == tagging.TAGS_AN_OBJECT else "Bucket tag count"
            raise BadRequest(f"{what} cannot be greater than {most}")
        return original(self, *args)

    return tags


def _in_header(self: S3Response, headers: Any) -> list[tuple[str, str]]:
    del self
    return parse_qsl(headers.get("x-amz-tagging") or "", keep_blank_values=True)


def _in_body(self: S3Response) -> list[tuple[str, str]]:
    found = xmltodict.parse(self.body, force_list={"Tag": True}, strip_whitespace=False)["Tagging"].get("TagSet")
    tags = found.get("Tag") or [] if isinstance(found, dict) else []
    return [(tag["Key"] or "", tag["Value"] or "") for tag in tags]


def _keyed(original: Any) -> Any:
    @wraps(original)
    def put(self: S3Backend, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        if len(key_name.encode()) > KEY_BYTES:
            raise KeyTooLong
        return original(self, bucket_name, key_name, *args, **kwargs)

    return put


def _named(original: Any) -> Any:
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
