"""Names: Pulumi's automatic ones, and the rules of AWS for names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_SUFFIX = re.compile(r".+-[0-9a-f]{7}(\.fifo)?")


@dataclass(frozen=True)
class Naming:
    """The automatic names of a type, and the names that AWS accepts."""

    key: str = "name"
    limit: int = 63
    pattern: str = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
    rule: str = "letters, digits and hyphens"
    lower: bool = False
    automatic: bool = True
    required_prefix: str = ""
    """The prefix of every name of the type, like `alias/`."""

    def propose(self, logical_name: str, suffix: str, fifo: bool = False) -> str:
        """`stem-suffix`. Raises ValueError with the bridge's message if that is too long."""
        prefix = f"{self.required_prefix}{logical_name.lower() if self.lower else logical_name}-"
        tail = ".fifo" if fifo else ""
        if len(prefix) + len(suffix) + len(tail) > self.limit:
            raise ValueError(
                f"name '{prefix}' plus {len(suffix)} random chars is longer than maximum length {self.limit}"
            )
        return prefix + suffix + tail

    def validate(self, name: Any) -> str:
        """The error of a name, or an empty string."""
        if not isinstance(name, str):
            return ""
        if len(name) > self.limit:
            return f'"{self.key}" cannot be longer than {self.limit} characters: {name!r} has {len(name)}'
        if not re.fullmatch(self.pattern, name):
            return f'"{self.key}" takes only {self.rule}: {name!r}'
        return ""


@dataclass(frozen=True)
class Autonaming:
    """The CLI's settings for automatic names (`pulumi:autonaming`)."""

    proposed: str = ""
    mode: str = "PROPOSE"


def is_generated(name: Any) -> bool:
    """Whether a name looks like one that Pulumi generated: `logical-7hex`."""
    return isinstance(name, str) and bool(_SUFFIX.fullmatch(name))
