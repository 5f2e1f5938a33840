"""What checkov finds in the production stack and stays, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ACCEPTED: Mapping[str, str] = MappingProxyType(
    {
        "CKV2_AWS_62": "Nothing consumes events of the buckets: the drift job lists the files of an hour.",
        "CKV2_AWS_64": "A key without a policy of its own has KMS's default, which leaves access to IAM.",
        "CKV_AWS_116": "Failed events go to a queue by a FunctionEventInvokeConfig, which checkov does not read.",
        "CKV_AWS_117": "The functions call AWS alone; a VPC would be one more thing that a rollback needs.",
        "CKV_AWS_119": "A key that cannot be used must not stop a rollback: the tables have DynamoDB's own key.",
        "CKV_AWS_144": "A stack lives in one region; a second region is a second stack with a registry of its own.",
        "CKV_AWS_145": "S3 delivers access logs only to a bucket without a customer key.",
        "CKV_AWS_158": "A rollback has to be able to log when a key cannot be used; CloudWatch encrypts with its own.",
        "CKV_AWS_173": "The variables hold names of resources and no secret; Lambda encrypts them.",
        "CKV_AWS_21": "Captured requests, reports and access logs expire; versions would keep what must go.",
        "CKV_AWS_272": "The archives are built from the checkout, and the state has their hashes.",
        "CKV_AWS_355": "These actions take no resource: policies/access.py lists them with the reason.",
        "CKV_AWS_385": "The statement for everybody denies requests without TLS; checkov takes it for a permission.",
        "CKV_AWS_61": "Roles for people trust the account, with MFA; `access` names who may take them.",
        "CKV_AWS_98": "Hosts with NVMe disks reject or ignore a volume key; `endpoint.volumeKey` is for others.",
    }
)
