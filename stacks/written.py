"""YAML that a person wrote, JSON among it: what is wrong with it is half a sentence, with its line."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tidewatch.text import one_line


class NotYaml(ValueError):
    """What the text is not, and in which line, as half a sentence."""


def parsed(text: str, yaml: YAML) -> Any:
    """The document of a text. Raises NotYaml."""
    try:
        return yaml.load(text)
    except RecursionError as deep:
        raise NotYaml("its lists and objects are nested too deep") from deep
    except (YAMLError, ValueError) as wrong:
        raise NotYaml(_told(wrong)) from wrong


def _told(wrong: Exception) -> str:
    if isinstance(wrong, MarkedYAMLError) and wrong.problem and wrong.problem_mark:
        return f"line {wrong.problem_mark.line + 1}: {one_line(wrong.problem)}"
    return one_line(str(wrong))
