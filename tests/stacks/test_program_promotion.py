"""What a promotion changes of the stack, and what stays as it is for whoever reads its preview."""

from __future__ import annotations

from tests.stacks.rehearsed import Rehearsed, changes


def watching(found: set[str]) -> set[str]:
    return {one for one in found if one.startswith(("aws:cloudwatch/", "aws:lambda/"))}


def test_neither_the_first_canary_nor_a_new_version_changes_an_alarm_or_a_page(published: Rehearsed):
    published.serve(blue=("1", 100)).up()
    first = changes(published.serve(blue=("1", 95), green=("2", 5)).up())
    assert "pulumi-python:dynamic/tidewatch:EndpointDeployment" in first
    assert watching(first) == set()
    assert watching(changes(published.serve(blue=("1", 95), green=("3", 5)).up())) == set()
    assert watching(changes(published.serve(blue=("1", 50), green=("3", 50)).up())) == set()
