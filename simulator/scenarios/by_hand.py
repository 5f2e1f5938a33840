"""What somebody does to the endpoint and to what belongs to it past the program, as with the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simulator.scenarios.scene import Scene
from tidewatch.items import item
from tidewatch.traffic.head import Head

KEPT = ("ProductionVariants", "DataCaptureConfig", "KmsKeyId", "EnableNetworkIsolation", "ExecutionRoleArn")


def update(scene: Scene) -> None:
    """An update of the whole endpoint to a configuration of the same content."""
    scene.client("sagemaker").update_endpoint(
        EndpointName=scene.endpoint,
        EndpointConfigName=same_again(scene, "by-hand"),
        RetainAllVariantProperties=True,
    )


def same_again(scene: Scene, name: str) -> str:
    """A configuration of the content of the live one; its name."""
    sagemaker = scene.client("sagemaker")
    live = sagemaker.describe_endpoint(EndpointName=scene.endpoint)["EndpointConfigName"]
    found: Mapping[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=live)
    made = f"{scene.endpoint}-{name}"
    sagemaker.create_endpoint_config(
        EndpointConfigName=made, **{key: found[key] for key in KEPT if found.get(key) is not None}
    )
    return made


def hide(scene: Scene, bucket: str, keys: str) -> str:
    """Lets nobody read what is under these keys; the bucket's policy before, which takes that back."""
    s3 = scene.client("s3")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    policy["Statement"].append(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{keys}"}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    return before


def write(scene: Scene, table: str, values: Mapping[str, object]) -> None:
    """Puts an item into a table."""
    scene.client("dynamodb").put_item(TableName=table, Item=item(values))


def forge(scene: Scene) -> None:
    """Writes a rollback to the challenger where the rollback function keeps the one that it drives."""
    forged = Head("forged", "pending", scene.challenger, scene.control.clock(), revision=9)
    head = {"endpoint": scene.outputs["key"], "key": "head", "revision": 9, "drive": forged.to_json()}
    write(scene, scene.control_table(), head)
