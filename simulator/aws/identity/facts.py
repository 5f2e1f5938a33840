"""What the account holds that decides which resource a request means, and which key something is sealed with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.dynamodb.models import dynamodb_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sns.models import sns_backends
from moto.ssm.models import ssm_backends

from simulator.aws import scaling
from simulator.aws.identity.need import Call
from simulator.aws.world import ACCOUNT

_KINDS = ("function:", "table/", "role/", "parameter/", "layer:")


def resolved(call: Call, filled: str) -> str:
    """The ARN of a table's line whose parameters are filled in: they may be ARNs, URLs, ids or names."""
    if filled.startswith("arn:"):
        return filled
    for kind in _KINDS:
        if filled.startswith(f"{kind}arn:"):
            return filled.removeprefix(kind).partition(":*")[0]
    if call.service == "sqs":
        return call.arn(filled.rsplit("/", 1)[-1])
    if call.service == "kms":
        return key_arn(call.region, filled) or call.arn(filled if filled.startswith("alias/") else f"key/{filled}")
    if call.service == "ssm":
        return call.arn(filled.replace("//", "/", 1))
    if filled.startswith("scalable-target/"):
        return _scalable_target(call) or call.arn("scalable-target/*")
    return call.arn(filled, "sagemaker" if call.service == "sagemaker-runtime" else "")


def key_arn(region: str, key: str | None) -> str:
    """The ARN of a customer's key, by id, ARN or alias; "" where there is none, or AWS's own."""
    if not key:
        return ""
    backend = kms_backends[ACCOUNT][region]
    id_ = key.rsplit("/", 1)[-1] if ":key/" in key or key.startswith("key/") else key
    if id_.startswith("alias/") or ":alias/" in id_:
        name = backend.get_alias_name(id_)
        id_ = next((one.id for one in backend.keys.values() if name in one.aliases), "")
    found = backend.keys.get(id_)
    return str(found.arn) if found is not None and found.key_manager == "CUSTOMER" else ""


def tag_keys(resource: str) -> dict[str, str]:
    """aws:ResourceTag/... of a key."""
    if ":key/" not in resource:
        return {}
    backend = kms_backends[ACCOUNT][resource.split(":")[3]]
    tags: Mapping[str, str] = backend.tagger.get_tag_dict_for_resource(resource.rsplit("/", 1)[-1])
    return {f"aws:resourcetag/{key.lower()}": value for key, value in tags.items()}


def partition_key(region: str, table: str) -> str:
    """The name of a table's partition key, by its name or ARN; "" where there is no such table."""
    found = dynamodb_backends[ACCOUNT][region].tables.get(table.rsplit("/", 1)[-1])
    return str(found.hash_key_attr) if found is not None else ""


def volume_key(region: str, configuration: str) -> str:
    """The customer's key for the volumes of an endpoint configuration, or ""."""
    found: Any = sagemaker_backends[ACCOUNT][region].endpoint_configs.get(configuration)
    return key_arn(region, found.fields.get("KmsKeyId")) if found is not None else ""


def topic_key(topic: str) -> str:
    """The customer's key that a topic is sealed with, or ""."""
    region = topic.split(":")[3] if topic.startswith("arn:") else ""
    found = sns_backends[ACCOUNT][region].topics.get(topic) if region else None
    return key_arn(region, str(found.kms_master_key_id)) if found is not None else ""


def parameter_key(region: str, name: str) -> str:
    """The customer's key of a parameter that is a SecureString, or ""."""
    held: Any = ssm_backends[ACCOUNT][region]._parameters
    versions = dict.get(held, name, [])
    sealed = versions and versions[-1].parameter_type == "SecureString"
    return key_arn(region, str(versions[-1].keyid or "")) if sealed else ""


def scaled_targets(region: str, endpoint: str) -> list[str]:
    """The ARNs of the scalable targets that the variants of an endpoint are."""
    held = applicationautoscaling_backends[ACCOUNT][region].targets.get(scaling.DIMENSION, {})
    return [str(held[f"endpoint/{endpoint}/variant/{one}"].arn) for one in scaling.scaled_variants(region, endpoint)]


def bucket(name: str) -> Any:
    """moto's bucket, or None."""
    return s3_backends[ACCOUNT]["aws"].buckets.get(name)


def bucket_key(name: str) -> str:
    """The customer's key that a bucket seals new objects with, or ""."""
    held = getattr(bucket(name), "encryption", None)
    rule = (held or {}).get("Rule") or (held or {}).get("Rules") or {}
    rule = rule[0] if isinstance(rule, list) else rule
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return any_region(default.get("KMSMasterKeyID"))


def object_key(name: str, key: str, version: str | None = None) -> str | None:
    """The customer's key that an object is sealed with, "" where it has none, None where there is no such object."""
    backend = s3_backends[ACCOUNT]["aws"]
    found = backend.get_object(name, key, version_id=version) if bucket(name) is not None else None
    if found is None:
        return None
    return any_region(found.kms_key_id) if found.encryption == "aws:kms" else ""


def any_region(key: str | None) -> str:
    """The ARN of a customer's key that may be of another region, or ""."""
    region = key.split(":")[3] if key and key.startswith("arn:") else "us-east-1"
    return key_arn(region, key)


def _scalable_target(call: Call) -> str:
    targets = applicationautoscaling_backends[ACCOUNT][call.region].targets
    found = targets.get(str(call.params.get("ScalableDimension")), {}).get(str(call.params.get("ResourceId")))
    return str(found.arn) if found is not None else ""
