"""A tiny builder of HTML: everything is escaped unless it was built here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { --accent: #C8553D; --ink: #22201e; --soft: #6b645e; --line: #e4ddd6; --paper: #fff;
        --good: #1e7a44; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 40px 32px 64px; background: var(--paper);
       color: var(--ink); font: 15px/1.5 "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
       system-ui, sans-serif; }
header { border-left: 6px solid var(--accent); padding-left: 20px; }
h1 { font-size: 28px; margin: 0; } h2 { font-size: 20px; margin: 40px 0 8px; }
h2::after { content: ""; display: block; width: 32px; height: 3px; background: var(--accent);
            margin-top: 4px; }
p { margin: 8px 0; } .soft { color: var(--soft); font-size: .9em; }
.lead { font-size: 17px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 12px 0; width: 100%; font-size: 13px; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top;
         overflow-wrap: break-word; }
td:first-child, table.facts th { white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.chosen td:first-child { border-left: 4px solid var(--accent); padding-left: 10px;
                           font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); }
code { font: 12px/1.4 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
table.confusion { width: auto; } table.confusion td, table.confusion th { padding: 4px 8px;
  text-align: right; border: 1px solid var(--line); }
table.confusion th { font-size: 11px; white-space: nowrap; }
table.pictures td { border: 0; width: 16.6%; font-size: 12px; color: var(--soft); }
.pictures img { width: 100%; max-width: 152px; height: auto; background: #f5f1ed;
  border-radius: 8px; image-rendering: pixelated; }
@page { margin: 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 10pt; } table { font-size: 8.5pt; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } .sheet { break-before: page; }
  thead { display: table-header-group; }
  .wide { overflow: visible; } code { overflow-wrap: anywhere; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""
# What Qt's text layout knows of CSS: no variables, no flex, no media.
PAPER = """
h1 { font-size: 18pt; } h2 { font-size: 13pt; color: #C8553D; margin-top: 14px; }
.soft { color: #6b645e; font-size: 7.5pt; } .lead { font-size: 11pt; }
th { text-align: left; color: #6b645e; } td, th { padding: 3px; border-bottom: 1px solid #d8d1c9; }
td.n, th.n { text-align: right; }
.sheet { page-break-before: always; }
.good { color: #1e7a44; } .bad { color: #b3261e; } .chosen td { background-color: #fbefeb; }
code { font-family: "DejaVu Sans Mono", "Consolas", "Menlo", monospace; font-size: 7.5pt; }
.confusion td, .confusion th { text-align: right; border: 1px solid #d8d1c9; }
"""


@dataclass(frozen=True)
class Html:
    """Markup that is already safe."""

    markup: str


_ABREAST = 6
Part = str | Html
NOTHING = Html("")


def tag(name: str, *parts: Part, **attributes: str) -> Html:
    """`<name …>parts</name>`; `kind` becomes the class."""
    named = {("class" if key == "kind" else key): value for key, value in attributes.items()}
    written = "".join(f' {key}="{escape(value)}"' for key, value in named.items())
    return Html(f"<{name}{written}>{join(parts).markup}</{name}>")


def join(parts: Iterable[Part]) -> Html:
    """Parts one after the other."""
    return Html("".join(p.markup if isinstance(p, Html) else escape(p) for p in parts))


def section(title: str, *parts: Part, own_sheet: bool = False) -> Html:
    """A titled part of the page; on paper it may begin a sheet of its own."""
    return tag("section", tag("h2", title, kind="sheet" if own_sheet else ""), *parts)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Part]],
    numbers: frozenset[int] = frozenset(),
    chosen: int = -1,
) -> Html:
    """A table; `numbers` are the columns set to the right, `chosen` the row that is marked."""
    head = tag("tr", *(_cell("th", h, i in numbers) for i, h in enumerate(heads)))
    body = [
        tag(
            "tr",
            *(_cell("td", cell, i in numbers) for i, cell in enumerate(row)),
            kind="chosen" if n == chosen else "",
        )
        for n, row in enumerate(rows)
    ]
    whole = tag("table", tag("thead", head), tag("tbody", *body), width="100%", cellspacing="0")
    return tag("div", whole, kind="wide")


def facts(rows: Iterable[tuple[str, Part]]) -> Html:
    """Two columns: what, and its value."""
    lines = (tag("tr", tag("th", name), tag("td", value)) for name, value in rows)
    return tag("table", *lines, kind="facts", cellspacing="0")


def picture(png: bytes, caption: Part, about: str) -> Html:
    """A picture inside the page, with its caption."""
    data = "data:image/png;base64," + base64.b64encode(png).decode()
    image = Html(f'<img src="{data}" width="96" alt="{escape(about)}">')
    return join((image, caption))


def gallery(pictures: Sequence[Part]) -> Html:
    """Pictures beside and below each other."""
    rows = [pictures[i : i + _ABREAST] for i in range(0, len(pictures), _ABREAST)]
    lines = (tag("tr", *(tag("td", part) for part in row)) for row in rows)
    return tag("table", *lines, kind="pictures")


def page(title: str, language: str, body: Iterable[Part], style: str = STYLE) -> str:
    """A whole document that needs nothing from outside."""
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body>{join(body).markup}</body></html>\n"
    )


def _cell(name: str, part: Part, number: bool) -> Html:
    return tag(name, part, kind="n") if number else tag(name, part)
