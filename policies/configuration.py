"""The configuration of the pack: how strictly each policy is enforced, and its settings.

It has the form of Pulumi's `--policy-pack-config`: by policy a level, or an object with `enforcementLevel` and the
policy's settings; `all` is the level of those that are not named. Source: Pulumi documentation, "Policy packs:
configuration".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from pulumi_policy import EnforcementLevel, Policy

from policies.errors import InvalidConfiguration

ALL, LEVEL = "all", "enforcementLevel"
DEFAULT_LEVEL = EnforcementLevel.MANDATORY
_LEVELS = {level.value: level for level in EnforcementLevel if level is not EnforcementLevel.REMEDIATE}
"""The levels by name. No policy of the pack rewrites a resource, so that none can remedy."""


@dataclass(frozen=True)
class PackConfiguration:
    """How the policies are enforced."""

    default: EnforcementLevel
    """The level of the policies that are not named."""
    levels: Mapping[str, EnforcementLevel]
    """By policy."""
    settings: Mapping[str, Mapping[str, Any]]
    """By policy, without those that the configuration leaves out."""

    def get_level(self, policy: str) -> EnforcementLevel:
        return self.levels.get(policy, self.default)

    @property
    def initial(self) -> dict[str, EnforcementLevel | dict[str, Any]]:
        """The form that PolicyPack takes."""
        names = {*self.levels, *self.settings}
        found: dict[str, EnforcementLevel | dict[str, Any]] = {
            name: {LEVEL: self.get_level(name), **self.settings.get(name, {})} for name in sorted(names)
        }
        return {ALL: self.default, **found}


def parse_configuration(raw: object, policies: Sequence[Policy]) -> PackConfiguration:
    """Returns the configuration that is written as Pulumi's JSON form. Raises InvalidConfiguration."""
    if not isinstance(raw, Mapping):
        raise InvalidConfiguration(f"{raw!r} is not an object; nest policies and their levels under it")
    known = {policy.name: policy for policy in policies}
    levels: dict[str, EnforcementLevel] = {}
    settings: dict[str, Mapping[str, Any]] = {}
    for name, value in raw.items():
        if name not in known and name != ALL:
            raise InvalidConfiguration(_describe_unknown(str(name), "policy", "policies", [*known, ALL]))
        given: Mapping[str, Any] = value if isinstance(value, Mapping) else {LEVEL: value}
        if LEVEL in given:
            levels[name] = _parse_level(name, given[LEVEL])
        own = {key: each for key, each in given.items() if key != LEVEL}
        if own:
            settings[name] = _check_settings(name, own, known.get(name))
    default = levels.pop(ALL, DEFAULT_LEVEL)
    return PackConfiguration(default, levels, settings)


def _parse_level(name: str, value: object) -> EnforcementLevel:
    if not isinstance(value, str) or value not in _LEVELS:
        raise InvalidConfiguration(f'{name}: "{value}" is not a level; use {", ".join(_LEVELS)}')
    return _LEVELS[value]


def _check_settings(name: str, given: Mapping[str, Any], policy: Policy | None) -> Mapping[str, Any]:
    schemas = policy.config_schema.properties if policy and policy.config_schema else {}
    for key, value in given.items():
        if key not in schemas:
            if not schemas:
                raise InvalidConfiguration(f"{name}.{key}: {name} has no settings but {LEVEL}")
            raise InvalidConfiguration(f"{name}.{_describe_unknown(key, 'setting', 'settings', [*schemas, LEVEL])}")
        error = next(Draft202012Validator(schemas[key]).iter_errors(value), None)
        if error is not None:
            raise InvalidConfiguration(f"{name}.{key}: {error.message}")
    return given


def _describe_unknown(name: str, kind: str, kinds: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else f"the {kinds} are {', '.join(sorted(known))}"
    return f"{name}: there is no such {kind}; {hint}"
