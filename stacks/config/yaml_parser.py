"""Parses YAML, including JSON, that a person wrote; an error is half a sentence with the line."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tidewatch.text import collapse_whitespace


class InvalidYaml(ValueError):
    """What is wrong with the text, and in which line, as half a sentence."""


def parse_yaml(text: str, yaml: Any) -> Any:
    """Returns the document in a text, parsed by a YAML of ruamel's; raises InvalidYaml."""
    try:
        return yaml.load(text)
    except RecursionError as error:
        raise InvalidYaml("its lists and objects are nested too deep") from error
    except (YAMLError, ValueError) as error:
        raise InvalidYaml(_format_error(error)) from error


def _format_error(error: Any) -> str:
    if isinstance(error, MarkedYAMLError):
        problem, mark = vars(error)["problem"], vars(error)["problem_mark"]
        if problem and mark:
            return f"line {mark.line + 1}: {collapse_whitespace(problem)}"
    return collapse_whitespace(str(error))
