"""What is said where the registry of a stack with variants is not found: what to do, and the commands that do it.

Nobody can tell from here how it came to be missing: somebody deleted it, or an `up` was killed between two steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidewatch.items import error_code
from tidewatch.registry.place import CLOSED, Tagging, carried, left_behind, named, parameter_name, tags_of
from tidewatch.registry.rescue import make_bucket, tag_bucket, write_parameter

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

KEEP = "Leave tidewatch:variants in the config: an endpoint goes on with what it has loaded, but gets no new instance."


def unfound(ssm: SSMClient, s3: S3Client, tagging: Tagging, stack: tuple[str, str], model: str) -> str:
    """What to do; stack: project and name. Raises ClientError."""
    parameter, region = parameter_name(*stack), ssm.meta.region_name
    bucket = named(ssm, *stack)
    if not bucket:
        return _unnamed(parameter, left_behind(tagging, *stack), model, region)
    tags = tags_of("/".join(stack), model)
    rewritten = write_parameter(parameter, "BUCKET", model, region)
    try:
        found = carried(s3, bucket)
    except ClientError as error:
        if error_code(error) not in CLOSED:
            raise
        return (
            f"The parameter {parameter} names the bucket {bucket} as the registry of this stack, and S3 does not let "
            "its tags be read: it is another account's, or s3:GetBucketTagging is not allowed on it. "
            f"{KEEP} If it is not the registry, write the parameter again for the one that is: {rewritten}"
        )
    if found is None:
        return _gone(bucket, make_bucket(bucket, tags, region), model)
    return (
        f"The registry of this stack, by the parameter {parameter}, is the bucket {bucket}, which is there, but "
        f"without the tags by which the stack knows it. {KEEP} If it is the registry, give it these tags; it keeps its "
        f"others: {tag_bucket(bucket, {**found, **tags}, region)}. Then run `pulumi up --refresh`, which puts back "
        "what else it lacks and names the versions that are not in it. If it is not, write the parameter again for the "
        f"bucket that is: {rewritten}"
    )


def _unnamed(parameter: str, left: list[str], model: str, region: str) -> str:
    bucket = left[0] if len(left) == 1 else "BUCKET"
    marked = f"; marked as left behind: {', '.join(left)}" if left else ""
    return (
        f"This stack has no registry (the parameter {parameter} names none, and no bucket has the stack's tags without "
        f"being marked as left behind), so no version of {model} can be served. For a new stack, "
        "and for one that was destroyed, take tidewatch:variants, tidewatch:rollbackTo, tidewatch:retire and "
        "tidewatch:acknowledgedIncident, those that are there, out of the config and run `pulumi up`, publish a "
        "version with `tidewatch publish`, then `tidewatch promote` it. If this stack serves, leave them there and "
        f"write the parameter again for its bucket (`pulumi stack output registry` tells its name{marked}): "
        f"`{write_parameter(parameter, bucket, model, region)}`. The next `pulumi up` goes on, or says how."
    )


def _gone(bucket: str, made: str, model: str) -> str:
    """What becomes of a stack whose registry is gone: what serves has its model loaded, and goes on."""
    return (
        f"The registry of this stack, the bucket {bucket}, is gone, and with it the versions of {model}. "
        f"{KEEP} Make the bucket again: {made}. Then publish each version that is declared again, from the very file "
        "that it was, with `tidewatch publish`, and run `pulumi up --refresh`, which puts back what kept the bucket "
        "shut. Where a refresh had taken the bucket out of the state before, the stack gets another one then, and the "
        "versions are to be published once more, into that."
    )
