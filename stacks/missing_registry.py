"""The error for a stack with variants whose registry is not found: what to do, and the commands for it.

The program cannot know why it is missing: somebody deleted it, or an `up` was killed between two steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidewatch.aws.errors import get_error_code
from tidewatch.registry import (
    FORBIDDEN_CODES,
    TaggingClient,
    build_parameter_name,
    build_registry_tags,
    list_left_behind_buckets,
    read_bucket_tags,
    read_parameter_bucket,
)
from tidewatch.registry.recovery_commands import (
    format_create_bucket_command,
    format_put_parameter_command,
    format_tag_bucket_command,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

KEEP_VARIANTS = (
    "Leave tidewatch:variants in the config: the endpoint continues with its loaded models, but gets no new instances."
)


def explain_missing_registry(
    ssm: SSMClient, s3: S3Client, tagging: TaggingClient, stack: tuple[str, str], model: str
) -> str:
    """Returns what to do. `stack` is the project and the stack's name. Raises ClientError."""
    parameter, region = build_parameter_name(*stack), ssm.meta.region_name
    bucket = read_parameter_bucket(ssm, *stack)
    if not bucket:
        return _explain_missing_parameter(parameter, list_left_behind_buckets(tagging, *stack), model, region)
    tags = build_registry_tags("/".join(stack), model)
    write_command = format_put_parameter_command(parameter, "BUCKET", model, region)
    try:
        found = read_bucket_tags(s3, bucket)
    except ClientError as error:
        if get_error_code(error) not in FORBIDDEN_CODES:
            raise
        return (
            f"The parameter {parameter} names the bucket {bucket} as the registry of this stack, but S3 denies "
            "access to its tags: it belongs to another account, or s3:GetBucketTagging is not allowed on it. "
            f"{KEEP_VARIANTS} If it is not the registry, set the parameter to the right bucket: {write_command}"
        )
    if found is None:
        return _explain_missing_bucket(bucket, format_create_bucket_command(bucket, tags, region), model)
    return (
        f"The parameter {parameter} names the bucket {bucket} as the registry of this stack. The bucket exists, but "
        f"lacks the stack's tags. {KEEP_VARIANTS} If it is the registry, add these tags; it keeps its others: "
        f"{format_tag_bucket_command(bucket, {**found, **tags}, region)}. Then run `pulumi up --refresh`, which "
        "restores its other settings and names the versions that it lacks. If it is not, set the parameter to the "
        f"right bucket: {write_command}"
    )


def _explain_missing_parameter(parameter: str, retained_buckets: list[str], model: str, region: str) -> str:
    bucket = retained_buckets[0] if len(retained_buckets) == 1 else "BUCKET"
    retained_note = f"; marked as left behind: {', '.join(retained_buckets)}" if retained_buckets else ""
    return (
        f"This stack has no registry (the parameter {parameter} names none, and no bucket has the stack's tags "
        f"without being marked as left behind), so no version of {model} can be served. For a new or a destroyed "
        "stack, remove tidewatch:variants, tidewatch:rollbackTo, tidewatch:retire and tidewatch:acknowledgedIncident "
        "from the config if present, run `pulumi up`, publish a version with `tidewatch publish`, then `tidewatch "
        "promote` it. If this stack serves, leave them there and set the parameter to its bucket (`pulumi stack "
        f"output registry` prints its name{retained_note}): "
        f"`{format_put_parameter_command(parameter, bucket, model, region)}`. Then run `pulumi up`: it continues, or "
        "prints what to do."
    )


def _explain_missing_bucket(bucket: str, create_command: str, model: str) -> str:
    """Explains a stack whose registry is gone: its endpoint has the models loaded and continues to serve."""
    return (
        f"The registry of this stack, the bucket {bucket}, is gone, and with it the versions of {model}. "
        f"{KEEP_VARIANTS} Create the bucket again: {create_command}. Then publish each declared version again, from "
        "its original file, with `tidewatch publish`, and run `pulumi up --refresh`, which restores the bucket's "
        "protection. If an earlier refresh removed the bucket from the state, this `up` creates another bucket: "
        "publish the versions into that one too."
    )
