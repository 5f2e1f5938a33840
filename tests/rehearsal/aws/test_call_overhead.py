"""What saves moto work changes no answer."""

from __future__ import annotations

import pytest
from moto.backend_index import backend_url_patterns
from moto.moto_api._internal import mock_random

from rehearsal.aws import simulate_aws
from rehearsal.aws.call_overhead import BUSY_SERVICES
from tests.aws_clients import make_client


@pytest.mark.parametrize("service", sorted(BUSY_SERVICES))
def test_no_other_service_answers_at_the_host_of_a_busy_one(service: str) -> None:
    with simulate_aws():
        url = make_client(service, region_name="us-east-1").meta.endpoint_url + "/"
        assert {name for name, pattern in backend_url_patterns if pattern.match(url)} == {service}


def test_random_text_has_the_length_and_the_characters_that_were_asked_for() -> None:
    text = mock_random.get_random_string(length=52)
    assert (len(text), text.isalnum()) == (52, True)
    assert mock_random.get_random_string(length=30, include_digits=False).isalpha()
    assert mock_random.get_random_string(length=30, lower_case=True).islower()
