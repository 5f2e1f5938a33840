"""The section `governance` and the signing of the registry: what is accepted, and every mistake with its path."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from stacks.config.governance import SignatureSettings
from stacks.config.settings import SettingsError, load
from tests.stacks.test_stack_settings import CONFIG
from tests.tidewatch.signatures.signing_key import SigningKey

KEY, OTHER = SigningKey(), SigningKey()
ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def load_signatures(*keys: dict[str, Any], required: bool = True, as_json: bool = False) -> SignatureSettings:
    governance: Any = {"signatures": {"required": required, "publicKeys": list(keys)}}
    config = {**CONFIG, "tidewatch:governance": json.dumps(governance) if as_json else governance}
    return load(config).governance.signatures


def mistakes(**sections: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        load({**CONFIG, **{f"tidewatch:{key}": value for key, value in sections.items()}})
    return refused.value.mistakes


def test_nothing_is_signed_or_required_unless_the_config_says_so() -> None:
    settings = load(CONFIG)
    assert not settings.registry.signing
    assert not settings.governance.signatures.required
    assert settings.governance.signatures.pinned_keys == ()


@pytest.mark.parametrize("as_json", [True, False])
def test_pinned_keys_have_the_fingerprint_of_their_pem_however_it_is_written(as_json: bool) -> None:
    (pinned,) = load_signatures({"pem": f"\n  {KEY.pem.strip()}  "}, as_json=as_json).pinned_keys
    assert (pinned.key, pinned.valid_from, pinned.valid_until) == (KEY.public, None, None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T12:00:00Z", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2027-01-01T12:00:00+02:00", datetime(2027, 1, 1, 10, tzinfo=UTC)),
        ("2027-01-01 12:00:00", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        (date(2027, 1, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2027, 1, 1, 12), datetime(2027, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_period_is_of_dates_or_moments(text: Any, moment: datetime) -> None:
    (pinned,) = load_signatures({"pem": KEY.pem, "from": text}).pinned_keys
    assert pinned.valid_from == moment


@pytest.mark.parametrize(
    ("keys", "path", "why"),
    [
        ([], "publicKeys", "is empty, so no signature would count; add the key that `tidewatch public-key` prints"),
        ([{"pem": "x"}], "publicKeys.0.pem", "this is not a public key in PEM"),
        ([{"pem": KEY.pem, "from": "soon"}], "publicKeys.0.from", "'soon' is not a moment; use one like 2027-01-01"),
        ([{"from": "2027-01-01"}], "publicKeys.0.pem", "is missing"),
        ([{"pem": KEY.pem, "to": "2027-01-01"}], "publicKeys.0.to", "unknown key; "),
        (
            [{"pem": OTHER.pem}, {"pem": KEY.pem, "from": "2027-01-01", "until": "2026-01-01"}],
            "publicKeys.1.until",
            "2026-01-01 00:00:00+00:00 is not after from, 2027-01-01 00:00:00+00:00; use a later moment",
        ),
        ([{"pem": KEY.pem}, {"pem": f"{KEY.pem}\n"}], "publicKeys", "names a key twice; give each key one period"),
    ],
)
def test_a_mistake_is_named_with_its_path(keys: list[dict[str, Any]], path: str, why: str) -> None:
    (mistake,) = mistakes(governance={"signatures": {"required": True, "publicKeys": keys}})
    assert mistake.startswith(f"tidewatch:governance.signatures.{path}: {why}")


def test_a_key_of_ones_own_may_be_in_another_region_and_account() -> None:
    arn = ARN.replace("us-east-1", "eu-west-1")
    settings = load({**CONFIG, "tidewatch:registry": {"signing": "true", "signingKey": arn}})
    assert (settings.registry.signing, settings.registry.signing_key) == (True, arn)


@pytest.mark.parametrize("key", ["1234abcd", "alias/signing", ARN.replace("key/", "alias/"), ARN.replace("kms", "s3")])
def test_a_signing_key_is_the_arn_of_a_key(key: str) -> None:
    (mistake,) = mistakes(registry={"signing": True, "signingKey": key})
    assert mistake.startswith(f'tidewatch:registry.signingKey: "{key}" is not the ARN of a key; use one like')


def test_a_signing_key_without_signing_is_a_mistake() -> None:
    (mistake,) = mistakes(registry={"signingKey": ARN})
    assert mistake.endswith("nothing is signed with it; set signing to true, or remove signingKey")
