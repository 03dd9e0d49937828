"""A report: one HTML file that needs nothing else, made to be read by a person.

Figures are embedded, and so are the tables that can be taken away; the style sheet is inline, no script runs and
nothing is fetched. Every text is escaped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from vitrify.md.store.checkpoint import write_atomically

STYLE_SHEET = """
:root{color-scheme:light dark;
--paper:#fcfcfa;--ink:#1f2430;--muted:#667085;--rule:#dfe3e8;--card:#ffffff;--accent:#1b4f8f}
@media (prefers-color-scheme:dark){:root{--paper:#15181e;--ink:#e6e8ec;--muted:#98a2b3;--rule:#2d333d;--card:#1c2027;
--accent:#8fb8e8}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.62 Charter,"Bitstream Charter","Iowan Old Style",
Cambria,Georgia,serif;-webkit-text-size-adjust:100%}
main{max-width:46rem;margin:0 auto;padding:3.5rem 1.25rem 4rem}
header{border-bottom:2px solid var(--ink);padding-bottom:1.4rem;margin-bottom:2rem}
h1{font-size:2.15rem;line-height:1.15;margin:0 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.4rem;line-height:1.25;margin:3rem 0 .8rem}
header p{margin:0;color:var(--muted);font-size:1.05rem}
nav{font:.86rem/1.7 system-ui,sans-serif;margin-top:1.1rem}
nav a{color:var(--accent);text-decoration:none;margin-right:1.2rem;display:inline-block}
nav a:hover{text-decoration:underline}
p{margin:0 0 1rem}
dl.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.8rem;margin:1.4rem 0 1.8rem}
dl.numbers div{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.8rem 1rem;display:flex;
flex-direction:column-reverse;justify-content:flex-end}
dl.numbers dd{margin:0;font-size:1.3rem;line-height:1.3;font-variant-numeric:tabular-nums lining-nums}
dl.numbers dt{color:var(--muted);font:.8rem/1.4 system-ui,sans-serif;margin-top:.2rem}
figure{margin:1.8rem 0}
figure img{display:block;max-width:100%;height:auto;margin:0 auto;background:#fff;
border:1px solid var(--rule);border-radius:8px;padding:.8rem}
figcaption{color:var(--muted);font:.86rem/1.55 system-ui,sans-serif;margin-top:.6rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font:.88rem/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;border-bottom:1.5px solid var(--ink);padding:.35rem .9rem .35rem 0;
vertical-align:bottom}
td{border-bottom:1px solid var(--rule);padding:.35rem .9rem .35rem 0;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
th.number,td.number{text-align:right}
td.long{white-space:normal;min-width:15rem}
a.take{color:var(--accent);text-decoration:none}
a.take:hover{text-decoration:underline}
ul.files{list-style:none;margin:0 0 1.5rem;padding:0;font:.86rem/1.55 system-ui,sans-serif}
ul.files li{border-bottom:1px solid var(--rule);padding:.45rem 0;color:var(--muted)}
@media (max-width:600px){main{padding:2rem 1rem 3rem}body{font-size:16px}h1{font-size:1.75rem}
figure img{padding:.3rem}nav a{display:block;margin:0}
.stacked thead{display:none}.stacked table,.stacked tbody,.stacked tr,.stacked td{display:block;width:100%}
.stacked tr{border-bottom:1.5px solid var(--ink);padding:.5rem 0}
.stacked td,.stacked td.number,.stacked td.long{min-width:0;display:flex;
justify-content:space-between;gap:1rem;text-align:right;white-space:normal;
padding:.15rem 0;border-bottom:0;overflow-wrap:anywhere}
.stacked td::before{content:attr(data-name);color:var(--muted);
text-align:left;flex-shrink:0}}
footer{margin-top:4rem;border-top:1px solid var(--rule);padding-top:1rem;color:var(--muted);
font:.8rem/1.6 system-ui,sans-serif}
footer dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}
footer dd{margin:0;overflow-wrap:anywhere}
@media print{body{font-size:11pt}main{max-width:none;padding:0}nav{display:none}figure,table{break-inside:avoid}}
"""

SHOWN_WIDTH = 0.56
"""Width of a picture on the page in CSS pixels for each of its own: figures have 200 dots an inch."""


@dataclass(frozen=True)
class Prose:
    """A paragraph. ``E_IS``, ``T_g``, ``k_B`` and the like are set with their subscripts."""

    text: str

    def html(self) -> str:
        """The paragraph."""
        return f"<p>{_typeset(self.text)}</p>"


@dataclass(frozen=True)
class Numbers:
    """The few numbers that matter, set large: (what it is, its value in words)."""

    entries: Sequence[tuple[str, str]]

    def html(self) -> str:
        """A row of cards."""
        cards = (f"<div><dt>{_typeset(name)}</dt><dd>{_typeset(value)}</dd></div>" for name, value in self.entries)
        return f'<dl class="numbers">{"".join(cards)}</dl>'


@dataclass(frozen=True)
class Picture:
    """A figure with its caption, given as a PNG file's bytes."""

    png: bytes
    caption: str

    def __post_init__(self):
        if not self.png.startswith(b"\x89PNG"):
            raise ValueError(f"picture {self.caption!r}: got no PNG, expected the bytes of a PNG file")

    def html(self) -> str:
        """The figure, its image embedded."""
        data = base64.b64encode(self.png).decode("ascii")
        width = round(int.from_bytes(self.png[16:20], "big") * SHOWN_WIDTH)
        image = f'<img alt="{escape(self.caption)}" style="width:{width}px" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{_typeset(self.caption)}</figcaption></figure>"


LONGEST_LINE = 40
"""Characters beyond which a cell is broken into lines, so that the numbers beside it stay in sight."""

WIDEST_ON_A_PHONE = 3
"""Columns beyond which a row becomes a block of lines on a narrow screen, each with its column's name."""


@dataclass(frozen=True)
class File:
    """A text file that is taken away from the page: its name, its content, and what it holds."""

    name: str
    content: bytes
    about: str = ""

    def html(self) -> str:
        """A link that holds the file itself."""
        data = base64.b64encode(self.content).decode("ascii")
        name = escape(self.name)
        return f'<a class="take" download="{name}" href="data:text/csv;charset=utf-8;base64,{data}">{name}</a>'


@dataclass(frozen=True)
class Files:
    """Tables too long to be shown."""

    entries: Sequence[File]

    def html(self) -> str:
        """A line each."""
        lines = (f"<li>{file.html()}: {_typeset(file.about)}</li>" for file in self.entries)
        return f'<ul class="files">{"".join(lines)}</ul>'


@dataclass(frozen=True)
class Link:
    """Another page beside this one: where it is, seen from here, and what one finds there."""

    address: str
    text: str

    def html(self) -> str:
        """A paragraph with the link."""
        return f'<p><a class="take" href="{escape(self.address)}">{_typeset(self.text)}</a></p>'


@dataclass(frozen=True)
class Table:
    """A table: column headings, rows of texts, a caption that says units and what the errors are, and its file."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    file: File | None = None

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"table: got a row of {len(row)} cells, expected {len(self.header)}")

    def html(self) -> str:
        """The table; a column of numbers stands flush right."""
        kinds = [_kind(column) for column in zip(*self.rows, strict=True)]
        kinds = kinds or [""] * len(self.header)
        head = "".join(f"<th{kind}>{_typeset(name)}</th>" for kind, name in zip(kinds, self.header, strict=True))
        body = "".join(
            "<tr>"
            + "".join(
                f'<td{kind} data-name="{escape(name)}"><span>{_typeset(cell)}</span></td>'
                for kind, name, cell in zip(kinds, self.header, row, strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        take = f" {self.file.html()}" if self.file else ""
        caption = f"<figcaption>{_typeset(self.caption)}{take}</figcaption>" if self.caption or take else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        wide = "wide stacked" if len(self.header) > WIDEST_ON_A_PHONE else "wide"
        return f'<figure><div class="{wide}">{table}</div>{caption}</figure>'


Block = Prose | Numbers | Picture | Table | Files | Link


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    blocks: Sequence[Block]


def write_report(
    path: Path,
    title: str,
    sections: Sequence[Section],
    *,
    summary: str = "",
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write a report as one HTML file, whole or not at all.

    Args:
        path: the file.
        title: of the page.
        sections: what it holds, in order.
        summary: one sentence below the title.
        facts: provenance, at the foot: program, commit, host, date.
    """
    anchors = [f"section-{number}" for number in range(1, len(sections) + 1)]
    links = "".join(
        f'<a href="#{anchor}">{_typeset(section.heading)}</a>'
        for anchor, section in zip(anchors, sections, strict=True)
    )
    bodies = "".join(
        f'<section id="{anchor}"><h2>{_typeset(section.heading)}</h2>'
        + "".join(block.html() for block in section.blocks)
        + "</section>"
        for anchor, section in zip(anchors, sections, strict=True)
    )
    foot = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in (facts or {}).items())
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE_SHEET}</style></head><body><main>"
        f"<header><h1>{_typeset(title)}</h1><p>{_typeset(summary)}</p>"
        + (f"<nav>{links}</nav>" if len(sections) > 1 else "")
        + f"</header>{bodies}"
        + (f"<footer><dl>{foot}</dl></footer>" if foot else "")
        + "</main></body></html>\n"
    )
    write_atomically(path, page)


def with_error(value: float, error: float) -> str:
    """A value and its standard error, both to the error's second digit.

    >>> with_error(-3.86871, 0.00071), with_error(0.5, float("nan"))
    ('−3.86871 ± 0.00071', '0.5')
    """
    if not np.isfinite(value):
        return "–"
    if not (np.isfinite(error) and error > 0):
        return number(value)
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")


def with_interval(value: float, low: float, high: float) -> str:
    """A value and its interval, to three digits behind the point.

    >>> with_interval(0.4135, 0.378, 0.443)
    '0.413 (0.378 to 0.443)'
    """
    if not np.isfinite(value):
        return "–"
    interval = f" ({low:.3f} to {high:.3f})" if np.isfinite(low) and np.isfinite(high) else ""
    return f"{value:.3f}{interval}".replace("-", "−")


def number(value: float) -> str:
    """A number to six digits, with a true minus sign; a dash for none.

    >>> number(-2e-5), number(200000), number(float("nan"))
    ('−2e−05', '200000', '–')
    """
    return f"{value:.6g}".replace("-", "−") if np.isfinite(value) else "–"


def _kind(column: Sequence[str]) -> str:
    """The class of a column's cells."""
    if all(map(_is_number, column)):
        return ' class="number"'
    return ' class="long"' if max(map(len, column)) > LONGEST_LINE else ""


def _is_number(cell: str) -> bool:
    return re.match(r"^[−+-]?\d|^–$", cell) is not None


def _typeset(text: str) -> str:
    """Escaped text, with the field's subscripts."""
    return re.sub(r"\b(E|T|k|kT)_(IS|g|f|B|sub)\b", r"<i>\1</i><sub>\2</sub>", escape(str(text)))
