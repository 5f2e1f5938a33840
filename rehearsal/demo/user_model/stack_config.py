"""The stack file of a rehearsal with a user's model: a copy of the user's or of the checkout's file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rehearsal.aws.constants import REGION
from rehearsal.demo.paths import REHEARSAL
from rehearsal.demo.user_model.errors import InvalidUserFolder
from stacks.config.settings import SettingsError, StackSettings, load
from stacks.config.yaml_parser import InvalidYaml, parse_yaml

STACK_FILE = f"Pulumi.{REHEARSAL}.yaml"
DEMO_MANAGED_KEYS = tuple(
    f"tidewatch:{key}" for key in ("variants", "rollbackTo", "acknowledgedIncident", "retire")
)  # fmt: skip
"""The demo begins without variants, and its commands write these keys."""


@dataclass(frozen=True)
class StackCopy:
    """The text of the copy and its settings."""

    text: str
    settings: StackSettings
    dropped_keys: tuple[str, ...]
    """Keys of the original that the demo writes itself."""


def read_stack_config(folder: Path, root: Path, model: str) -> StackCopy:
    """Reads the user's file, or the checkout's with the model's name. Raises InvalidUserFolder."""
    user_file = folder / STACK_FILE
    path = user_file if user_file.is_file() else root / STACK_FILE
    document, text = _load_document(path)
    config = document.get("config")
    if not isinstance(config, dict):
        raise InvalidUserFolder(f"{path} has no `config:`: copy {STACK_FILE} from the checkout and edit it")
    dropped_keys = tuple(key for key in DEMO_MANAGED_KEYS if key in config)
    for key in dropped_keys:
        del config[key]
    if path != user_file:
        config["tidewatch:model"]["name"] = model
    if dropped_keys or path != user_file:
        text = _dump_yaml(document)
    return StackCopy(text, _load_settings(path, config, model, path == user_file), dropped_keys)


def _load_document(path: Path) -> tuple[Any, str]:
    try:
        text = path.read_text()
        document: Any = parse_yaml(text, _create_yaml())
    except (UnicodeDecodeError, InvalidYaml) as wrong:
        raise InvalidUserFolder(f"{path} is not a readable stack file: {wrong}") from wrong
    if not isinstance(document, dict):
        raise InvalidUserFolder(f"{path} is not a stack file: it has no `config:`")
    if "environment" in document:
        raise InvalidUserFolder(
            f"{path} takes values from an environment, which a rehearsal cannot read: write them into the file"
        )
    return document, text


def _load_settings(path: Path, config: Mapping[str, Any], model: str, is_own: bool) -> StackSettings:
    if secret := next((key for key, value in config.items() if _is_secret(value)), None):
        raise InvalidUserFolder(f"{path}: {secret} is secret, but a rehearsal cannot decrypt it: write a plain value")
    try:
        settings = load(config, REHEARSAL)
    except SettingsError as wrong:
        if not is_own:
            raise InvalidUserFolder(
                f"model.tar.gz holds {model}/, and {str(wrong).partition(': ')[2]}: rename the folder, and `name` in "
                "its config.pbtxt"
            ) from wrong
        raise InvalidUserFolder(f"{path} is not a deployable config:\n{wrong}") from wrong
    if settings.model.name != model:
        raise InvalidUserFolder(
            f"{path} names the model {settings.model.name}, but model.tar.gz holds {model}/: use one name in both"
        )
    if settings.region != REGION:
        raise InvalidUserFolder(f"{path}: the rehearsal simulates {REGION}: set aws:region to it there")
    if not settings.rollback.automatic:
        raise InvalidUserFolder(
            f"{path}: tidewatch:rollback.automatic is false, and the demo's game day needs a rollback that an "
            "alarm starts: set it to true there"
        )
    return settings


def _is_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.keys() == {"secure"} or any(_is_secret(item) for item in value.values())
    return isinstance(value, list) and any(_is_secret(item) for item in value)


def _dump_yaml(document: Any) -> str:
    buffer = io.StringIO()
    _create_yaml().dump(document, buffer)
    return buffer.getvalue()


def _create_yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
