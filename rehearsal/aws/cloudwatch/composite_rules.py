"""The rules of composite alarms: grammar, limits, evaluation, cycles.

Source: CloudWatch API reference, PutCompositeAlarm; CloudWatch user guide, "Create a composite alarm": at most 100
children, 500 elements and 10,240 characters; "the evaluation of composite alarms stops if CloudWatch detects a cycle".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

MAX_CHILDREN, MAX_ELEMENTS, MAX_RULE_LENGTH = 100, 500, 10_240
_TOKEN = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>[^\"]+)\"|(?P<plain>[^\s\"()]+))\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)(?![\w(])|(?P<sign>[()])|(?P<tight>NOT|AND|OR)(?=\())",
    re.IGNORECASE,
)

RulePredicate = Callable[[Mapping[str, str]], bool]


class InvalidRule(ValueError):
    """A rule that CloudWatch refuses; the message is a sentence."""


@dataclass(frozen=True)
class CompositeRule:
    """A parsed rule."""

    evaluate: RulePredicate
    """Whether the rule holds for alarm states by name."""
    children: tuple[str, ...]
    """In their order in the rule."""


def parse_alarm_name(reference: str) -> str:
    """The name from an alarm's name or ARN."""
    return reference.split(":alarm:", 1)[1] if reference.startswith("arn:") and ":alarm:" in reference else reference


@cache
def parse_rule(text: str) -> CompositeRule:
    """Parses a rule. Raises InvalidRule."""
    if text != text.strip() or not text:
        raise InvalidRule("AlarmRule must not contain leading or trailing whitespace or be null")
    if len(text) > MAX_RULE_LENGTH:
        raise InvalidRule(f"AlarmRule must have length less than or equal to {MAX_RULE_LENGTH}: it has {len(text)}.")
    parser = _RuleParser(text)
    node = parser.parse_or()
    parser.require_end()
    children = tuple(dict.fromkeys(parser.children))
    if len(children) > MAX_CHILDREN or parser.elements > MAX_ELEMENTS:
        raise InvalidRule(
            f"AlarmRule has {len(children)} alarms and {parser.elements} elements; "
            f"at most {MAX_CHILDREN} and {MAX_ELEMENTS} are allowed."
        )
    return CompositeRule(node, children)


def is_circular(name: str, rules: Mapping[str, CompositeRule]) -> bool:
    """Whether a composite alarm and its children contain a cycle."""
    visited: set[str] = set()

    def reaches_cycle(current: str, path: tuple[str, ...]) -> bool:
        if current in path:
            return True
        if current in visited or current not in rules:
            return False
        found = any(reaches_cycle(child, (*path, current)) for child in rules[current].children)
        visited.add(current)
        return found

    return reaches_cycle(name, ())


def compute_depths(rules: Mapping[str, CompositeRule]) -> dict[str, int]:
    """The distance of each composite alarm outside cycles from metric alarms, for evaluation of children first."""
    depth_by_name: dict[str, int] = {}

    def compute_depth(current: str) -> int:
        if current not in rules:
            return 0
        if current not in depth_by_name:
            depth_by_name[current] = 1 + max((compute_depth(child) for child in rules[current].children), default=0)
        return depth_by_name[current]

    return {name: compute_depth(name) for name in rules if not is_circular(name, rules)}


class _RuleParser:
    """NOT binds strongest, then AND, then OR."""

    def __init__(self, text: str) -> None:
        self._text, self._position = text, 0
        self._tokens = _tokenize(text)
        self.children: list[str] = []
        self.elements = 0

    def parse_or(self) -> RulePredicate:
        terms = [self._parse_and()]
        while self._accept("OR"):
            terms.append(self._parse_and())
        return terms[0] if len(terms) == 1 else lambda states: any(part(states) for part in terms)

    def require_end(self) -> None:
        if self._position < len(self._tokens):
            self._fail()

    def _parse_and(self) -> RulePredicate:
        terms = [self._parse_term()]
        while self._accept("AND"):
            terms.append(self._parse_term())
        return terms[0] if len(terms) == 1 else lambda states: all(part(states) for part in terms)

    def _parse_term(self) -> RulePredicate:
        if self._accept("NOT"):
            inner = self._parse_term()
            return lambda states: not inner(states)
        if self._accept("("):
            self.elements += 1
            inner = self.parse_or()
            if not self._accept(")"):
                self._fail()
            return inner
        return self._parse_leaf()

    def _parse_leaf(self) -> RulePredicate:
        if self._position >= len(self._tokens):
            self._fail()
        kind, reference = self._tokens[self._position]
        if kind not in ("ALARM", "OK", "INSUFFICIENT_DATA", "TRUE", "FALSE"):
            self._fail()
        self._position += 1
        self.elements += 1
        if kind in ("TRUE", "FALSE"):
            return lambda _: kind == "TRUE"
        name = parse_alarm_name(reference)
        self.children.append(name)
        return lambda states: states.get(name) == kind

    def _accept(self, kind: str) -> bool:
        if self._position < len(self._tokens) and self._tokens[self._position][0] == kind:
            self._position += 1
            return True
        return False

    def _fail(self) -> NoReturn:
        found = " ".join(self._tokens[self._position]).strip() if self._position < len(self._tokens) else "the end"
        raise InvalidRule(f"Error in AlarmRule '{self._text}': {found} is not expected there.")


def _tokenize(text: str) -> list[tuple[str, str]]:
    """The kind of each token, with the alarm of a state: a state, AND, OR, NOT, TRUE, FALSE or a parenthesis."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidRule(f"Error in AlarmRule '{text}': '{text[position:].strip()[:20]}' is not understood.")
        if match["state"]:
            found.append((match["state"].upper(), match["quoted"] or match["plain"]))
        else:
            found.append(((match["word"] or match["tight"] or match["sign"]).upper(), ""))
        position = match.end()
    return found
