"""YAML that a person wrote, JSON among it: what is wrong with it is half a sentence, with its line."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tidewatch.text import one_line


class NotYaml(ValueError):
    """What the text is not, and in which line, as half a sentence."""


def parsed(text: str, yaml: Any) -> Any:
    """The document of a text, by a YAML of ruamel's. Raises NotYaml."""
    try:
        return yaml.load(text)
    except RecursionError as deep:
        raise NotYaml("its lists and objects are nested too deep") from deep
    except (YAMLError, ValueError) as wrong:
        raise NotYaml(_told(wrong)) from wrong


def _told(wrong: Any) -> str:
    if isinstance(wrong, MarkedYAMLError):
        problem, mark = vars(wrong)["problem"], vars(wrong)["problem_mark"]
        if problem and mark:
            return f"line {mark.line + 1}: {one_line(problem)}"
    return one_line(str(wrong))
