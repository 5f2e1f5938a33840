"""What a person has to read of `preview --diff` in a promotion: what changes, and no pages that do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.session import Rehearsal
from tests.real_cli.command import Aws, environment, opened
from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli
MOST_LINES = 150


@pytest.fixture(scope="module")
def flights(cli: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flights]:
    """Blue serves version 1 alone."""
    del cli
    folder = tmp_path_factory.mktemp("reading")
    with Rehearsal(folder / "rehearsal") as rehearsal:
        aws = Aws(rehearsal.env, rehearsal.control)
        with opened(folder / "projects", environment(folder, aws.env)) as projects:
            stack = Flights.of(projects, aws)
            stack.pulumi.up()
            stack.publish("1", "2", "3")
            stack.serve(blue=("1", 100))
            stack.pulumi.up()
            yield stack


def read(flights: Flights) -> int:
    return len(flights.pulumi.run("preview", "--diff", "--color", "never").out.splitlines())


def test_the_first_canary_is_read_in_few_lines(flights: Flights):
    flights.serve(blue=("1", 95), green=("2", 5))
    assert read(flights) < MOST_LINES


def test_an_edit_of_weights_is_read_in_few_lines(flights: Flights):
    flights.serve(blue=("1", 95), green=("2", 5))
    flights.pulumi.up()
    flights.serve(blue=("1", 50), green=("2", 50))
    assert read(flights) < MOST_LINES


def test_another_version_is_read_in_few_lines_and_changes_no_page_and_no_alarm(flights: Flights):
    flights.serve(blue=("1", 50), green=("3", 50))
    said = flights.pulumi.run("preview", "--diff", "--color", "never").out
    assert len(said.splitlines()) < MOST_LINES
    assert "aws:cloudwatch/" not in said


def test_another_environment_is_read_in_few_lines(flights: Flights):
    flights.serve(blue=("1", 95), green=("2", 5))
    flights.pulumi.configure("tidewatch:endpoint.environment", {"THREADS": "2"})
    assert read(flights) < MOST_LINES
