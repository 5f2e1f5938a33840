"""The AWS provider's settings in a stack's config, as values; what boto3 cannot follow of them is a fault.

Source: Pulumi's AWS provider 7.51, its configuration variables; the settings of boto3 in botocore.config and
botocore.configprovider.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

FOLLOWED = (
    "region", "profile", "accessKey", "secretKey", "token", "sharedConfigFiles", "sharedCredentialsFiles",
    "assumeRoles", "assumeRoleWithWebIdentity", "allowedAccountIds", "forbiddenAccountIds", "endpoints", "stsRegion",
    "useFipsEndpoint", "useDualstackEndpoint", "s3UsePathStyle", "s3UsEast1RegionalEndpoint", "maxRetries", "retryMode",
    "customCaBundle", "insecure", "httpProxy", "httpsProxy", "ec2MetadataServiceEndpoint",
    "ec2MetadataServiceEndpointMode",
)  # fmt: skip
"""What every client does as the provider does it."""
NOT_OURS = (
    "defaultTags", "ignoreTags", "tagPolicyCompliance", "skipCredentialsValidation", "skipMetadataApiCheck",
    "skipRegionValidation", "skipRequestingAccountId", "tokenBucketRateLimiterCapacity", "userAgents",
)  # fmt: skip
"""What is about the provider's resources and its own checks: no client has anything to follow."""
REFUSED = {
    "assumeRole": "is no setting of this version of the AWS provider; use assumeRoles, a list like [{roleArn: ARN}]",
    "noProxy": "boto3 takes it from the environment only; leave it out and set NO_PROXY there",
}
KEYS = tuple(f"aws:{name}" for name in (*FOLLOWED, *NOT_OURS, *REFUSED))
"""Every key of the AWS provider's config."""

_LISTS = ("sharedConfigFiles", "sharedCredentialsFiles", "assumeRoles", "allowedAccountIds", "forbiddenAccountIds")
_FLAGS = ("useFipsEndpoint", "useDualstackEndpoint", "s3UsePathStyle", "insecure")
_CHOICES = {
    "retryMode": ("standard", "adaptive"),
    "ec2MetadataServiceEndpointMode": ("IPv4", "IPv6"),
    "s3UsEast1RegionalEndpoint": ("legacy", "regional"),
}
_ROLE = {
    "roleArn", "sessionName", "externalId", "duration", "policy", "policyArns", "tags", "transitiveTagKeys",
    "sourceIdentity",
}  # fmt: skip
_WEB_ROLE = {"roleArn", "sessionName", "duration", "policy", "policyArns", "webIdentityToken", "webIdentityTokenFile"}
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class Role:
    """A role to take. request: the other parameters of the call, as JSON. token, token_file: of a web identity."""

    arn: str
    request: str = "{}"
    token: str = ""
    token_file: str = ""


@dataclass(frozen=True)
class Connection:
    """Where and as whom to speak to AWS. options: the other settings that are followed, by name, as JSON."""

    region: str = ""
    profile: str = ""
    roles: tuple[Role, ...] = ()
    web_identity: Role | None = None
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Connection:
        """The connection that `aws:*` values ask for, parsed or as JSON text; those without fault, see `faults`."""
        given = _given(config)
        apart = ("region", "profile", "assumeRoles", "assumeRoleWithWebIdentity")
        web = given.get("assumeRoleWithWebIdentity")
        return cls(
            region=str(given.get("region") or ""),
            profile=str(given.get("profile") or ""),
            roles=tuple(_role(one) for one in given.get("assumeRoles") or ()),
            web_identity=_role(web) if web else None,
            options=tuple((name, json.dumps(given[name])) for name in FOLLOWED if name in given and name not in apart),
        )

    def option(self, name: str) -> Any:
        """One of the other settings; None where it is not set."""
        found = dict(self.options).get(name)
        return None if found is None else json.loads(found)

    def flag(self, name: str) -> bool:
        """One of the other settings that is on or off."""
        return str(self.option(name) or "").lower() == "true"


def faults(config: Mapping[str, object]) -> Iterator[str]:
    """What of the AWS provider's settings no client could follow, each with its path."""
    for key in sorted(name for name in config if name.startswith("aws:") and name not in KEYS):
        near = difflib.get_close_matches(key, KEYS, 1)
        yield f"{key}: is no setting of the AWS provider" + (f"; did you mean {near[0]}?" if near else "")
    given = _given(config)
    for name in sorted(given.keys() & REFUSED.keys()):
        yield f"aws:{name}: {REFUSED[name]}"
    yield from _misshapen(given)
    for name in ("sharedConfigFiles", "sharedCredentialsFiles"):
        if isinstance(given.get(name), list) and len(given[name]) > 1:
            yield f"aws:{name}: names {len(given[name])} files, and boto3 reads one; put what is needed into one"
    if bool(given.get("accessKey")) != bool(given.get("secretKey")):
        missing = "secretKey" if given.get("accessKey") else "accessKey"
        yield f"aws:{missing}: is missing; an access key is a pair, or leave both out and use a profile"


def _misshapen(given: Mapping[str, Any]) -> Iterator[str]:
    for name in _LISTS:
        if name in given and not isinstance(given[name], list):
            yield f"aws:{name}: is not a list; begin each entry with a dash"
    for name in _FLAGS:
        if str(given.get(name, "true")).lower() not in ("true", "false"):
            yield f"aws:{name}: is neither true nor false"
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            yield f"aws:{name}: is none of {', '.join(choices)}"
    if "maxRetries" in given and not str(given["maxRetries"]).isdecimal():
        yield "aws:maxRetries: is not a whole number"
    yield from _endpoints(given.get("endpoints"))
    roles = given.get("assumeRoles")
    for number, role in enumerate(cast("list[object]", roles) if isinstance(roles, list) else []):
        yield from _unfit(role, f"aws:assumeRoles.{number}", _ROLE)
    if "assumeRoleWithWebIdentity" in given:
        yield from _unfit(given["assumeRoleWithWebIdentity"], "aws:assumeRoleWithWebIdentity", _WEB_ROLE)


def _endpoints(value: object) -> Iterator[str]:
    entries = cast("list[object]", value) if isinstance(value, list) else [] if value is None else [value]
    for entry in entries:
        if not isinstance(entry, Mapping):
            yield "aws:endpoints: is not a list of objects; use one like [{s3: https://...}]"


def _unfit(role: object, path: str, keys: set[str]) -> Iterator[str]:
    if not isinstance(role, Mapping):
        yield f"{path}: is not an object; use one like {{roleArn: ARN}}"
        return
    held = cast("Mapping[str, Any]", role)
    for key in sorted(held.keys() - keys):
        yield f"{path}.{key}: unknown key; the keys here are {', '.join(sorted(keys))}"
    if not str(held.get("roleArn") or "").startswith("arn:"):
        yield f"{path}.roleArn: is no ARN of a role; use one like arn:aws:iam::111122223333:role/deployer"
    if _seconds(str(held.get("duration") or "")) is None:
        yield f"{path}.duration: is no duration; use one like 1h or 30m"


def _seconds(text: str) -> int | None:
    """Seconds of a duration as Go writes it, 1h30m; 0 for "", None for what is none."""
    found = _DURATION.fullmatch(text)
    return sum(int(part or 0) * of for part, of in zip(found.groups(), (3600, 60, 1), strict=True)) if found else None


def _role(given: Mapping[str, Any]) -> Role:
    """The parameters of AssumeRole by the provider's names."""
    request: dict[str, Any] = {"RoleSessionName": given.get("sessionName") or "tidewatch"}
    plain = {"externalId": "ExternalId", "policy": "Policy", "sourceIdentity": "SourceIdentity"}
    request |= {theirs: given[ours] for ours, theirs in plain.items() if given.get(ours)}
    if seconds := _seconds(str(given.get("duration") or "")):
        request["DurationSeconds"] = seconds
    if given.get("policyArns"):
        request["PolicyArns"] = [{"arn": one} for one in given["policyArns"]]
    if given.get("tags"):
        request["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(given["tags"].items())]
    if given.get("transitiveTagKeys"):
        request["TransitiveTagKeys"] = list(given["transitiveTagKeys"])
    return Role(
        str(given["roleArn"]),
        json.dumps(request),
        str(given.get("webIdentityToken") or ""),
        str(given.get("webIdentityTokenFile") or ""),
    )


def _given(config: Mapping[str, object]) -> dict[str, Any]:
    """The provider's settings that are set, by their names without `aws:`; lists and objects parsed."""
    found = {key.partition(":")[2]: _parsed(value) for key, value in config.items() if key in KEYS}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _parsed(value: object) -> object:
    """The engine hands lists and objects over as JSON text."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
