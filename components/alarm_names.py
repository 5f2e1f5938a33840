"""Names of alarms that other resources need before the alarms are created."""

from __future__ import annotations

from collections.abc import Iterable

from components.stack_context import StackContext
from tidewatch.alarms import GUARDRAIL_COMPOSITE


def build_guardrail_names(context: StackContext, variants: Iterable[str], champion: str) -> dict[str, str]:
    """Returns the name of the alarm that guards each variant except the champion.

    The endpoint's gate reads the state of this alarm, but the alarm is created after the endpoint. Its name must
    therefore be known before.
    """
    return {
        variant: context.build_physical_name(GUARDRAIL_COMPOSITE, variant)
        for variant in sorted(variants)
        if variant != champion
    }
