"""Small gaps of moto: calls that a provider makes on every resource and that moto does not answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import moto.cloudwatch.models
import moto.logs.models
import moto.s3.models
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.utils import unix_time_millis
from moto.s3.models import S3Backend

from simulator.aws.world import world


def install() -> None:
    """Sets the missing calls, and simulated time where moto stamps what a rehearsal reads."""
    for missing in (list_tags_for_resource, tag_resource, untag_resource):
        if not hasattr(ApplicationAutoScalingResponse, missing.__name__):
            setattr(ApplicationAutoScalingResponse, missing.__name__, missing)
    for name in _S3_WRITES:
        setattr(S3Backend, name, _one_at_a_time(getattr(S3Backend, name)))
    for module in (moto.cloudwatch.models, moto.s3.models, moto.logs.models):
        module.utcnow = _now  # type: ignore[attr-defined]
    moto.logs.models.unix_time_millis = _millis  # type: ignore[attr-defined]


_S3_WRITES = (
    "put_object",
    "delete_object",
    "delete_objects",
    "complete_multipart_upload",
    "copy_object",
    "list_objects",
    "list_object_versions",
)
_s3 = threading.RLock()


def _one_at_a_time(original: Callable[..., Any]) -> Callable[..., Any]:
    """moto lists a bucket's keys while another thread changes them, and fails."""

    @wraps(original)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with _s3:
            return original(*args, **kwargs)

    return locked


def _now() -> datetime:
    """moto's times carry no zone."""
    return world().now().replace(tzinfo=None)


def _millis(moment: datetime | None = None) -> float:
    return unix_time_millis(moment or _now())


def _tags(self: ApplicationAutoScalingResponse) -> dict[str, dict[str, str]]:
    backend: ApplicationAutoscalingBackend = self.applicationautoscaling_backend
    return backend.__dict__.setdefault("tags_by_arn", {})


def list_tags_for_resource(self: ApplicationAutoScalingResponse) -> str:
    """ListTagsForResource of a scalable target."""
    return json.dumps({"Tags": _tags(self).get(_given(self)["ResourceARN"], {})})


def tag_resource(self: ApplicationAutoScalingResponse) -> str:
    """TagResource of a scalable target."""
    given = _given(self)
    _tags(self).setdefault(given["ResourceARN"], {}).update(given["Tags"])
    return "{}"


def untag_resource(self: ApplicationAutoScalingResponse) -> str:
    """UntagResource of a scalable target."""
    given = _given(self)
    held = _tags(self).get(given["ResourceARN"], {})
    for key in given["TagKeys"]:
        held.pop(key, None)
    return "{}"


def _given(self: ApplicationAutoScalingResponse) -> dict[str, Any]:
    return json.loads(self.body)
