from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidewatch.capture.capture_keys import CaptureKey, parse_key

KEY = "capture/3fa9c1/flights/blue/2013/07/01/09/15-00-123-abc.jsonl"


@pytest.mark.parametrize("prefix", ["capture", "capture/"])
@pytest.mark.parametrize("key", [KEY, KEY + ".gz"])
def test_a_key_tells_configuration_endpoint_variant_and_hour(key: str, prefix: str) -> None:
    hour = datetime(2013, 7, 1, 9, tzinfo=UTC)
    assert parse_key(key, prefix) == CaptureKey("3fa9c1", "flights", "blue", hour)


def test_a_prefix_may_have_several_parts_or_none() -> None:
    assert parse_key(f"a/b/{KEY}", "a/b/capture") == parse_key(KEY, "capture")
    assert parse_key(KEY.removeprefix("capture/"), "") == parse_key(KEY, "capture")


@pytest.mark.parametrize(
    "key",
    [
        KEY.replace("capture", "captured"), KEY.replace(".jsonl", ".json"), KEY.replace("blue/", ""),
        KEY.replace("blue", ""), KEY.replace("2013/07", "2013/7"), KEY.replace("/09/", "/24/"),
        KEY.replace("07/01", "02/30"), KEY.replace("2013", "２０１３"), KEY.replace("2013", "+201"),
        KEY.replace("2013", "0000"), "capture/x.jsonl", "",
    ],
)  # fmt: skip
def test_any_other_key_is_none_of_capture(key: str) -> None:
    assert parse_key(key, "capture") is None
