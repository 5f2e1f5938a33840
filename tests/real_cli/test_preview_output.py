"""What a person has to read of `preview --diff` in a promotion: what changes, and no pages that do not."""

from __future__ import annotations

import pytest

from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli
MOST_LINES = 150


@pytest.fixture(scope="module")
def serving(flights: Flights) -> Flights:
    """Blue serves version 1 alone."""
    flights.serve(blue=("1", 100))
    flights.pulumi.up()
    return flights


def read(serving: Flights) -> int:
    return len(serving.pulumi.run("preview", "--diff", "--color", "never").out.splitlines())


def test_the_first_canary_is_read_in_few_lines(serving: Flights):
    serving.serve(blue=("1", 95), green=("2", 5))
    assert read(serving) < MOST_LINES


def test_an_edit_of_weights_is_read_in_few_lines(serving: Flights):
    serving.serve(blue=("1", 95), green=("2", 5))
    serving.pulumi.up()
    serving.serve(blue=("1", 50), green=("2", 50))
    assert read(serving) < MOST_LINES


def test_another_version_is_read_in_few_lines_and_changes_no_page_and_no_alarm(serving: Flights):
    serving.serve(blue=("1", 50), green=("3", 50))
    said = serving.pulumi.run("preview", "--diff", "--color", "never").out
    assert len(said.splitlines()) < MOST_LINES
    assert "aws:cloudwatch/" not in said


def test_another_environment_is_read_in_few_lines(serving: Flights):
    serving.serve(blue=("1", 95), green=("2", 5))
    serving.pulumi.configure("tidewatch:endpoint.environment", {"THREADS": "2"})
    assert read(serving) < MOST_LINES
