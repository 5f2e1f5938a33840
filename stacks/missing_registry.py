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
    "Leave tidewatch:variants in the config: an endpoint goes on with what it has loaded, but gets no new instance."
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
            f"The parameter {parameter} names the bucket {bucket} as the registry of this stack, and S3 does not let "
            "its tags be read: it is another account's, or s3:GetBucketTagging is not allowed on it. "
            f"{KEEP_VARIANTS} If it is not the registry, write the parameter again for the one that is: {write_command}"
        )
    if found is None:
        return _explain_missing_bucket(bucket, format_create_bucket_command(bucket, tags, region), model)
    return (
        f"The registry of this stack, by the parameter {parameter}, is the bucket {bucket}, which is there, but "
        f"without the tags by which the stack knows it. {KEEP_VARIANTS} If it is the registry, give it these tags; "
        f"it keeps its others: {format_tag_bucket_command(bucket, {**found, **tags}, region)}. Then run "
        "`pulumi up --refresh`, which puts back what else it lacks and names the versions that are not in it. If it "
        "is not, "
        f"write the parameter again for the bucket that is: {write_command}"
    )


def _explain_missing_parameter(parameter: str, retained_buckets: list[str], model: str, region: str) -> str:
    bucket = retained_buckets[0] if len(retained_buckets) == 1 else "BUCKET"
    retained_note = f"; marked as left behind: {', '.join(retained_buckets)}" if retained_buckets else ""
    return (
        f"This stack has no registry (the parameter {parameter} names none, and no bucket has the stack's tags without "
        f"being marked as left behind), so no version of {model} can be served. For a new stack, "
        "and for one that was destroyed, take tidewatch:variants, tidewatch:rollbackTo, tidewatch:retire and "
        "tidewatch:acknowledgedIncident, those that are there, out of the config and run `pulumi up`, publish a "
        "version with `tidewatch publish`, then `tidewatch promote` it. If this stack serves, leave them there and "
        f"write the parameter again for its bucket (`pulumi stack output registry` tells its name{retained_note}): "
        f"`{format_put_parameter_command(parameter, bucket, model, region)}`. The next `pulumi up` goes on, or says "
        "how."
    )


def _explain_missing_bucket(bucket: str, create_command: str, model: str) -> str:
    """Explains a stack whose registry is gone: its endpoint has the models loaded and continues to serve."""
    return (
        f"The registry of this stack, the bucket {bucket}, is gone, and with it the versions of {model}. "
        f"{KEEP_VARIANTS} Make the bucket again: {create_command}. Then publish each version that is declared again, "
        "from the very file that it was, with `tidewatch publish`, and run `pulumi up --refresh`, which "
        "puts back what kept the bucket shut. Where a refresh had taken the bucket out of the state before, the "
        "stack gets another one then, and the "
        "versions are to be published once more, into that."
    )
