"""Whatever changed since a version was signed is found, and named."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tidewatch.signatures.signing_key import SigningKey
from tidewatch.signatures import (
    InvalidBundle,
    PinnedKey,
    Statement,
    find_file_faults,
    find_validity_fault,
    open_signature,
)

KEY, OTHER = SigningKey(), SigningKey()
FILES = ("card.md", "manifest.json", "model.tar.gz", "reference.json")
DIGESTS = {name: hashlib.sha256(name.encode()).hexdigest() for name in FILES}
SIGNED = Statement("flights/4", DIGESTS)
NEW = hashlib.sha256(b"new").hexdigest()
CREATED = datetime(2026, 5, 1, tzinfo=UTC)
files = st.dictionaries(
    st.sampled_from([*FILES, "extra.txt", "folder/more"]), st.sampled_from([*DIGESTS.values(), NEW])
)


def find(digests: dict[str, str], name: str = "flights/4") -> list[str]:
    return list(find_file_faults(SIGNED, name, digests))


def test_the_files_that_were_signed_have_no_fault() -> None:
    assert find(DIGESTS) == []


@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_is_named_with_both_digests(file: str) -> None:
    assert find(DIGESTS | {file: NEW}) == [f"{file} was changed: its sha256 is {NEW}, and {DIGESTS[file]} was signed"]


@pytest.mark.parametrize("file", FILES)
def test_a_removed_file_is_named(file: str) -> None:
    assert find({name: digest for name, digest in DIGESTS.items() if name != file}) == [
        f"{file} was signed and is gone"
    ]


def test_an_added_file_is_named() -> None:
    assert find(DIGESTS | {"run.sh": NEW}) == ["run.sh was added: it is not signed"]


def test_two_files_that_changed_places_are_both_named() -> None:
    swapped = {"card.md": DIGESTS["reference.json"], "reference.json": DIGESTS["card.md"]}
    assert find(DIGESTS | swapped) == [
        "card.md was swapped: it holds what was signed as reference.json",
        "reference.json was swapped: it holds what was signed as card.md",
    ]


def test_a_file_of_another_version_is_named_with_it() -> None:
    origins = {NEW: "card.md of flights/3"}
    found = list(find_file_faults(SIGNED, "flights/4", DIGESTS | {"card.md": NEW}, lambda digest: origins[digest]))
    assert found == ["card.md was swapped: it is card.md of flights/3"]


@pytest.mark.parametrize("name", ["flights/5", "trains/4", "flights/40", "flights"])
def test_a_signature_of_another_version_or_model_is_found(name: str) -> None:
    assert find(DIGESTS, name) == ["its signature is that of flights/4, and was copied here"]


@given(files)
def test_every_difference_is_named_and_nothing_else(digests: dict[str, str]) -> None:
    different = {name for name in {*DIGESTS, *digests} if digests.get(name) != DIGESTS.get(name)}
    found = find(digests)
    assert {fault.partition(" was ")[0] for fault in found} == different
    assert len(found) == len(different)


def test_an_added_files_name_forges_no_line() -> None:
    assert "\n" not in find(DIGESTS | {"a\nok": NEW})[0]


def test_a_signature_by_nobody_trusted_is_refused_with_who_is() -> None:
    with pytest.raises(InvalidBundle) as refused:
        open_signature(OTHER.sign("flights/4", DIGESTS), "model.sig of flights/4", [KEY.pin()])
    assert str(refused.value) == (
        f"model.sig of flights/4 was signed with the key {OTHER.public.label}, which is none of the trusted keys "
        f"({KEY.public.label})"
    )


def test_who_signs_in_the_name_of_a_trusted_key_is_refused() -> None:
    payload = b"{}"
    with pytest.raises(InvalidBundle, match="was forged or changed"):
        open_signature(OTHER.sign_payload(payload, hint=KEY.public.fingerprint), "it", [KEY.pin()])


@given(
    st.datetimes(timezones=st.just(UTC)), st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)  # fmt: skip
def test_a_key_counts_from_its_first_moment_until_before_its_last(
    created: datetime, start: datetime | None, end: datetime | None
) -> None:
    counts = (start is None or start <= created) and (end is None or created < end)
    assert (find_validity_fault(PinnedKey(KEY.public, start, end), created) == "") == counts


def test_an_expired_and_a_future_key_are_named_with_their_time() -> None:
    expired = PinnedKey(KEY.public, None, datetime(2026, 4, 1, tzinfo=UTC))
    assert find_validity_fault(expired, CREATED) == (
        f"the key {KEY.public.label} that signed it counts only until 2026-04-01 00:00 UTC, and the version was "
        "created at 2026-05-01 00:00 UTC"
    )
    future = PinnedKey(KEY.public, datetime(2026, 6, 1, tzinfo=UTC))
    assert "counts only from 2026-06-01 00:00 UTC" in find_validity_fault(future, CREATED)
