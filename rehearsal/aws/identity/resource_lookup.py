"""Looks up the resource of a request, and the encryption key of a resource, in the account."""

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

from rehearsal.aws.autoscaling import scalable_targets
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity.permission import ApiCall

_KINDS = ("function:", "table/", "role/", "parameter/", "layer:")


def resolve_arn(call: ApiCall, resource: str) -> str:
    """The ARN for a row of a table with filled-in parameters, which may be ARNs, URLs, ids or names."""
    if resource.startswith("arn:"):
        return resource
    for kind in _KINDS:
        if resource.startswith(f"{kind}arn:"):
            return resource.removeprefix(kind).partition(":*")[0]
    if call.service == "sqs":
        return call.build_arn(resource.rsplit("/", 1)[-1])
    if call.service == "kms":
        return find_key_arn(call.region, resource) or call.build_arn(
            resource if resource.startswith("alias/") else f"key/{resource}"
        )
    if call.service == "ssm":
        return call.build_arn(resource.replace("//", "/", 1))
    if resource.startswith("scalable-target/"):
        return _find_scalable_target(call) or call.build_arn("scalable-target/*")
    return call.build_arn(resource, "sagemaker" if call.service == "sagemaker-runtime" else "")


def find_key_arn(region: str, key: str | None) -> str:
    """The ARN of a customer managed key, by id, ARN or alias; "" if it does not exist or belongs to AWS."""
    if not key:
        return ""
    backend = kms_backends[ACCOUNT][region]
    id_ = key.rsplit("/", 1)[-1] if ":key/" in key or key.startswith("key/") else key
    if id_.startswith("alias/") or ":alias/" in id_:
        name = backend.get_alias_name(id_)
        id_ = next((candidate.id for candidate in backend.keys.values() if name in candidate.aliases), "")
    found = backend.keys.get(id_)
    return str(found.arn) if found is not None and found.key_manager == "CUSTOMER" else ""


def read_tag_keys(resource: str) -> dict[str, str]:
    """The aws:ResourceTag/... keys of a KMS key."""
    if ":key/" not in resource:
        return {}
    backend = kms_backends[ACCOUNT][resource.split(":")[3]]
    tags: Mapping[str, str] = backend.tagger.get_tag_dict_for_resource(resource.rsplit("/", 1)[-1])
    return {f"aws:resourcetag/{key.lower()}": value for key, value in tags.items()}


def find_partition_key(region: str, table: str) -> str:
    """The name of a table's partition key, by the table's name or ARN; "" for an unknown table."""
    found = dynamodb_backends[ACCOUNT][region].tables.get(table.rsplit("/", 1)[-1])
    return str(found.hash_key_attr) if found is not None else ""


def find_volume_key(region: str, configuration: str) -> str:
    """The customer managed key for the volumes of an endpoint configuration, or ""."""
    found: Any = sagemaker_backends[ACCOUNT][region].endpoint_configs.get(configuration)
    return find_key_arn(region, found.fields.get("KmsKeyId")) if found is not None else ""


def find_topic_key(topic: str) -> str:
    """The customer managed key of a topic, or ""."""
    region = topic.split(":")[3] if topic.startswith("arn:") else ""
    found = sns_backends[ACCOUNT][region].topics.get(topic) if region else None
    return find_key_arn(region, str(found.kms_master_key_id)) if found is not None else ""


def find_parameter_key(region: str, name: str) -> str:
    """The customer managed key of a SecureString parameter, or ""."""
    parameters: Any = ssm_backends[ACCOUNT][region]._parameters
    versions = dict.get(parameters, name, [])
    is_encrypted = versions and versions[-1].parameter_type == "SecureString"
    return find_key_arn(region, str(versions[-1].keyid or "")) if is_encrypted else ""


def list_scalable_targets(region: str, endpoint: str) -> list[str]:
    """The ARNs of the scalable targets of an endpoint's variants."""
    targets = applicationautoscaling_backends[ACCOUNT][region].targets.get(scalable_targets.DIMENSION, {})
    return [
        str(targets[f"endpoint/{endpoint}/variant/{variant}"].arn)
        for variant in scalable_targets.list_scaled_variants(region, endpoint)
    ]


def find_bucket(name: str) -> Any:
    """moto's bucket, or None."""
    return s3_backends[ACCOUNT]["aws"].buckets.get(name)


def find_bucket_key(name: str) -> str:
    """The customer managed key that encrypts a bucket's new objects, or ""."""
    encryption = getattr(find_bucket(name), "encryption", None)
    rule = (encryption or {}).get("Rule") or (encryption or {}).get("Rules") or {}
    rule = rule[0] if isinstance(rule, list) else rule
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return find_key_in_any_region(default.get("KMSMasterKeyID"))


def find_object_key(name: str, key: str, version: str | None = None) -> str | None:
    """The customer managed key of an object, "" if it has none, None for a missing object."""
    backend = s3_backends[ACCOUNT]["aws"]
    found = backend.get_object(name, key, version_id=version) if find_bucket(name) is not None else None
    if found is None:
        return None
    return find_key_in_any_region(found.kms_key_id) if found.encryption == "aws:kms" else ""


def find_key_in_any_region(key: str | None) -> str:
    """The ARN of a customer managed key in any region, or ""."""
    region = key.split(":")[3] if key and key.startswith("arn:") else "us-east-1"
    return find_key_arn(region, key)


def _find_scalable_target(call: ApiCall) -> str:
    targets = applicationautoscaling_backends[ACCOUNT][call.region].targets
    found = targets.get(str(call.params.get("ScalableDimension")), {}).get(str(call.params.get("ResourceId")))
    return str(found.arn) if found is not None else ""
