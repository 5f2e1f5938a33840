"""Where a container image lies, in every partition."""

import pytest

from tidewatch.aws import ecr

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
    assert ecr.parse_image(f"{host}/ml/triton@{DIGEST}") == ecr.EcrImage("123456789012", region, "ml/triton", DIGEST)


@pytest.mark.parametrize("address", [f"docker.io/triton@{DIGEST}", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1"])
def test_another_registry_and_an_address_without_a_digest_are_not(address: str) -> None:
    assert ecr.parse_image(address) is None


HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize("address", ["ml/triton", "ml/triton:24.1", "ml/deep/er", "only"])
def test_what_is_listed_is_found_whatever_its_tag(address: str) -> None:
    assert ecr.is_in_repositories(f"{HOST}/{address}@{DIGEST}", [f"{HOST}/only", f"{HOST}/ml/*"])


@pytest.mark.parametrize(
    "address",
    [
        f"{HOST}/ml",
        f"{HOST}/mlx/triton",
        f"{HOST}/ml/../others/triton",
        f"{HOST}/ml/./triton",
        f"{HOST}/ml//triton",
        f"{HOST}/ml/",
        f"{HOST}/only/more",
        f"{HOST}.evil.example/ml/triton",
        f"evil.example/{HOST}/ml/triton",
        "123456789012.dkr.ecr.us-east-1.evil.example/ml/triton",
        f"{HOST}:443/ml/triton",
    ],
)
def test_what_only_looks_listed_is_not(address: str) -> None:
    assert not ecr.is_in_repositories(f"{address}@{DIGEST}", [f"{HOST}/only", f"{HOST}/ml/*"])
