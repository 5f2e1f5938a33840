"""Serves the pack to the Pulumi CLI: `pulumi up --policy-pack policies`."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi
from pulumi_policy import PolicyPack

# The CLI runs this folder, so the checkout's root is not on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policies.configuration import parse_configuration
from policies.errors import InvalidConfiguration
from policies.pack import NAME, POLICIES

try:
    configuration = parse_configuration(pulumi.Config("tidewatch").get_object("policies") or {}, POLICIES)
except InvalidConfiguration as error:
    sys.exit(f"tidewatch:policies: {error}")
PolicyPack(NAME, policies=list(POLICIES), enforcement_level=configuration.default, initial_config=configuration.initial)
