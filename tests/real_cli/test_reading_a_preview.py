"""What a person has to read of `preview --diff` before a promotion: few lines, which say what changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

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


def read(flights: Flights, name: str) -> list[str]:
    said = flights.pulumi.run("preview", "--diff", "--color", "never").out
    if os.environ.get("KEEP"):
        Path(os.environ["KEEP"], name).write_text(said)
    return said.splitlines()


def test_a_promotion_is_read_in_a_few_lines_at_each_of_its_steps(flights: Flights):
    flights.serve(blue=("1", 95), green=("2", 5))
    first = read(flights, "first-canary")
    flights.pulumi.up()

    flights.serve(blue=("1", 50), green=("2", 50))
    weights = read(flights, "weights")

    flights.serve(blue=("1", 95), green=("3", 5))
    version = read(flights, "version")

    flights.serve(blue=("1", 95), green=("2", 5))
    flights.pulumi.configure("tidewatch:rollbackTo", "green")
    champion = read(flights, "champion")
    lines = {
        "first canary": len(first),
        "weights": len(weights),
        "version": len(version),
        "champion": len(champion),
    }
    assert all(count < MOST_LINES for count in lines.values()), lines
