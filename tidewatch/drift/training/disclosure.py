"""Describes what a reference contains of the training data, for the model card and for whoever builds one."""

from __future__ import annotations

from tidewatch.drift.reference import CategoryFeature, Feature, Reference
from tidewatch.text import escape_markdown


def render_card_section(reference: Reference) -> str:
    """Returns a section of a model card, in Markdown."""
    lines = "\n".join(
        f"- {escape_markdown(feature.name)}: {describe_feature(feature)}" for feature in reference.measured_features
    )
    return (
        "\n\n## What reference.json holds of the training data\n\n"
        f"Counts of {reference.rows:,} rows, in the bins of each feature. Nobody's row; of single values:\n\n{lines}\n"
    )


def describe_feature(feature: Feature) -> str:
    """Describes what the reference contains of one feature."""
    if isinstance(feature, CategoryFeature):
        known_values = (*feature.values, *feature.other_values)
        hidden = sum(map(feature.is_hashed, known_values))
        return f"{len(known_values) - hidden:,} values in clear, {hidden:,} hashed"
    if feature.minimum is None or feature.maximum is None:
        return "no value"
    return (
        f"numbers from {feature.minimum:g} to {feature.maximum:g}, rounded outwards where few rows share them, "
        f"and {max(len(feature.edges) - 2, 0):,} quantiles between"
    )
