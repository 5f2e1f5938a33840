"""Small patches of moto: thread safety of its S3 and SNS, and timestamps in simulated time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import moto.cloudwatch.models
import moto.logs.models
import moto.s3.models
import moto.sns.models
from moto.core.utils import iso_8601_datetime_with_milliseconds, unix_time_millis
from moto.s3.models import S3Backend
from moto.sns.models import SNSBackend

from rehearsal.aws.account import current_account


def install() -> None:
    """Installs the lock, and simulated time for the timestamps that a rehearsal reads."""
    for name in _S3_WRITES:
        setattr(S3Backend, name, _serialize_calls(getattr(S3Backend, name)))
    for name in _SUBSCRIPTIONS:
        setattr(SNSBackend, name, _serialize_calls(getattr(SNSBackend, name)))
    for module in (moto.cloudwatch.models, moto.s3.models, moto.logs.models):
        module.utcnow = _get_moto_now  # type: ignore[attr-defined]
    moto.sns.models.iso_8601_datetime_with_milliseconds = _format_now  # type: ignore[attr-defined]
    moto.logs.models.unix_time_millis = _to_milliseconds  # type: ignore[attr-defined]


_S3_WRITES = (
    "put_object",
    "delete_object",
    "delete_objects",
    "complete_multipart_upload",
    "copy_object",
    "list_objects",
    "list_object_versions",
)
_SUBSCRIPTIONS = (
    "subscribe",
    "unsubscribe",
    "delete_topic",
    "list_subscriptions",
    "list_subscriptions_by_topic",
)
_moto_lock = threading.RLock()


def _serialize_calls(original: Callable[..., Any]) -> Callable[..., Any]:
    """Locks an operation: moto lists keys or subscriptions while another thread changes them, and fails."""

    @wraps(original)
    def call_locked(*args: Any, **kwargs: Any) -> Any:
        with _moto_lock:
            return original(*args, **kwargs)

    return call_locked


def _get_moto_now() -> datetime:
    """The simulated time without a zone, as moto's times are."""
    return current_account().now().replace(tzinfo=None)


def _format_now() -> str:
    return iso_8601_datetime_with_milliseconds(_get_moto_now())


def _to_milliseconds(moment: datetime | None = None) -> float:
    return unix_time_millis(moment or _get_moto_now())
