"""Writes docs/policies.md from the pack: `python -m policies.reference`; with `--check` it only compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pulumi_policy import Policy, ResourceValidationPolicy

from policies.access import WITHOUT_RESOURCE
from policies.pack import SUBJECTS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "policies.md"
BEGIN, END = "<!-- The policies: `make docs` writes what follows. -->", "<!-- The end of the policies. -->"


def render_policies() -> str:
    """Returns the generated part of the page."""
    return "\n".join([*_render_subjects(), *_render_actions()]) + "\n"


def _render_subjects() -> Iterator[str]:
    for title, policies in SUBJECTS:
        yield from (f"## {title}", "")
        for policy in policies:
            yield from _render_policy(policy)


def _render_policy(policy: Policy) -> Iterator[str]:
    severity = policy.severity.value if policy.severity else ""
    scope = "each resource" if isinstance(policy, ResourceValidationPolicy) else "the stack"
    controls = policy.framework.specification if policy.framework else ""
    yield from (f"### {policy.name}", "", policy.description, "")
    yield f"- Severity: {severity}. Checked on {scope}."
    if controls:
        yield f"- Also asked for by: {controls}."
    yield f"- What to do: {policy.remediation_steps}"
    for name, schema in (policy.config_schema.properties if policy.config_schema else {}).items():
        yield f"- Setting `{name}`: {schema['description']}; default `{json.dumps(schema['default'])}`."
    yield ""


def _render_actions() -> Iterator[str]:
    yield from ("## Actions that may be allowed on every resource", "", "| action | reason |", "|---|---|")
    yield from (f"| `{action}` | {reason} |" for action, reason in sorted(WITHOUT_RESOURCE.items()))


def main(arguments: list[str]) -> int:
    """Writes the page; with `--check` returns 1 if it is out of date."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    expected = f"{head}{BEGIN}\n\n{render_policies()}\n{END}{rest.partition(END)[2]}"
    if "--check" in arguments:
        if text != expected:
            print(f"docs/{PAGE.name} is out of date: run `python -m policies.reference`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(expected, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
