"""Changes that somebody makes to the endpoint and its resources without the program, as in the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.gamedays.harness import Harness
from tidewatch.aws.dynamodb import to_item
from tidewatch.traffic import RollbackRun

CLONED_FIELDS = ("ProductionVariants", "DataCaptureConfig", "KmsKeyId", "EnableNetworkIsolation", "ExecutionRoleArn")


def update_endpoint(harness: Harness) -> None:
    """Updates the whole endpoint to a configuration with the same content."""
    harness.get_client("sagemaker").update_endpoint(
        EndpointName=harness.endpoint,
        EndpointConfigName=clone_endpoint_config(harness, "by-hand"),
        RetainAllVariantProperties=True,
    )


def clone_endpoint_config(harness: Harness, name: str) -> str:
    """Creates a copy of the live configuration. Returns its name."""
    sagemaker = harness.get_client("sagemaker")
    live = sagemaker.describe_endpoint(EndpointName=harness.endpoint)["EndpointConfigName"]
    live_config: Mapping[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=live)
    config_name = f"{harness.endpoint}-{name}"
    sagemaker.create_endpoint_config(
        EndpointConfigName=config_name,
        **{key: live_config[key] for key in CLONED_FIELDS if live_config.get(key) is not None},
    )
    return config_name


def deny_reads(harness: Harness, bucket: str, keys: str) -> str:
    """Denies everybody reads of these keys. Returns the previous bucket policy, for undoing it."""
    s3 = harness.get_client("s3")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    policy["Statement"].append(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{keys}"}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    return before


def put_item(harness: Harness, table: str, values: Mapping[str, object]) -> None:
    """Puts an item into a table."""
    harness.get_client("dynamodb").put_item(TableName=table, Item=to_item(values))


def forge_rollback(harness: Harness) -> None:
    """Writes a run that rolls back to the challenger into the control table."""
    run = RollbackRun("forged", "pending", harness.challenger, harness.control.get_time(), revision=9)
    record = {"stack": harness.outputs["key"], "key": "run", "revision": 9, "run": run.to_json()}
    put_item(harness, harness.control_table(), record)
