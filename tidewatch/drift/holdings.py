"""What a reference holds of the training data, in words: for the model card, and for whoever builds one."""

from __future__ import annotations

from tidewatch.drift.reference import CategoryFeature, Feature, Reference
from tidewatch.text import markdown


def card_section(reference: Reference) -> str:
    """A section of a model card, in Markdown."""
    lines = "\n".join(f"- {markdown(one.name)}: {held(one)}" for one in reference.measured)
    return (
        "\n\n## What reference.json holds of the training data\n\n"
        f"Counts of {reference.rows:,} rows, in the bins of each feature. Nobody's row; of single values:\n\n{lines}\n"
    )


def held(feature: Feature) -> str:
    """What is held of one feature."""
    if isinstance(feature, CategoryFeature):
        kept = (*feature.values, *feature.others)
        hidden = sum(map(feature.is_hashed, kept))
        return f"{len(kept) - hidden:,} values in clear, {hidden:,} hashed"
    if feature.minimum is None or feature.maximum is None:
        return "no value"
    return (
        f"numbers from {feature.minimum:g} to {feature.maximum:g}, rounded outwards where few rows share them, "
        f"and {max(len(feature.edges) - 2, 0):,} quantiles between"
    )
