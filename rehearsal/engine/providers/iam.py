"""Roles, their policies and attachments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, get_id, make_retag, to_pairs

_NAMES = r"[\w+=,.@-]+"
_RULE = "letters, digits and +=,.@-_"


def _format_document(value: Any) -> str:
    """An IAM policy as JSON text; IAM returns it as values, or as percent-encoded text."""
    return json.dumps(value) if isinstance(value, Mapping) else unquote(value)


def _create_role(c: ResourceContext) -> Props:
    """Creates a role.

    The provider sets the id last (resourceRoleCreate): a role whose policies are refused stays outside the state.
    """
    properties = pick(c.props, "description", "maxSessionDuration", "path", "permissionsBoundary")
    role = c.client.create_role(
        RoleName=c["name"],
        AssumeRolePolicyDocument=to_json_text(c["assumeRolePolicy"]),
        **({"Tags": to_pairs(c["tags"])} if c.get("tags") else {}),
        **c.build_params("CreateRole", properties),
    )["Role"]
    for arn in c.get("managedPolicyArns", []):
        c.client.attach_role_policy(RoleName=c["name"], PolicyArn=arn)
    _put_inline_policies(c)
    return _extract_role(role)


def _extract_role(role: Props) -> Props:
    return {"arn": role["Arn"], "uniqueId": role["RoleId"], "createDate": role["CreateDate"].isoformat()}


def _put_inline_policies(c: ResourceContext) -> None:
    for policy in c.get("inlinePolicies", []):
        document = to_json_text(policy["policy"])
        c.client.put_role_policy(RoleName=c["name"], PolicyName=policy["name"], PolicyDocument=document)


def _read_role(c: ResourceContext) -> Props:
    role = c.client.get_role(RoleName=c.id)["Role"]
    return {
        **_extract_role(role),
        "name": role["RoleName"],
        "assumeRolePolicy": _format_document(role["AssumeRolePolicyDocument"]),
        "description": role.get("Description", ""),
        "maxSessionDuration": role.get("MaxSessionDuration", 3600),
        "path": role["Path"],
        "tags": from_pairs(c.client.list_role_tags(RoleName=c.id)["Tags"]),
    }


def _update_role(c: ResourceContext) -> Props:
    if c.has_changed("assumeRolePolicy"):
        c.client.update_assume_role_policy(RoleName=c.id, PolicyDocument=to_json_text(c["assumeRolePolicy"]))
    if c.has_changed("description", "maxSessionDuration"):
        duration = c.get("maxSessionDuration", 3600)
        c.client.update_role(RoleName=c.id, Description=c.get("description", ""), MaxSessionDuration=duration)
    if c.has_changed("permissionsBoundary"):
        if boundary := c.get("permissionsBoundary"):
            c.client.put_role_permissions_boundary(RoleName=c.id, PermissionsBoundary=boundary)
        else:
            c.client.delete_role_permissions_boundary(RoleName=c.id)
    if c.has_changed("managedPolicyArns"):
        before, after = c.olds.get("managedPolicyArns") or [], c.get("managedPolicyArns", [])
        for arn in set(after) - set(before):
            c.client.attach_role_policy(RoleName=c.id, PolicyArn=arn)
        for arn in set(before) - set(after):
            c.client.detach_role_policy(RoleName=c.id, PolicyArn=arn)
    if c.has_changed("inlinePolicies"):
        names = {p["name"] for p in c.get("inlinePolicies", [])}
        for policy in c.olds.get("inlinePolicies") or []:
            if policy["name"] not in names:
                c.client.delete_role_policy(RoleName=c.id, PolicyName=policy["name"])
        _put_inline_policies(c)
    return {}


def _delete_role(c: ResourceContext) -> None:
    """Detaches the resource's own policies, or all policies with forceDetachPolicies, and deletes the role."""
    force = c.get("forceDetachPolicies")
    if force or c.get("managedPolicyArns"):
        for page in c.client.get_paginator("list_attached_role_policies").paginate(RoleName=c.id):
            for policy in page["AttachedPolicies"]:
                c.client.detach_role_policy(RoleName=c.id, PolicyArn=policy["PolicyArn"])
    if force or c.get("inlinePolicies"):
        for page in c.client.get_paginator("list_role_policies").paginate(RoleName=c.id):
            for name in page["PolicyNames"]:
                c.client.delete_role_policy(RoleName=c.id, PolicyName=name)
    for profile in c.client.list_instance_profiles_for_role(RoleName=c.id)["InstanceProfiles"]:
        c.client.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=c.id)
    c.client.delete_role(RoleName=c.id)


def _put_role_policy(c: ResourceContext) -> Props:
    c.client.put_role_policy(RoleName=c["role"], PolicyName=c["name"], PolicyDocument=to_json_text(c["policy"]))
    return {"id": f"{c['role']}:{c['name']}"}


def _update_role_policy(c: ResourceContext) -> Props:
    _put_role_policy(c)
    return {}


def _read_role_policy(c: ResourceContext) -> Props:
    role, name = c.id.split(":", 1)
    response = c.client.get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": _format_document(response["PolicyDocument"])}


def _delete_role_policy(c: ResourceContext) -> None:
    role, name = c.id.split(":", 1)
    c.client.delete_role_policy(RoleName=role, PolicyName=name)


def _attach_policy(c: ResourceContext) -> Props:
    c.client.attach_role_policy(RoleName=c["role"], PolicyArn=c["policyArn"])
    return {"id": f"{c['role']}/{c['policyArn']}"}


def _read_attachment(c: ResourceContext) -> Props:
    role, arn = c.id.split("/", 1)
    pages = c.client.get_paginator("list_attached_role_policies").paginate(RoleName=role)
    if not any(p["PolicyArn"] == arn for page in pages for p in page["AttachedPolicies"]):
        raise NotFound(c.id)
    return {"role": role, "policyArn": arn}


def _detach_policy(c: ResourceContext) -> None:
    role, arn = c.id.split("/", 1)
    c.client.detach_role_policy(RoleName=role, PolicyArn=arn)


def _create_policy(c: ResourceContext) -> Props:
    properties = c.build_params("CreatePolicy", pick(c.props, "description", "path"))
    tags = {"Tags": to_pairs(c["tags"])} if c.get("tags") else {}
    policy = c.client.create_policy(
        PolicyName=c["name"], PolicyDocument=to_json_text(c["policy"]), **tags, **properties
    )["Policy"]
    return {"id": policy["Arn"], "arn": policy["Arn"], "policyId": policy["PolicyId"], "attachmentCount": 0}


def _read_policy(c: ResourceContext) -> Props:
    policy = c.client.get_policy(PolicyArn=c.id)["Policy"]
    version = c.client.get_policy_version(PolicyArn=c.id, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return {
        "arn": policy["Arn"],
        "policyId": policy["PolicyId"],
        "attachmentCount": policy.get("AttachmentCount", 0),
        "name": policy["PolicyName"],
        "path": policy["Path"],
        "policy": _format_document(version["Document"]),
        "tags": from_pairs(c.client.list_policy_tags(PolicyArn=c.id)["Tags"]),
    }


def _update_policy(c: ResourceContext) -> Props:
    """Creates a new version. A policy has at most five: the oldest is deleted first, as in the provider."""
    if c.has_changed("policy"):
        _delete_old_versions(c, keep=4)
        c.client.create_policy_version(PolicyArn=c.id, PolicyDocument=to_json_text(c["policy"]), SetAsDefault=True)
    return {}


def _delete_old_versions(c: ResourceContext, keep: int) -> None:
    versions = [v for v in c.client.list_policy_versions(PolicyArn=c.id)["Versions"] if not v["IsDefaultVersion"]]
    versions.sort(key=lambda v: int(v["VersionId"][1:]))
    for version in versions[: max(0, len(versions) - keep + 1)] if keep else versions:
        c.client.delete_policy_version(PolicyArn=c.id, VersionId=version["VersionId"])


def _delete_policy(c: ResourceContext) -> None:
    _delete_old_versions(c, keep=0)
    c.client.delete_policy(PolicyArn=c.id)


def _make_json_validator(key: str) -> Any:
    def validate(news: Props) -> dict[str, str]:
        value = news.get(key)
        try:
            if isinstance(value, str):
                json.loads(value)
        except ValueError as error:
            return {key: f'"{key}" contains an invalid JSON policy: {error}'}
        return {}

    return validate


SPECS: dict[str, ResourceSpec] = {
    "aws:iam/role:Role": ResourceSpec(
        "iam",
        _create_role,
        _read_role,
        _delete_role,
        update=_update_role,
        naming=Naming(limit=64, pattern=_NAMES, rule=_RULE),
        inputs=frozenset(
            {
                "assumeRolePolicy",
                "description",
                "forceDetachPolicies",
                "inlinePolicies",
                "managedPolicyArns",
                "maxSessionDuration",
                "path",
                "permissionsBoundary",
            }
        ),
        force_new=frozenset({"path"}),
        defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"},
        validate=_make_json_validator("assumeRolePolicy"),
        computed=("arn", "uniqueId", "createDate"),
        retag=make_retag("RoleName", get_id, calls=("tag_role", "untag_role")),
    ),
    "aws:iam/rolePolicy:RolePolicy": ResourceSpec(
        "iam",
        _put_role_policy,
        _read_role_policy,
        _delete_role_policy,
        update=_update_role_policy,
        naming=Naming(limit=128, pattern=_NAMES, rule=_RULE),
        inputs=frozenset({"policy", "role"}),
        force_new=frozenset({"role"}),
        validate=_make_json_validator("policy"),
        computed=(),
        identify=lambda c: f"{c['role']}:{c['name']}",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceSpec(
        "iam",
        _attach_policy,
        _read_attachment,
        _detach_policy,
        naming=None,
        inputs=frozenset({"role", "policyArn"}),
        computed=(),
        identify=lambda c: f"{c['role']}/{c['policyArn']}",
    ),
    "aws:iam/policy:Policy": ResourceSpec(
        "iam",
        _create_policy,
        _read_policy,
        _delete_policy,
        update=_update_policy,
        naming=Naming(limit=128, pattern=_NAMES, rule=_RULE),
        inputs=frozenset({"description", "path", "policy"}),
        force_new=frozenset({"description", "path"}),
        defaults={"path": "/"},
        validate=_make_json_validator("policy"),
        computed=("arn", "policyId", "attachmentCount"),
        identify=lambda c: f"arn:aws:iam::{c.settings.account}:policy{c.get('path', '/')}{c['name']}",
        retag=make_retag("PolicyArn", get_id, calls=("tag_policy", "untag_policy")),
    ),
}
