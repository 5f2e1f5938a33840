"""The rule of a promotion: all of the traffic is declared, the champion stays, and nobody loses a variant that
serves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.traffic import TrafficDeclaration, VariantDeclaration
from tidewatch.traffic.promotion import PromotionRefused

ALONE = TrafficDeclaration("flights", {"blue": VariantDeclaration("3", 100, 2)}, "blue")


@given(st.sampled_from(["3", "4", "5"]), st.none() | st.floats(0, 100), st.floats(0, 100))
def test_what_is_declared_adds_up_to_all_traffic_and_the_champion_stays(
    version: str, weight: float | None, share: float
) -> None:
    canary = TrafficDeclaration(
        "flights", {"blue": VariantDeclaration("3", 100 - share, 2), "green": VariantDeclaration("4", share, 1)}, "blue"
    )
    try:
        wanted = canary.promote(version, weight, 1)
    except PromotionRefused:
        return
    assert sum(held.weight for held in wanted.variants.values()) == pytest.approx(100)
    assert (wanted.champion, wanted.variants["blue"].version) == ("blue", "3")
    assert version in {held.version for held in wanted.variants.values()}


def test_the_first_version_gets_everything_and_the_floor() -> None:
    wanted = TrafficDeclaration("flights", {}, None).promote("3", None, 2)
    assert wanted == TrafficDeclaration("flights", {"blue": VariantDeclaration("3", 100, 2)}, "blue")


def test_the_next_one_begins_with_five_percent_on_as_many_instances_as_the_champion() -> None:
    assert ALONE.promote("4", None, 1).variants == {
        "blue": VariantDeclaration("3", 95, 2),
        "green": VariantDeclaration("4", 5, 2),
    }


def test_the_only_version_cannot_give_traffic_away() -> None:
    with pytest.raises(PromotionRefused, match="blue is the only variant"):
        ALONE.promote("3", 50, 1)


def test_a_version_in_both_variants_is_raised_as_the_challenger() -> None:
    both = TrafficDeclaration(
        "flights", {"blue": VariantDeclaration("3", 100, 2), "green": VariantDeclaration("3", 0, 2)}, "blue"
    )
    assert both.promote("3", 10, 1).variants["green"].weight == 10


def test_a_champion_that_shares_the_traffic_needs_a_weight() -> None:
    canary = TrafficDeclaration(
        "flights", {"blue": VariantDeclaration("3", 60, 2), "green": VariantDeclaration("4", 40, 2)}, "blue"
    )
    with pytest.raises(PromotionRefused, match=r"flights/3 is already in the variant blue: .* --weight"):
        canary.promote("3", None, 1)
    assert canary.promote("3", 100, 1).variants["green"].weight == 0
    assert ALONE.promote("3", None, 1) == ALONE


def test_the_command_that_frees_a_variant_names_the_stack() -> None:
    canary = TrafficDeclaration(
        "flights", {"blue": VariantDeclaration("3", 60, 2), "green": VariantDeclaration("4", 40, 2)}, "blue", "prod"
    )
    with pytest.raises(PromotionRefused, match="`tidewatch promote flights/4 --weight 0 --stack prod`"):
        canary.promote("5", None, 1)
