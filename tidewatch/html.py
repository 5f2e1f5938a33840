"""The parts of every HTML page: one file, light or dark, without scripts and network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for a page: only the style within it."""
STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5b6675;--line:#d8dde4;--paper:#fff;--solid:#2f6fb3;--bad:#a3271f}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa5b4;--line:#38414d;--paper:#14181e;--solid:#6ea8e0;
--bad:#ff9d94}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:2rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:.8rem 0 0}
p{margin:.2rem 0}.soft{color:var(--soft)}a{color:inherit}
.wide{overflow-x:auto;background:linear-gradient(90deg,var(--paper) 40%,transparent) 0 0/2rem 100% local,
linear-gradient(270deg,var(--paper) 40%,transparent) 100% 0/2rem 100% local,
linear-gradient(90deg,var(--line),transparent) 0 0/.8rem 100% scroll,
linear-gradient(270deg,var(--line),transparent) 100% 0/.8rem 100% scroll;background-repeat:no-repeat}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:500}
.n{text-align:right}.n,.v{white-space:nowrap}
svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:var(--ink)}svg .l{text-anchor:end}
"""


def render_document(title: str, body: str, style: str) -> str:
    """Returns a whole page. `title` is text; `body` and `style` are inserted unchanged."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape_html(title)}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def render_section(title: str, *parts: str) -> str:
    return f"<section><h2>{title}</h2>{''.join(parts)}</section>"


def render_table(titles: Sequence[str], rows: Iterable[str], numbers: Iterable[int] = ()) -> str:
    """Returns a table that scrolls by itself if it is too wide, with a shadow at the edge that hides more.

    `numbers` are the columns with right-aligned titles.
    """
    right = set(numbers)
    heads = "".join(
        f'<th scope="col"{" class=n" if column in right else ""}>{title}</th>' for column, title in enumerate(titles)
    )
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def render_row(name: str, cells: Iterable[str], *, escaped: bool = False) -> str:
    return f'<tr><th scope="row">{name if escaped else escape_html(name)}</th>{"".join(cells)}</tr>'


def render_cell(content: str, kind: str = "") -> str:
    return f"<td class={kind}>{content}</td>" if kind else f"<td>{content}</td>"


def format_percent(share: float) -> str:
    """Returns at most three digits, never 0% for more than nothing and never 100% for less than all."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{100 * share:.0f}%" if share in (0, 1) else f"{100 * share:.1f}%"


def format_length(units: float) -> str:
    """Returns a length in a drawing, to a tenth of a unit."""
    return f"{units:.1f}".removesuffix(".0")


def escape_html(words: str) -> str:
    """Escapes text for HTML. It replaces unprintable characters and those that change the direction of the text."""
    return escape("".join(character if character.isprintable() else "\ufffd" for character in words))
