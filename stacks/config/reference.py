"""Writes the references of the stack config from its models: the table in docs/config.md, and a schema for editors.

`python -m stacks.config.reference` writes both; with `--check` it only prints which one is out of date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from stacks.config.schema import StackSettings
from stacks.config.settings import CONFIG_KEYS, NAMESPACE
from stacks.config.types import Section

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "config.md"
SCHEMA = ROOT / "docs" / "pulumi-stack.schema.json"
BEGIN, END = "<!-- The keys: `make docs` writes this table. -->", "<!-- The end of the keys. -->"


def list_keys() -> Iterator[tuple[str, FieldInfo]]:
    """Yields every key under `tidewatch:` with its field, in the order of the models."""
    for key, name in CONFIG_KEYS.items():
        yield from _list_field_keys(key, StackSettings.model_fields[name])


def _list_field_keys(key: str, info: FieldInfo) -> Iterator[tuple[str, FieldInfo]]:
    section = _find_section(info.annotation)
    if section is None:
        yield key, info
        return
    prefix = f"{key}.<variant>" if key == "variants" else key
    for inner in section.model_fields.values():
        yield from _list_field_keys(f"{prefix}.{inner.alias}", inner)


def _find_section(annotation: Any) -> type[Section] | None:
    """Returns the section that a field holds, directly or by variant; None for any other value.

    A list of sections is one key: the page has examples of its own for the items of lists.
    """
    if get_origin(annotation) is tuple:
        return None
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def render_table() -> str:
    """Returns the keys as a Markdown table."""
    rows = ["| key | default | what it is |", "|---|---|---|"]
    rows.append(f"| `aws:region` | required | {StackSettings.model_fields['region'].description} |")
    rows += [f"| `{key}` | {_render_default(info)} | {info.description} |" for key, info in list_keys()]
    return "\n".join(rows) + "\n"


def _render_default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    if default is None or default == "":
        return "none"
    if isinstance(default, (tuple, list)):
        return f"`[{', '.join(str(value) for value in default)}]`"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return f"`{json.dumps(default) if isinstance(default, (bool, dict)) else default}`"


def render_page(text: str) -> str:
    """Returns the page with the table of the models."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{render_table()}\n{END}{after}"


def render_schema() -> str:
    """Returns a JSON schema of Pulumi.<stack>.yaml, for editors."""
    settings = StackSettings.model_json_schema(by_alias=True)
    sections = {f"{NAMESPACE}:{key}": _to_editor_schema(settings["properties"][key]) for key in CONFIG_KEYS}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of tidewatch",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {
                    "aws:region": {"type": "string", "description": settings["properties"]["region"]["description"]},
                    **sections,
                },
                # Other namespaces may have any key, but an unknown key in this namespace is a mistake.
                "propertyNames": {"anyOf": [{"enum": sorted(sections)}, {"not": {"pattern": f"^{NAMESPACE}:"}}]},
            }
        },
        "$defs": _to_editor_schema(settings["$defs"]),
    }
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _to_editor_schema(schema: Any) -> Any:
    """Returns a part of the schema as a person may write it.

    Numbers may be text, as `pulumi config set --path` stores them, and text may be the object that Pulumi makes of a
    secret. Drops titles, which repeat the keys.
    """
    if isinstance(schema, list):
        return [_to_editor_schema(element) for element in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, Mapping):
        return schema
    entries: dict[str, Any] = {
        key: _to_editor_schema(value)
        for key, value in schema.items()  # pyright: ignore[reportUnknownVariableType]
        if not (key == "title" and isinstance(value, str))
    }
    match entries.get("type"):
        case "number" | "integer" as kind:
            entries["type"] = [kind, "string"]
        case "string" if "enum" not in entries:
            entries["type"] = ["string", "integer", "object"]
        case _:
            pass
    return entries


def main() -> int:
    """Writes the references that are out of date; with --check prints them and fails."""
    wanted = {PAGE: render_page(PAGE.read_text()), SCHEMA: render_schema()}
    outdated = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in outdated:
            print(f"{path.relative_to(ROOT)} does not match the config's models; run `make docs`", file=sys.stderr)
        return bool(outdated)
    for path in outdated:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
