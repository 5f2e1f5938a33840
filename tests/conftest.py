"""What holds for every test: no example of a property is timed, for how long one takes says nothing about the code;
which files are left to `make test-all`; what takes longest begins first; and nothing forks the process of pytest."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("whole", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=40)
settings.load_profile("whole")

gc.set_threshold(100_000, 50, 100)
"""The libraries' objects live as long as the process: by default Python looks through them for a sixth of the time."""


def _refuse_fork() -> int:
    raise AssertionError("A test forks the process of pytest, where no debugger follows it: start a fresh one.")


os.fork = _refuse_fork

HERE = Path(__file__).parent
LONGEST = (
    "stacks/test_every_edit.py",
    "stacks/test_every_edit_applied.py",
    "rehearsal/gamedays/test_neighbours.py",
    "rehearsal/permissions/test_roles.py",
    "tidewatch/traffic/test_interruptions.py",
    "tidewatch/traffic/test_histories.py",
    "rehearsal/gamedays/test_game_days.py",
    "tidewatch/traffic/test_concurrency.py",
    "stacks/test_program.py",
    "rehearsal/test_story.py",
    "cli/test_rehearse_with.py",
)
"""Files of a minute and more, some of a single test: at the end each would keep one worker waiting for another."""
SLOW = (
    "bench/test_drift_contest.py",
    "checkov",
    "bench/test_fuzz.py",
    "cli/test_rehearse_command.py",
    "cli/test_rehearse_with.py",
    "cli/test_up.py",
    "components/test_rollback_function.py",
    "rehearsal",
    "stacks",
    "tidewatch/drift/job/test_drift_job_failures.py",
    "tidewatch/drift/statistics/test_drift_false_alarms.py",
    "tidewatch/traffic/test_ledger_chain.py",
    "tidewatch/traffic/test_concurrency.py",
    "tidewatch/traffic/test_forgeries.py",
    "tidewatch/traffic/test_gauges.py",
    "tidewatch/traffic/test_withheld_variants.py",
    "tidewatch/traffic/test_histories.py",
    "tidewatch/traffic/test_interruptions.py",
    "tidewatch/traffic/test_malformed_items.py",
)
"""Files and folders that `make test` leaves to `make test-all`: what deploys whole stacks again and again, plays hours,
or runs a case for every call. A single test elsewhere carries the marker `slow` itself."""
QUICK = (
    "rehearsal/aws/cloudwatch/test_alarm_requests.py",
    "rehearsal/aws/cloudwatch/test_alarm_rules.py",
    "rehearsal/aws/cloudwatch/test_alarm_suppression.py",
    "rehearsal/aws/cloudwatch/test_composite_alarms.py",
    "rehearsal/aws/cloudwatch/test_embedded_metrics.py",
    "rehearsal/aws/test_fidelity_document.py",
    "rehearsal/aws/cloudwatch/test_metric_math.py",
    "rehearsal/aws/cloudwatch/test_metric_statistics.py",
    "rehearsal/aws/cloudwatch/test_simulated_alarms.py",
    "rehearsal/aws/inference/test_simulated_boosters.py",
    "rehearsal/aws/cloudwatch/test_simulated_dashboards.py",
    "rehearsal/aws/sagemaker/test_simulated_endpoints.py",
    "rehearsal/aws/sagemaker/test_simulated_hosts.py",
    "rehearsal/aws/lambda_/test_simulated_layers.py",
    "rehearsal/charts/test_report_drawing.py",
    "rehearsal/charts/test_report_layout.py",
    "rehearsal/charts/test_report_page.py",
    "rehearsal/engine/test_engine_values.py",
    "rehearsal/permissions/test_provider_rows.py",
    "rehearsal/test_environment.py",
    "stacks/test_alarm_settings.py",
    "stacks/test_aws_limits.py",
    "stacks/test_dependencies.py",
    "stacks/test_governance_settings.py",
    "stacks/test_preflight.py",
    "stacks/test_program_at_rest.py",
    "stacks/test_program_settings.py",
    "stacks/test_stack_settings.py",
    "stacks/test_missing_registry.py",
)
"""What is quick inside those folders."""


def is_slow(file: Path) -> bool:
    name = file.relative_to(HERE)
    names = {name.as_posix(), *(folder.as_posix() for folder in name.parents)}
    return not names.isdisjoint(SLOW) and names.isdisjoint(QUICK)


def pytest_configure(config: pytest.Config) -> None:
    if _leaves_out_slow(config):
        settings.load_profile("quick")
    if gone := [name for name in (*LONGEST, *SLOW, *QUICK) if not (HERE / name).exists()]:
        raise pytest.UsageError(f"tests/conftest.py names these files, and they are not there: {gone}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are left out, their modules are not even imported."""
    return (
        True
        if _leaves_out_slow(config) and collection_path.name.startswith("test_") and is_slow(collection_path)
        else None
    )


def _leaves_out_slow(config: pytest.Config) -> bool:
    return config.option.markexpr.startswith("not slow")


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file is one worker's, and workers take files in this order."""
    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    positions = {HERE / name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: positions.get(item.path, len(positions)))
