"""Opens the pack for a run without the Pulumi CLI."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from policies.errors import PackUnavailable

if TYPE_CHECKING:
    from policies.evaluation import PackRun


def open_pack(configuration: object) -> PackRun:
    """Returns a run of the pack with a configuration in Pulumi's JSON form.

    Raises InvalidConfiguration for a mistake in it, and PackUnavailable where pulumi-policy has no release for this
    Python.
    """
    if importlib.util.find_spec("pulumi_policy") is None:
        raise PackUnavailable(
            "the policy pack needs pulumi-policy, which is not installed: it has no release for Python 3.14; use 3.11, "
            "3.12 or 3.13"
        )
    from policies.configuration import parse_configuration
    from policies.evaluation import PackRun
    from policies.pack import POLICIES

    return PackRun(POLICIES, parse_configuration(configuration, POLICIES))
