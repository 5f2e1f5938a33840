"""The AWS provider's settings in a stack's config, and the mistakes in them that boto3 cannot follow.

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

SUPPORTED_SETTINGS = (
    "region", "profile", "accessKey", "secretKey", "token", "sharedConfigFiles", "sharedCredentialsFiles",
    "assumeRoles", "assumeRoleWithWebIdentity", "allowedAccountIds", "forbiddenAccountIds", "endpoints", "stsRegion",
    "useFipsEndpoint", "useDualstackEndpoint", "s3UsePathStyle", "s3UsEast1RegionalEndpoint", "maxRetries", "retryMode",
    "customCaBundle", "insecure", "httpProxy", "httpsProxy", "ec2MetadataServiceEndpoint",
    "ec2MetadataServiceEndpointMode",
)  # fmt: skip
"""The settings that every client follows like the provider."""
IGNORED_SETTINGS = (
    "defaultTags", "ignoreTags", "tagPolicyCompliance", "skipCredentialsValidation", "skipMetadataApiCheck",
    "skipRegionValidation", "skipRequestingAccountId", "tokenBucketRateLimiterCapacity", "userAgents",
)  # fmt: skip
"""Settings of the provider's resources and its own checks, which do not concern clients."""
UNSUPPORTED_SETTINGS = {
    "assumeRole": "is not a setting of this version of the AWS provider; use assumeRoles, a list like [{roleArn: ARN}]",
    "noProxy": "boto3 reads it from the environment only; remove it and set NO_PROXY in the environment",
}
PROVIDER_KEYS = tuple(f"aws:{name}" for name in (*SUPPORTED_SETTINGS, *IGNORED_SETTINGS, *UNSUPPORTED_SETTINGS))
"""Every key of the AWS provider's config."""

_LISTS = ("sharedConfigFiles", "sharedCredentialsFiles", "assumeRoles", "allowedAccountIds", "forbiddenAccountIds")
_FLAGS = ("useFipsEndpoint", "useDualstackEndpoint", "s3UsePathStyle", "insecure")
_CHOICES = {
    "retryMode": ("standard", "adaptive"),
    "ec2MetadataServiceEndpointMode": ("IPv4", "IPv6"),
    "s3UsEast1RegionalEndpoint": ("legacy", "regional"),
}
_ROLE_KEYS = {
    "roleArn", "sessionName", "externalId", "duration", "policy", "policyArns", "tags", "transitiveTagKeys",
    "sourceIdentity",
}  # fmt: skip
_WEB_IDENTITY_ROLE_KEYS = {
    "roleArn",
    "sessionName",
    "duration",
    "policy",
    "policyArns",
    "webIdentityToken",
    "webIdentityTokenFile",
}
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class AssumedRole:
    """A role to assume."""

    arn: str
    request: str = "{}"
    """The other parameters of the call, as JSON."""
    token: str = ""
    """The token of a web identity."""
    token_file: str = ""
    """The file with the token of a web identity."""


@dataclass(frozen=True)
class Connection:
    """The region and the identity for calls to AWS."""

    region: str = ""
    profile: str = ""
    roles: tuple[AssumedRole, ...] = ()
    web_identity: AssumedRole | None = None
    options: tuple[tuple[str, str], ...] = ()
    """The other supported settings, by name, as JSON."""

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Connection:
        """Returns the connection of `aws:*` values, parsed or as JSON text.

        They must have passed `find_config_faults`.
        """
        settings = _read_settings(config)
        excluded = ("region", "profile", "assumeRoles", "assumeRoleWithWebIdentity")
        web = settings.get("assumeRoleWithWebIdentity")
        return cls(
            region=str(settings.get("region") or ""),
            profile=str(settings.get("profile") or ""),
            roles=tuple(_parse_role(role) for role in settings.get("assumeRoles") or ()),
            web_identity=_parse_role(web) if web else None,
            options=tuple(
                (name, json.dumps(settings[name]))
                for name in SUPPORTED_SETTINGS
                if name in settings and name not in excluded
            ),
        )

    def get_option(self, name: str) -> Any:
        """Returns one of the other settings, or None if it is not set."""
        found = dict(self.options).get(name)
        return None if found is None else json.loads(found)

    def is_enabled(self, name: str) -> bool:
        """Whether one of the other settings is on."""
        return str(self.get_option(name) or "").lower() == "true"


def find_config_faults(config: Mapping[str, object]) -> Iterator[str]:
    """Yields the provider settings that no client could follow, each with its path."""
    for key in sorted(name for name in config if name.startswith("aws:") and name not in PROVIDER_KEYS):
        suggestions = difflib.get_close_matches(key, PROVIDER_KEYS, 1)
        yield f"{key}: is not a setting of the AWS provider" + (
            f"; did you mean {suggestions[0]}?" if suggestions else ""
        )
    settings = _read_settings(config)
    for name in sorted(settings.keys() & UNSUPPORTED_SETTINGS.keys()):
        yield f"aws:{name}: {UNSUPPORTED_SETTINGS[name]}"
    yield from _find_shape_faults(settings)
    for name in ("sharedConfigFiles", "sharedCredentialsFiles"):
        if isinstance(settings.get(name), list) and len(settings[name]) > 1:
            yield f"aws:{name}: names {len(settings[name])} files, but boto3 reads only one; merge them into one"
    if bool(settings.get("accessKey")) != bool(settings.get("secretKey")):
        missing = "secretKey" if settings.get("accessKey") else "accessKey"
        yield f"aws:{missing}: is missing; an access key needs both parts: add it, or leave both out and use a profile"


def _find_shape_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in _LISTS:
        if name in settings and not isinstance(settings[name], list):
            yield f"aws:{name}: is not a list; begin each entry with a dash"
    for name in _FLAGS:
        if str(settings.get(name, "true")).lower() not in ("true", "false"):
            yield f"aws:{name}: is neither true nor false"
    for name, choices in _CHOICES.items():
        if name in settings and settings[name] not in choices:
            yield f"aws:{name}: is invalid; use one of {', '.join(choices)}"
    if "maxRetries" in settings and not str(settings["maxRetries"]).isdecimal():
        yield "aws:maxRetries: is not a whole number"
    yield from _find_endpoint_faults(settings.get("endpoints"))
    roles = settings.get("assumeRoles")
    for number, role in enumerate(cast("list[object]", roles) if isinstance(roles, list) else []):
        yield from _find_role_faults(role, f"aws:assumeRoles.{number}", _ROLE_KEYS)
    if "assumeRoleWithWebIdentity" in settings:
        yield from _find_role_faults(
            settings["assumeRoleWithWebIdentity"], "aws:assumeRoleWithWebIdentity", _WEB_IDENTITY_ROLE_KEYS
        )


def _find_endpoint_faults(value: object) -> Iterator[str]:
    entries = cast("list[object]", value) if isinstance(value, list) else [] if value is None else [value]
    for entry in entries:
        if not isinstance(entry, Mapping):
            yield "aws:endpoints: is not a list of objects; use one like [{s3: https://...}]"


def _find_role_faults(role: object, path: str, keys: set[str]) -> Iterator[str]:
    if not isinstance(role, Mapping):
        yield f"{path}: is not an object; use one like {{roleArn: ARN}}"
        return
    settings = cast("Mapping[str, Any]", role)
    for key in sorted(settings.keys() - keys):
        yield f"{path}.{key}: unknown key; the keys here are {', '.join(sorted(keys))}"
    if not str(settings.get("roleArn") or "").startswith("arn:"):
        yield f"{path}.roleArn: is not the ARN of a role; use one like arn:aws:iam::111122223333:role/deployer"
    if _parse_duration(str(settings.get("duration") or "")) is None:
        yield f"{path}.duration: is not a duration; use one like 1h or 30m"


def _parse_duration(text: str) -> int | None:
    """Returns the seconds of a duration in Go's format, such as 1h30m; 0 for "", None if it is invalid."""
    found = _DURATION.fullmatch(text)
    return (
        sum(int(part or 0) * unit_seconds for part, unit_seconds in zip(found.groups(), (3600, 60, 1), strict=True))
        if found
        else None
    )


def _parse_role(settings: Mapping[str, Any]) -> AssumedRole:
    """Returns the role with the parameters of AssumeRole, from the provider's names."""
    request: dict[str, Any] = {"RoleSessionName": settings.get("sessionName") or "tidewatch"}
    parameter_names = {"externalId": "ExternalId", "policy": "Policy", "sourceIdentity": "SourceIdentity"}
    request |= {parameter: settings[setting] for setting, parameter in parameter_names.items() if settings.get(setting)}
    if seconds := _parse_duration(str(settings.get("duration") or "")):
        request["DurationSeconds"] = seconds
    if settings.get("policyArns"):
        request["PolicyArns"] = [{"arn": policy_arn} for policy_arn in settings["policyArns"]]
    if settings.get("tags"):
        request["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(settings["tags"].items())]
    if settings.get("transitiveTagKeys"):
        request["TransitiveTagKeys"] = list(settings["transitiveTagKeys"])
    return AssumedRole(
        str(settings["roleArn"]),
        json.dumps(request),
        str(settings.get("webIdentityToken") or ""),
        str(settings.get("webIdentityTokenFile") or ""),
    )


def _read_settings(config: Mapping[str, object]) -> dict[str, Any]:
    """Returns the provider's settings that are set, by name without `aws:`, with lists and objects parsed."""
    found = {key.partition(":")[2]: _parse_json(value) for key, value in config.items() if key in PROVIDER_KEYS}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _parse_json(value: object) -> object:
    """Parses lists and objects, which the engine passes as JSON text."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
