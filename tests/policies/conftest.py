"""The pack needs pulumi-policy, which has no release for Python 3.14: its tests are for the Pythons before."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("pulumi_policy") else ["test_*.py"]
