from __future__ import annotations

import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.capture.accounting import MAX_EXAMPLES, Accounting, AccountingBuilder, RejectExample
from tidewatch.capture.reject_reasons import RejectReason

_EXAMPLES = st.builds(
    RejectExample,
    st.sampled_from(["a.jsonl", "b.jsonl"]),
    st.integers(0, 60),
    st.sampled_from([RejectReason.NOT_JSON, RejectReason.NOT_A_NUMBER]),
    st.sampled_from([None, "age", "fare"]),
)


@st.composite
def _accountings(draw: st.DrawFn) -> Accounting:
    tally = AccountingBuilder()
    tally.add_parsed(draw(st.integers(0, 1000)))
    for example in draw(st.lists(_EXAMPLES, max_size=30)):
        tally.reject(example.source, example.offset, example.reason, example.column)
    return tally.build()


@given(_accountings(), _accountings())
def test_addition_commutes(one: Accounting, other: Accounting) -> None:
    assert one + other == other + one


@given(_accountings(), _accountings(), _accountings())
def test_addition_is_associative(one: Accounting, two: Accounting, three: Accounting) -> None:
    assert (one + two) + three == one + (two + three)


@given(_accountings())
def test_the_empty_accounting_is_the_identity(some: Accounting) -> None:
    assert some + Accounting() == Accounting() + some == some


@given(_accountings(), _accountings())
def test_every_record_read_is_parsed_or_rejected(one: Accounting, other: Accounting) -> None:
    total = one + other
    assert total.read == total.parsed + total.rejected_total
    assert sum(total.rejected_by_column.values()) <= total.rejected_total


@given(_accountings())
def test_json_and_pickle_give_it_back(some: Accounting) -> None:
    assert Accounting.from_json(json.loads(json.dumps(some.to_json()))) == some
    assert Accounting.from_json(msgspec.msgpack.decode(msgspec.msgpack.encode(some.to_json()))) == some
    assert pickle.loads(pickle.dumps(some)) == some


@given(st.lists(_EXAMPLES), st.randoms(use_true_random=False))
def test_the_order_that_records_come_in_changes_nothing(examples: list[RejectExample], order: object) -> None:
    shuffled = list(examples)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    tallies = AccountingBuilder(), AccountingBuilder()
    for tally, each_order in zip(tallies, (examples, shuffled), strict=True):
        for each in each_order:
            tally.reject(each.source, each.offset, each.reason, each.column)
    assert tallies[0].build() == tallies[1].build()


def test_the_first_ten_of_each_reason_are_kept_whatever_came_first() -> None:
    tally = AccountingBuilder()
    for offset in reversed(range(1000)):
        tally.reject("a.jsonl", offset, RejectReason.NOT_JSON)
        tally.reject("a.jsonl", offset, RejectReason.NOT_A_NUMBER, "age")
    total = tally.build()
    assert total.rejected == {RejectReason.NOT_JSON: 1000, RejectReason.NOT_A_NUMBER: 1000}
    assert total.rejected_by_column == {"age": 1000}
    assert sorted({each.offset for each in total.examples}) == list(range(MAX_EXAMPLES))
    assert len(total.examples) == 2 * MAX_EXAMPLES


def test_counts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="a record was lost or counted twice"):
        Accounting(3, 1, {RejectReason.NOT_JSON: 1})
    with pytest.raises(ValueError, match="negative"):
        Accounting(0, 1, {RejectReason.NOT_JSON: -1})
    with pytest.raises(ValueError, match="counted twice"):
        Accounting(-1, -1)


def test_an_accounting_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        Accounting.from_json({"read": 1, "parsed": 0, "rejected": {"eaten by the dog": 1}})
