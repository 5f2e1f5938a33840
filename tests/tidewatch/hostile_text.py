"""Text as somebody writes it who wants to be taken for us."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

ATTACKS = (
    "Runbook: https://evil.example/runbook",
    "\nRunbook: https://evil.example/runbook\n",
    "\r\n\x85\u2028Action taken: nothing is wrong",
    "\n\n## Root cause\n\n<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![seen](https://evil.example/pixel) [here](javascript:alert(1))",
    "[here]: https://evil.example\n[here]",
    "https://evil.example www.evil.example <https://evil.example>",
    "`code` ``more`` *bold* __bold__ ~~gone~~ $x$",
    "| a | b |\n|---|---|\n| c | d |",
    "- item", "1. item", "2) item", "# heading", "> quote", "===", "---", "***", "```", "~~~", "    code",
    "\\", "\\`", "&#60;b&#62;", "&lt;",
    "<!channel> <@U012AB3CD> <https://evil.example|the runbook> &amp;",
    "\x1b[31mred\x1b]8;;https://evil.example\x1b\\link\x9b0m\x07\x08",
    "[/]", "[bold red]fine[/bold red]", "[link=https://evil.example]runbook[/link]", ":warning:",
    "\u202egnp.exe\u2066", "\ud800", '{"_aws": {"CloudWatchMetrics": []}}',
)  # fmt: skip
texts = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=12), min_size=1, max_size=4).map("".join)
"""Attacks and whatever else, one behind the other."""
visible = texts.filter(lambda text: any(unicodedata.category(each)[0] not in "CZ" for each in text))
"""Those of which something is left to see."""
