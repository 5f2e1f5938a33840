"""Where a container image lies, in every partition."""

import pytest

from tidewatch import ecr

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("123456789012.dkr-ecr.us-east-1.on.aws", "us-east-1"),
    ],
)
def test_an_image_in_ecr_is_known_by_its_address(host: str, region: str) -> None:
    assert ecr.image(f"{host}/ml/triton@{DIGEST}") == ecr.Image("123456789012", region, "ml/triton", DIGEST)


@pytest.mark.parametrize("address", [f"docker.io/triton@{DIGEST}", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1"])
def test_another_registry_and_an_address_without_a_digest_are_not(address: str) -> None:
    assert ecr.image(address) is None
