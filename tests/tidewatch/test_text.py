"""Text of others in each place where it is shown."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from tests.tidewatch.hostile_text import ATTACKS, texts, visible
from tests.tidewatch.rendered_markdown import elements, render_text
from tidewatch.text import (
    collapse_whitespace,
    escape_markdown,
    escape_slack,
    format_code_span,
    is_invisible,
    sanitize,
)


@given(texts)
def test_what_is_made_plain_is_one_line_that_is_seen(text: str) -> None:
    assert not any(is_invisible(each) for each in sanitize(text))
    assert sanitize(sanitize(text)) == sanitize(text)


@pytest.mark.parametrize(
    "around", ["{}", "- {}", "# Incident 7: {}", "before {} after", "| a | b |\n|---|---|\n| {} | x |"]
)
@given(text=visible)
def test_text_in_markdown_is_read_as_it_was_written_and_brings_no_element(around: str, text: str) -> None:
    document, innocent = around.format(escape_markdown(text)), around.format("TEXT")
    assert elements(document) == elements(innocent)
    assert render_text(document) == render_text(innocent).replace("TEXT", collapse_whitespace(text))


@pytest.mark.parametrize("text", ATTACKS)
def test_markdown_holds_no_mark_of_html_for_renderers_that_know_no_escapes(text: str) -> None:
    assert not set("<>") & set(escape_markdown(text))


@given(visible)
def test_code_in_markdown_is_code_whatever_backticks_it_holds(text: str) -> None:
    document = f"To close it: {format_code_span(text)}."
    assert elements(document) == elements("To close it: `TEXT`.")
    assert render_text(document).split() == f"To close it: {collapse_whitespace(text)}.".split()


@given(texts)
@example("<!channel>")
def test_slack_gets_no_link_and_no_mention(text: str) -> None:
    assert not set("<>") & set(escape_slack(text))


@given(texts)
def test_a_line_has_no_room_for_another_one_to_begin(text: str) -> None:
    assert "  " not in collapse_whitespace(text)
