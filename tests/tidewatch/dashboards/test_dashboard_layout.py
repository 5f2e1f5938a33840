"""Where widgets lie, and where the console shows a dashboard."""

from __future__ import annotations

import pytest

from tidewatch.aws.console_urls import build_bucket_url
from tidewatch.dashboards import Page, TextWidget, build_dashboard_url
from tidewatch.dashboards.page import lay_out_widgets


def corners(*rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The corners of widgets of these widths and heights."""
    return [
        (x, y)
        for x, y, _ in lay_out_widgets([[TextWidget("a", width, height) for width, height in row] for row in rows])
    ]


def test_a_row_begins_below_the_highest_widget_of_the_one_before() -> None:
    assert corners([(12, 6), (12, 3)], [(24, 1)], [(6, 2)]) == [(0, 0), (12, 0), (0, 6), (0, 7)]


def test_what_does_not_fit_beside_goes_below() -> None:
    assert corners([(10, 2), (10, 5), (10, 1)], [(24, 1)]) == [(0, 0), (10, 0), (0, 5), (0, 6)]


def test_a_row_without_widgets_takes_no_space() -> None:
    assert corners([], [(24, 1)]) == [(0, 0)]
    assert Page("-PT1H", []).build_body("us-east-1")["widgets"] == []


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_has_another_host_in_each_partition(region: str, host: str) -> None:
    assert build_dashboard_url(region, "flights-oncall-3f") == (
        f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/flights-oncall-3f"
    )
    assert build_bucket_url(region, "logs", "a/") == f"https://{host}/s3/buckets/logs?region={region}&prefix=a/"
