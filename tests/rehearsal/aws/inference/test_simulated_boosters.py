"""LightGBM's text models: what LightGBM would die of is refused in a sentence, and the simulator lives on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rehearsal.aws.inference import triton
from tests.rehearsal.aws.account import LAYOUT, TINY_MODEL, pack_model


def _replace_text(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "tree 1 does not begin where tree_sizes has it, so the file was cut"),
        (lambda text: text[: text.index("Tree=2") + 100], "tree 2 does not begin where tree_sizes has it"),
        (lambda text: text[: text.index("Tree=0")], "the file holds no tree"),
        (lambda text: text.replace("\n", "\r\n"), "its lines end in CRLF"),
        (_replace_text("num_leaves=4", "num_leaves=40"), "tree 1 does not begin where tree_sizes has it"),
        (_replace_text("num_leaves=4", "num_leaves=9"), "LightGBM"),
        (_replace_text("num_tree_per_iteration=1", "num_tree_per_iteration=3"), "LightGBM breaks down as it reads"),
        (_replace_text("max_feature_idx=2", "max_feature_idx=9"), "Wrong size of feature_names"),
        (_replace_text("tree", "wood"), "does not start with 'tree'"),
    ],
)
def test_a_damaged_model_is_refused_in_a_sentence(damage: Callable[[str], str], sentence: str) -> None:
    archive = pack_model({**LAYOUT, "flights/1/model.txt": damage(TINY_MODEL)})
    with pytest.raises(triton.ModelLoadError) as refused:
        triton.load_model(archive, {triton.DEFAULT_MODEL: "flights"})
    assert str(refused.value).startswith("flights/1/model.txt is not a LightGBM model: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
