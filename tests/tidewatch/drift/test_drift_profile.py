"""Profiles add up, come back from their bytes, and hold no value of any record."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tidewatch.drift.drift_records import line, plain_lines, reference
from tidewatch.capture.accounting import Accounting, RejectExample
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.profile import Profile, decode_profile, sum_profiles

REFERENCE = reference()


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rejected = draw(st.dictionaries(st.sampled_from(RejectReason), st.integers(1, 5)))
    examples = tuple(RejectExample("a.jsonl", draw(st.integers(0, 99)), reason, None) for reason in rejected)
    parsed = draw(st.integers(0, 50))
    accounting = Accounting(
        parsed + sum(rejected.values()), parsed, rejected, examples, {"delay": 1} if rejected else {}
    )
    counts = tuple(rng.integers(0, 9, one.width) for one in REFERENCE.measured_features)
    return Profile(REFERENCE.digest, accounting, parsed, counts)


@given(profiles(), profiles(), profiles())
def test_addition_is_commutative_and_associative_with_an_identity(one: Profile, two: Profile, three: Profile) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + Profile.empty(REFERENCE) == one
    assert sum_profiles(REFERENCE, [one, two, three]) == one + two + three


@given(profiles())
def test_a_profile_comes_back_from_its_bytes(profile: Profile) -> None:
    assert decode_profile(profile.encode(), "here") == profile
    assert decode_profile(profile.encode(), "here").encode() == profile.encode()


def test_profiles_against_different_references_do_not_add_up() -> None:
    with pytest.raises(InvalidProfile, match="do not add up"):
        Profile.empty(REFERENCE) + Profile.empty(reference(seed=9))


@pytest.mark.parametrize("raw", [b"", b"junk", zlib.compress(b"junk")])
def test_what_is_no_profile_is_told(raw: bytes) -> None:
    with pytest.raises(InvalidProfile, match="is not a profile"):
        decode_profile(raw, "s3://bucket/key")


def test_no_value_of_a_record_is_in_a_profile() -> None:
    made = create_counter(REFERENCE)
    secret = [line("31415.92,København,-2718.28\n"), line("31415.92,the secret name,1\n"), line("secret,AA,1\n")]
    for block in read_blocks(io.BytesIO(b"\n".join([*plain_lines(30), *secret * 3]))):
        made.count(block, "a.jsonl")
    held = zlib.decompress(made.profile().encode())
    for value in (b"31415", b"2718", b"secret", "København".encode(), np.float64(31415.92).tobytes(), b"AA"):
        assert value not in held
