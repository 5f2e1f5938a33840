"""The words of the stack config that AWS has rules of its own for: refused here, before anything is touched.

As in types.py, a validator raises ValueError with the second half of a sentence. The rules are botocore's models' and,
where the AWS provider is stricter, the provider's.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from stacks import hosting, places
from stacks.types import CONTACT, ContentType
from tidewatch import tags

MOST_SUBNETS, MOST_GROUPS = 16, 5
"""Subnets and VpcSecurityGroupIds in SageMaker's model."""
MOST_CONTENT_TYPES, LONGEST_CONTENT_TYPE = 10, 256
"""CsvContentTypes and JsonContentTypes in SageMaker's model."""
MOST_VARIABLES = 100
"""EnvironmentMap in SageMaker's model."""
LONGEST_VARIABLE = 1024
"""Bytes of a key, and of a value. Source: ContainerDefinition, "Environment"."""
LONGEST_ENVIRONMENT = 32 * 1024
"""Bytes of all keys and values together. Source: ContainerDefinition, "Environment"."""
LONGEST_CONTACT = 256

_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_SUBNET = re.compile(r"(?=.{1,32}$)subnet-[0-9a-zA-Z]+")
_GROUP = re.compile(r"(?=.{1,32}$)sg-[0-9a-zA-Z]+")
"""SubnetId and SecurityGroupId in SageMaker's model, with EC2's beginnings."""
_PERMISSION_SET = re.compile(r"[\w+=,.@-]{1,32}", re.ASCII)
"""PermissionSetName in the model of IAM Identity Center."""
_REPOSITORY = re.compile(
    r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.[a-z0-9.-]+[a-z](/[a-z0-9]+([._-]+[a-z0-9]+)*)*(/\*|(?<=[a-z0-9]))",
    re.ASCII,
)
"""A registry's host with a repository's name, as RepositoryName in ECR's model has it."""
_PERSON = re.compile(r"root|(user|role)/([!-)+->@-~]+/)?[\w+=,.@-]{1,64}", re.ASCII)
"""Without * and ?, which IAM refuses in a trust policy's principal."""


def _told(faults: Iterator[str], text: str) -> str:
    """The text, where nothing is wrong with it."""
    if found := list(faults):
        raise ValueError(f"{text!r} {'; '.join(found)}")
    return text


def _tag_key(text: str) -> str:
    if text.lower().startswith("tidewatch:"):
        raise ValueError(f"{text!r} begins like the tags of this program, which say what is whose; choose another key")
    return _told(tags.key_faults(text), text)


def _tag_value(text: str) -> str:
    return _told(tags.value_faults(text), text)


def _contact(text: str) -> str:
    if len(text) > LONGEST_CONTACT or not text.isprintable():
        raise ValueError(f"is no line of at most {LONGEST_CONTACT} characters; name somebody who answers, in one line")
    if not CONTACT.fullmatch(text):
        raise ValueError("is empty; name somebody who answers, like an address")
    return text


def _owner(text: str) -> str:
    """The owner is a tag's value besides."""
    faults = list(tags.value_faults(_contact(text)))
    if faults:
        raise ValueError(
            f"{text!r} {'; '.join(faults)}: the owner is a tag of everything; use one like team@example.com"
        )
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f"{text!r} is no variable's name; use letters, digits and underscores, no digit first")
    if len(text) > LONGEST_VARIABLE:
        raise ValueError(f"has {len(text)} characters; a variable's name has at most {LONGEST_VARIABLE}")
    return text


def _variable_value(text: str) -> str:
    if (size := len(text.encode())) > LONGEST_VARIABLE:
        raise ValueError(f"has {size} bytes; a variable's value has at most {LONGEST_VARIABLE}")
    if "\0" in text:
        raise ValueError("holds a zero byte, which no variable can; take it out")
    return text


def _written(value: object) -> object:
    """A whole number is its text: `pulumi config set --path` stores one without quotes."""
    return str(value) if type(value) is int else value


def environment_faults(environment: dict[str, str]) -> Iterator[str]:
    """What SageMaker has against all of a container's variables together, as ends of sentences."""
    if (many := len(environment)) > MOST_VARIABLES:
        yield f"{many} variables with those of this program; SageMaker takes {MOST_VARIABLES}"
    size = sum(len(text.encode()) for pair in environment.items() for text in pair)
    if size > LONGEST_ENVIRONMENT:
        yield f"{size} bytes of names and values; SageMaker takes {LONGEST_ENVIRONMENT}"


def _network(ids: re.Pattern[str], kind: str, example: str) -> Callable[[str], str]:
    """An id, or the ARN of one that another account shares."""

    def check(text: str) -> str:
        found = places.arn(text)
        name = text
        if found is not None and found.service == "ec2" and found.resource.startswith(f"{kind}/"):
            name = found.resource.partition("/")[2]
        if not ids.fullmatch(name):
            raise ValueError(
                f'"{text}" is no {kind}; use an id like {example}, or its ARN where another account shares it'
            )
        return text

    return check


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    """An id and the ARN that ends in it are the same."""
    names = [
        value.rpartition("/")[2] if value.startswith("arn:aws") and ":ec2:" in value else value for value in values
    ]
    if twice := sorted({value for value, name in zip(values, names, strict=True) if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is there twice; name each once")
    return values


def _content_types(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) > MOST_CONTENT_TYPES:
        raise ValueError(f"names {len(values)}; SageMaker takes {MOST_CONTENT_TYPES} content types at most")
    if long := [one for one in values if len(one) > LONGEST_CONTENT_TYPE]:
        raise ValueError(f"has one of {len(long[0])} characters; a content type has at most {LONGEST_CONTENT_TYPE}")
    return _once(values)


def _one_to(most: int, whose: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        if not values:
            raise ValueError("is empty; name at least one")
        if len(values) > most:
            raise ValueError(f"names {len(values)}; SageMaker takes {most} {whose} at most")
        return _once(values)

    return check


def _ami(text: str) -> str:
    offered = hosting.ami_versions()
    if text and text not in offered:
        near = difflib.get_close_matches(text, sorted(offered), 1, cutoff=0) or sorted(offered)
        raise ValueError(f'SageMaker has no machine image "{text}" for inference; use one of its own, like {near[0]}')
    return text


def _principal(text: str) -> str:
    """An ARN of IAM, or the name of a permission set."""
    if not text.startswith("arn:"):
        if not _PERMISSION_SET.fullmatch(text):
            raise ValueError(f'"{text}" is nobody; {_PRINCIPALS}')
        return text
    found = places.arn(text)
    if found is not None and found.service == "sts":
        raise ValueError(f'"{text}" is a session, which ends; name its role, arn:aws:iam::ACCOUNT:role/NAME')
    if found is None or found.service != "iam" or not found.account or not _PERSON.fullmatch(found.resource):
        raise ValueError(f'"{text}" is nobody; {_PRINCIPALS}')
    return text


def _repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text):
        raise ValueError(
            f'"{text}" is no repository of ECR; use one like 123456789012.dkr.ecr.us-east-1.amazonaws.com/triton, '
            "without tag and digest, or with /* at the end for all below"
        )
    return text


def _deployer(text: str) -> str:
    """Somebody whose own ARN a request carries."""
    if text.endswith(":root"):
        raise ValueError(f'"{text}" is a whole account; name the role, the user or the permission set that deploys')
    return _principal(text)


_PRINCIPALS = (
    "use the ARN of an IAM user or role, like arn:aws:iam::111122223333:user/ada, or the name of a permission set of "
    "IAM Identity Center, like OnCall"
)

TagKey = Annotated[str, AfterValidator(_tag_key)]
TagValue = Annotated[str, AfterValidator(_tag_value)]
Contact = Annotated[str, AfterValidator(_contact)]
Owner = Annotated[str, AfterValidator(_owner)]
Variable = Annotated[str, AfterValidator(_variable)]
VariableValue = Annotated[str, BeforeValidator(_written), AfterValidator(_variable_value)]
Environment = dict[Variable, VariableValue]
Ami = Annotated[str, AfterValidator(_ami)]
Subnet = Annotated[str, AfterValidator(_network(_SUBNET, "subnet", "subnet-0a1b2c3d4e5f60718"))]
Group = Annotated[str, AfterValidator(_network(_GROUP, "security-group", "sg-0a1b2c3d4e5f60718"))]
Subnets = Annotated[tuple[Subnet, ...], AfterValidator(_one_to(MOST_SUBNETS, "subnets"))]
Groups = Annotated[tuple[Group, ...], AfterValidator(_one_to(MOST_GROUPS, "security groups"))]
ContentTypes = Annotated[tuple[ContentType, ...], AfterValidator(_content_types)]
Repositories = Annotated[tuple[Annotated[str, AfterValidator(_repository)], ...], AfterValidator(_once)]
Deployers = Annotated[tuple[Annotated[str, AfterValidator(_deployer)], ...], AfterValidator(_once)]
Principals = Annotated[tuple[Annotated[str, AfterValidator(_principal)], ...], AfterValidator(_once)]
