"""`tidewatch rehearse`: what it refuses before anything is deployed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.errors import UserError
from cli.main import app


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["--scenario", "eror-spike"],
            "there is no game day eror-spike, did you mean error-spike? they are error-spike,",
        ),
        (["--scenario", "xyz"], "there is no game day xyz; they are error-spike,"),
        (["--all", "--stay"], "--port and --stay belong to the story"),
        (["--scenario", "error-spike", "--port", "5000"], "--port and --stay belong to the story"),
    ],
)
def test_a_mistake_is_a_sentence(given: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        CliRunner().invoke(app, ["rehearse", *given], catch_exceptions=False)
    assert sentence in str(refused.value)
