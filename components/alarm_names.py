"""The names of alarms that others need before the alarms are made."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi

from components.tables import Tables
from tidewatch.alarms.catalog import GUARDRAIL_COMPOSITE


def build_guardrail_names(tables: Tables, variants: Iterable[str], champion: str) -> dict[str, pulumi.Input[str]]:
    """The alarm that guards each variant but the champion.

    The endpoint's gate asks how it is, and it is made after the endpoint: so its name is known before.
    """
    return {
        variant: tables.build_physical_name(GUARDRAIL_COMPOSITE, variant)
        for variant in sorted(variants)
        if variant != champion
    }
