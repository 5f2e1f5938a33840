"""The rules of composite alarms: grammar, limits, value, circles.

Source: CloudWatch API reference, PutCompositeAlarm; CloudWatch user guide, "Create a composite alarm": at most 100
children, 500 elements and 10,240 characters; "the evaluation of composite alarms stops if CloudWatch detects a cycle".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

MOST_CHILDREN, MOST_ELEMENTS, LONGEST_RULE = 100, 500, 10_240
_TOKEN = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>[^\"]+)\"|(?P<plain>[^\s\"()]+))\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)(?![\w(])|(?P<sign>[()])|(?P<tight>NOT|AND|OR)(?=\())",
    re.IGNORECASE,
)

Node = Callable[[Mapping[str, str]], bool]


class InvalidRule(ValueError):
    """A rule that CloudWatch refuses; a sentence."""


@dataclass(frozen=True)
class Rule:
    """A parsed rule: whether it holds in the states of alarms by name, and its children in their order."""

    holds: Node
    children: tuple[str, ...]


def alarm_name(reference: str) -> str:
    """The name in an alarm's name or ARN."""
    return reference.split(":alarm:", 1)[1] if reference.startswith("arn:") and ":alarm:" in reference else reference


@cache
def parse(text: str) -> Rule:
    """The rule of a text. Raises InvalidRule."""
    if text != text.strip() or not text:
        raise InvalidRule("AlarmRule must not contain leading or trailing whitespace or be null")
    if len(text) > LONGEST_RULE:
        raise InvalidRule(f"AlarmRule must have length less than or equal to {LONGEST_RULE}: it has {len(text)}.")
    parser = _Parser(text)
    node = parser.alternatives()
    parser.end()
    children = tuple(dict.fromkeys(parser.children))
    if len(children) > MOST_CHILDREN or parser.elements > MOST_ELEMENTS:
        raise InvalidRule(
            f"AlarmRule has {len(children)} alarms and {parser.elements} elements; "
            f"at most {MOST_CHILDREN} and {MOST_ELEMENTS} are allowed."
        )
    return Rule(node, children)


def circular(name: str, rules: Mapping[str, Rule]) -> bool:
    """Whether the path from a composite alarm through its children runs in a circle."""
    done: set[str] = set()

    def runs(at: str, path: tuple[str, ...]) -> bool:
        if at in path:
            return True
        if at in done or at not in rules:
            return False
        found = any(runs(child, (*path, at)) for child in rules[at].children)
        done.add(at)
        return found

    return runs(name, ())


def depths(rules: Mapping[str, Rule]) -> dict[str, int]:
    """How far each composite alarm that is on no circle is from metric alarms: children first."""
    known: dict[str, int] = {}

    def depth(at: str) -> int:
        if at not in rules:
            return 0
        if at not in known:
            known[at] = 1 + max((depth(child) for child in rules[at].children), default=0)
        return known[at]

    return {name: depth(name) for name in rules if not circular(name, rules)}


class _Parser:
    """NOT binds strongest, then AND, then OR."""

    def __init__(self, text: str) -> None:
        self._text, self._place = text, 0
        self._tokens = _tokens(text)
        self.children: list[str] = []
        self.elements = 0

    def alternatives(self) -> Node:
        parts = [self._conjunction()]
        while self._take("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda states: any(part(states) for part in parts)

    def end(self) -> None:
        if self._place < len(self._tokens):
            self._fail()

    def _conjunction(self) -> Node:
        parts = [self._term()]
        while self._take("AND"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda states: all(part(states) for part in parts)

    def _term(self) -> Node:
        if self._take("NOT"):
            inner = self._term()
            return lambda states: not inner(states)
        if self._take("("):
            self.elements += 1
            inner = self.alternatives()
            if not self._take(")"):
                self._fail()
            return inner
        return self._leaf()

    def _leaf(self) -> Node:
        if self._place >= len(self._tokens):
            self._fail()
        kind, reference = self._tokens[self._place]
        if kind not in ("ALARM", "OK", "INSUFFICIENT_DATA", "TRUE", "FALSE"):
            self._fail()
        self._place += 1
        self.elements += 1
        if kind in ("TRUE", "FALSE"):
            return lambda _: kind == "TRUE"
        name = alarm_name(reference)
        self.children.append(name)
        return lambda states: states.get(name) == kind

    def _take(self, kind: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place][0] == kind:
            self._place += 1
            return True
        return False

    def _fail(self) -> NoReturn:
        found = " ".join(self._tokens[self._place]).strip() if self._place < len(self._tokens) else "the end"
        raise InvalidRule(f"Error in AlarmRule '{self._text}': {found} is not expected there.")


def _tokens(text: str) -> list[tuple[str, str]]:
    """Kinds with the alarm they name: a state, AND, OR, NOT, TRUE, FALSE or a parenthesis."""
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise InvalidRule(f"Error in AlarmRule '{text}': '{text[place:].strip()[:20]}' is not understood.")
        if match["state"]:
            found.append((match["state"].upper(), match["quoted"] or match["plain"]))
        else:
            found.append(((match["word"] or match["tight"] or match["sign"]).upper(), ""))
        place = match.end()
    return found
