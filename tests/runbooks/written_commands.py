"""Commands as a page writes them, and whether there are such: ours by parsing them, AWS's by botocore's models."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from typer.main import get_command

from cli.main import app
from tidewatch.rollback import format_invocation

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
ASSIGNMENT = re.compile(r"[A-Z]+=\S*")
OPEN = re.compile(r"\{[a-z_]+\}|SUBSTITUTED|\b[A-Z]{2,}\b")
"""A value, or a part of one, that the reader fills in."""

GLOBAL = {"--region": 1, "--query": 1, "--output": 1, "--profile": 1, "--cli-read-timeout": 1}
PAGING = ("--max-items", "--page-size", "--starting-token")
S3 = {"ls": {"--recursive": 0, "--human-readable": 0}, "cp": {"--recursive": 0}}
"""The AWS CLI's own commands, which botocore does not know. Source: AWS CLI command reference, "s3"."""
PULUMI = {
    ("up",): {"--stack": 1, "--refresh": 0, "--replace": 1},
    ("preview",): {"--stack": 1},
    ("config", "set"): {"--stack": 1, "--path": 0},
    ("stack", "history"): {"--stack": 1},
    ("stack", "output"): {"--stack": 1},
    ("stack",): {"--stack": 1, "--show-urns": 0},
}
"""Source: Pulumi CLI reference."""
TOOLS = ("tidewatch", "aws", "pulumi", "git", "make")


def in_blocks(page: str) -> Iterator[list[str]]:
    """The commands of the shell blocks, those inside of others included, each as its words."""
    for block in BLOCK.findall(page):
        yield from _commands(block.replace("\\\n", " "))


def in_text(page: str) -> Iterator[list[str]]:
    """The commands in running text."""
    for span in SPAN.findall(BLOCK.sub("", page)):
        if span.split(maxsplit=1)[0] in TOOLS:
            yield from _commands(span)


def _commands(text: str) -> Iterator[list[str]]:
    """A new line ends a command, unless it is inside of quotes."""
    text = text.replace("{rollback_command}", format_invocation("function", "us-east-1"))
    for computed in (r"\$\(date [^()]*\)", r"\(0 - \d+\)", r"\$\(\(.*?\)\)(?!\))"):
        text = re.sub(computed, "0", text)
    while inner := re.search(r"\$\(([^()]*)\)", text):
        yield from _commands(inner[1])
        text = text[: inner.start()] + "SUBSTITUTED" + text[inner.end() :]
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|&\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    words: list[str] = []
    for word in (*lexer, ";"):
        if set(word) <= set(";|&\n"):
            if words := [each for each in words if not ASSIGNMENT.fullmatch(each)]:
                yield words
            words = []
        else:
            words.append(word)


def mistake(words: Sequence[str]) -> str:
    """What is wrong with a command, as half a sentence; "" where there is such a command."""
    try:
        match words[0]:
            case "tidewatch":
                _ours(words[1:])
            case "aws":
                _aws(words[1:])
            case "pulumi":
                _pulumi(words[1:])
            case "make":
                _make(words[1:])
            case "git":
                pass
            case other:
                return f"{other} is none of the tools that are there"
    except Exception as error:
        return f"{shlex.join(words)}: {getattr(error, 'message', '') or error}"
    return ""


class Wrong(Exception):
    pass


def _ours(words: Sequence[str]) -> None:
    command: Any = get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            raise Wrong(f"tidewatch has no command {' '.join(rest[:1])}")
        command = command.commands[rest.pop(0)]
    if rest:
        command.make_context(command.name, rest)


def _make(words: Sequence[str]) -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if unknown := set(words) - set(targets):
        raise Wrong(f"the Makefile has no {', '.join(sorted(unknown))}")


def _pulumi(words: Sequence[str]) -> None:
    known = next((path for path in PULUMI if tuple(words[: len(path)]) == path), None)
    if known is None:
        raise Wrong(f"pulumi {' '.join(words)} is not listed in this test")
    _options(words[len(known) :], PULUMI[known])


def _aws(words: Sequence[str]) -> None:
    service, action, rest = words[0], words[1], words[2:]
    if service == "s3":
        if action not in S3:
            raise Wrong(f"aws s3 {action} is not listed in this test")
        _options(rest, {**GLOBAL, **S3[action]})
        return
    operation = _operation("s3" if service == "s3api" else service, action)
    if not rest:
        return
    given, positional = _options(rest, {**GLOBAL, **_members(operation)})
    required = {f"--{xform_name(name, '-')}" for name in _input_shape(operation).required_members}
    if missing := required - given.keys():
        raise Wrong(f"{', '.join(sorted(missing))} is missing")
    if len(positional) != operation.has_streaming_output:
        raise Wrong(f"it takes {int(operation.has_streaming_output)} file, not {positional}")
    for query in given.get("--query", ()):
        jmespath.compile(query)
    for name, shape in _input_shape(operation).members.items():
        for value in given.get(f"--{xform_name(name, '-')}", ()):
            _value(value, shape)


def _operation(service: str, action: str) -> OperationModel:
    try:
        model = _service(service)
    except UnknownServiceError as error:
        raise Wrong(f"AWS has no {service}") from error
    found = next((name for name in model.operation_names if xform_name(name, "-") == action), None)
    if found is None:
        raise Wrong(f"{service} has no {action}")
    return model.operation_model(found)


@functools.cache
def _service(service: str) -> ServiceModel:
    return _session().get_service_model(service)


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def _input_shape(operation: OperationModel) -> StructureShape:
    assert isinstance(operation.input_shape, StructureShape)
    return operation.input_shape


def _members(operation: OperationModel) -> dict[str, int]:
    """The options of an operation, with how many words each takes; -1 is any number."""
    options: dict[str, int] = {}
    for name, shape in _input_shape(operation).members.items():
        option = xform_name(name, "-")
        if shape.type_name == "boolean":
            options |= {f"--{option}": 0, f"--no-{option}": 0}
        else:
            options[f"--{option}"] = -1 if isinstance(shape, ListShape) else 1
    service = operation.service_model.service_name
    paged = _session().get_component("data_loader").load_service_model(service, "paginators-1")["pagination"]
    return options | dict.fromkeys(PAGING if operation.name in paged else (), 1)


def _options(words: Sequence[str], known: dict[str, int]) -> tuple[dict[str, list[str]], list[str]]:
    """The values of each option, and the words that belong to none."""
    given: dict[str, list[str]] = {}
    positional: list[str] = []
    wanted, current = 0, ""
    for word in words:
        if word.startswith("--"):
            if word not in known:
                raise Wrong(f"there is no {word}")
            if wanted > 0:
                raise Wrong(f"{current} has no value")
            current, wanted = word, known[word]
            given[current] = []
        elif wanted:
            given[current].append(word)
            wanted -= wanted > 0
        else:
            positional.append(word)
    if wanted > 0:
        raise Wrong(f"{current} has no value")
    return given, positional


def _value(value: str, shape: Shape) -> None:
    """Words of an enumeration, and the keys of the CLI's shorthand: Name=x,Value=y."""
    if isinstance(shape, ListShape):
        _value(value, shape.member)
    elif isinstance(shape, StructureShape) and "=" in value and not value.startswith("{"):
        for part in value.split(","):
            key, _, inside = part.partition("=")
            if key not in shape.members:
                raise Wrong(f"{shape.name} has no {key}")
            _value(inside, shape.members[key])
    elif (allowed := getattr(shape, "enum", [])) and value not in allowed and not OPEN.search(value):
        raise Wrong(f"{value} is none of {', '.join(allowed)}")
