"""Types of the stack config whose values AWS restricts: a bad value is refused before anything changes.

As in types.py, a validator raises ValueError with the second half of a sentence. The rules come from botocore's models
and, where the AWS provider is stricter, from the provider.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from stacks.config import regions
from stacks.config.types import CONTACT_PATTERN, ContentType
from tidewatch.aws import instance_types, tags

MAX_SUBNETS, MAX_SECURITY_GROUPS = 16, 5
"""Subnets and VpcSecurityGroupIds in SageMaker's model."""
MAX_CONTENT_TYPES, MAX_CONTENT_TYPE_LENGTH = 10, 256
"""CsvContentTypes and JsonContentTypes in SageMaker's model."""
MAX_VARIABLES = 100
"""EnvironmentMap in SageMaker's model."""
MAX_VARIABLE_BYTES = 1024
"""Bytes of a key, and of a value. Source: ContainerDefinition, "Environment"."""
MAX_ENVIRONMENT_BYTES = 32 * 1024
"""Bytes of all keys and values together. Source: ContainerDefinition, "Environment"."""
MAX_CONTACT_LENGTH = 256

_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_SUBNET = re.compile(r"(?=.{1,32}$)subnet-[0-9a-zA-Z]+")
_GROUP = re.compile(r"(?=.{1,32}$)sg-[0-9a-zA-Z]+")
"""SubnetId and SecurityGroupId in SageMaker's model, with EC2's prefixes."""
_PERMISSION_SET = re.compile(r"[\w+=,.@-]{1,32}", re.ASCII)
"""PermissionSetName in the model of IAM Identity Center."""
_REPOSITORY = re.compile(
    r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.[a-z0-9.-]+[a-z](/[a-z0-9]+([._-]+[a-z0-9]+)*)*(/\*|(?<=[a-z0-9]))",
    re.ASCII,
)
"""A registry host with a repository name, as RepositoryName in ECR's model allows it."""
_IAM_PRINCIPAL = re.compile(r"root|(user|role)/([!-)+->@-~]+/)?[\w+=,.@-]{1,64}", re.ASCII)
"""No * and ?, because IAM refuses them in the principal of a trust policy."""


def _require_no_faults(faults: Iterator[str], text: str) -> str:
    """Returns the text; raises ValueError with its faults if it has any."""
    if found := list(faults):
        raise ValueError(f"{text!r} {'; '.join(found)}")
    return text


def _require_tag_key(text: str) -> str:
    if text.lower().startswith("tidewatch:"):
        raise ValueError(f"{text!r} begins like the tags of this program, which mark what it owns; choose another key")
    return _require_no_faults(tags.find_key_faults(text), text)


def _require_tag_value(text: str) -> str:
    return _require_no_faults(tags.find_value_faults(text), text)


def _require_contact(text: str) -> str:
    if len(text) > MAX_CONTACT_LENGTH or not text.isprintable():
        raise ValueError(f"is not one line of at most {MAX_CONTACT_LENGTH} characters; shorten the contact to one line")
    if not CONTACT_PATTERN.fullmatch(text):
        raise ValueError("is empty; name a contact, like an email address")
    return text


def _require_owner(text: str) -> str:
    """Validates the owner, which also becomes a tag's value."""
    faults = list(tags.find_value_faults(_require_contact(text)))
    if faults:
        raise ValueError(
            f"{text!r} {'; '.join(faults)}: the owner becomes a tag of every resource; use one like team@example.com"
        )
    return text


def _require_variable_name(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a variable's name; use letters, digits and underscores, not a digit first")
    if len(text) > MAX_VARIABLE_BYTES:
        raise ValueError(f"has {len(text)} characters; a variable's name has at most {MAX_VARIABLE_BYTES}")
    return text


def _require_variable_value(text: str) -> str:
    if (size := len(text.encode())) > MAX_VARIABLE_BYTES:
        raise ValueError(f"has {size} bytes; a variable's value has at most {MAX_VARIABLE_BYTES}")
    if "\0" in text:
        raise ValueError("holds a zero byte, which a variable cannot hold; remove it")
    return text


def _stringify_int(value: object) -> object:
    """Turns an int into text: `pulumi config set --path` stores such a value without quotes."""
    return str(value) if type(value) is int else value


def find_environment_faults(environment: dict[str, str]) -> Iterator[str]:
    """Yields what SageMaker refuses about all of a container's variables together, as ends of sentences."""
    if (count := len(environment)) > MAX_VARIABLES:
        yield f"{count} variables, including those of this program; SageMaker allows {MAX_VARIABLES}"
    size = sum(len(text.encode()) for pair in environment.items() for text in pair)
    if size > MAX_ENVIRONMENT_BYTES:
        yield f"{size} bytes of names and values; SageMaker allows {MAX_ENVIRONMENT_BYTES}"


def _require_network_id(ids: re.Pattern[str], kind: str, example: str) -> Callable[[str], str]:
    """Returns a validator for an id, or the ARN of a resource that another account shares."""

    def check(text: str) -> str:
        found = regions.parse_arn(text)
        name = text
        if found is not None and found.service == "ec2" and found.resource.startswith(f"{kind}/"):
            name = found.resource.partition("/")[2]
        if not ids.fullmatch(name):
            raise ValueError(
                f'"{text}" is not a {kind}; use an id like {example}, or its ARN if another account shares it'
            )
        return text

    return check


def _require_unique(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses duplicates; an id and the ARN that ends in it count as the same."""
    names = [
        value.rpartition("/")[2] if value.startswith("arn:aws") and ":ec2:" in value else value for value in values
    ]
    if duplicates := sorted({value for value, name in zip(values, names, strict=True) if names.count(name) > 1}):
        raise ValueError(f"{', '.join(duplicates)} appears twice; name each once")
    return values


def _require_content_types(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) > MAX_CONTENT_TYPES:
        raise ValueError(f"names {len(values)}; SageMaker allows at most {MAX_CONTENT_TYPES} content types")
    if oversized_types := [content_type for content_type in values if len(content_type) > MAX_CONTENT_TYPE_LENGTH]:
        raise ValueError(
            f"has a content type of {len(oversized_types[0])} characters; a content type has at most "
            f"{MAX_CONTENT_TYPE_LENGTH}"
        )
    return _require_unique(values)


def _require_one_to(maximum: int, plural: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        if not values:
            raise ValueError("is empty; name at least one")
        if len(values) > maximum:
            raise ValueError(f"names {len(values)}; SageMaker allows at most {maximum} {plural}")
        return _require_unique(values)

    return check


def _require_ami(text: str) -> str:
    ami_versions = instance_types.list_ami_versions()
    if text and text not in ami_versions:
        close_matches = difflib.get_close_matches(text, sorted(ami_versions), 1, cutoff=0) or sorted(ami_versions)
        raise ValueError(
            f'SageMaker has no machine image "{text}" for inference; use one that it offers, like {close_matches[0]}'
        )
    return text


def _require_principal(text: str) -> str:
    """Accepts an IAM ARN, or the name of a permission set."""
    if not text.startswith("arn:"):
        if not _PERMISSION_SET.fullmatch(text):
            raise ValueError(f'"{text}" is nobody; {_PRINCIPAL_HINT}')
        return text
    found = regions.parse_arn(text)
    if found is not None and found.service == "sts":
        raise ValueError(f'"{text}" is a session, which expires; name its role, arn:aws:iam::ACCOUNT:role/NAME')
    if found is None or found.service != "iam" or not found.account or not _IAM_PRINCIPAL.fullmatch(found.resource):
        raise ValueError(f'"{text}" is nobody; {_PRINCIPAL_HINT}')
    return text


def _require_repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text):
        raise ValueError(
            f'"{text}" is not an ECR repository; use one like 123456789012.dkr.ecr.us-east-1.amazonaws.com/triton, '
            "without tag or digest, or with /* at the end for all repositories below it"
        )
    return text


def _require_deployer_principal(text: str) -> str:
    """Accepts a principal whose own ARN appears in a request."""
    if text.endswith(":root"):
        raise ValueError(f'"{text}" is a whole account; name the role, the user or the permission set that deploys')
    return _require_principal(text)


_PRINCIPAL_HINT = (
    "use the ARN of an IAM user or role, like arn:aws:iam::111122223333:user/ada, or the name of a permission set of "
    "IAM Identity Center, like OnCall"
)

TagKey = Annotated[str, AfterValidator(_require_tag_key)]
TagValue = Annotated[str, AfterValidator(_require_tag_value)]
Contact = Annotated[str, AfterValidator(_require_contact)]
Owner = Annotated[str, AfterValidator(_require_owner)]
VariableName = Annotated[str, AfterValidator(_require_variable_name)]
VariableValue = Annotated[str, BeforeValidator(_stringify_int), AfterValidator(_require_variable_value)]
Environment = dict[VariableName, VariableValue]
Ami = Annotated[str, AfterValidator(_require_ami)]
Subnet = Annotated[str, AfterValidator(_require_network_id(_SUBNET, "subnet", "subnet-0a1b2c3d4e5f60718"))]
SecurityGroup = Annotated[str, AfterValidator(_require_network_id(_GROUP, "security-group", "sg-0a1b2c3d4e5f60718"))]
Subnets = Annotated[tuple[Subnet, ...], AfterValidator(_require_one_to(MAX_SUBNETS, "subnets"))]
SecurityGroups = Annotated[
    tuple[SecurityGroup, ...], AfterValidator(_require_one_to(MAX_SECURITY_GROUPS, "security groups"))
]
ContentTypes = Annotated[tuple[ContentType, ...], AfterValidator(_require_content_types)]
Repositories = Annotated[
    tuple[Annotated[str, AfterValidator(_require_repository)], ...], AfterValidator(_require_unique)
]
Deployers = Annotated[
    tuple[Annotated[str, AfterValidator(_require_deployer_principal)], ...], AfterValidator(_require_unique)
]
Principals = Annotated[tuple[Annotated[str, AfterValidator(_require_principal)], ...], AfterValidator(_require_unique)]
