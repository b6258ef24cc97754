"""The frame of every report: one page that holds all it needs, asks for nothing, and shows texts of strangers as text.

A page is made of plain parts, which the template turns into HTML. What comes from users is escaped by Jinja2, and the
page's content security policy allows the one style sheet and the one script in it by their digests, and nothing else:
no request, no style or script that a review might bring along. Without scripts, as mail programs show pages, only
tooltips, sorting and the switch of colours are missing.
"""

import hashlib
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scorer import __version__
from scorer.system.atomic import write_aside
from scorer.system.terminal import printable

__all__ = [
    "Bar",
    "Block",
    "Cell",
    "Chart",
    "Column",
    "Custom",
    "Matrix",
    "Page",
    "Prose",
    "Review",
    "Reviews",
    "Section",
    "Span",
    "Table",
    "Tile",
    "Tiles",
    "count",
    "number",
    "percent",
    "render",
    "write_page",
]

_HERE = Path(__file__).parent
_LEVELS = 5
"""Shades of a coloured word and of a matrix's cell."""
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Span:
    """A cell that draws a share with its interval, on a scale from 0 to 1; `mark` is a line for comparison."""

    value: float
    low: float
    high: float
    mark: float | None = None

    def __str__(self) -> str:
        return f"{percent(self.value)} ({percent(self.low)} to {percent(self.high)})"


@dataclass(frozen=True, slots=True)
class Bar:
    """A cell that draws a bar of `share`, 0 to 1, beside its text; `side` is `positive`, `negative` or `plain`."""

    text: str
    share: float
    side: str = "plain"


Cell: TypeAlias = str | int | float | Span | Bar
"""Numbers are written as they are; format them before, or give a column its own `sort` values."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `numeric` ones stand right, and the page sorts them by their numbers."""

    title: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a page sorts them by any column, and filters them where they are many."""

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `scorer.report.charts`, what it shows in words, and its numbers."""

    kind: ClassVar[str] = "chart"
    title: str
    svg: Markup
    """Safe: made by `charts.drawn`, which escapes all text."""
    alt: str
    """What a reader sees in it, in a sentence or two; shown below it, and read out."""
    numbers: Table | None = None
    narrow: Markup | None = None
    """The same for a phone, where the drawing is wide."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts by row and column, such as labels by verdicts; each cell is shaded by its share of the row."""

    kind: ClassVar[str] = "matrix"
    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    counts: Sequence[Sequence[int]]
    corner: str = ""
    right: Sequence[tuple[int, int]] = ()
    """Row and column of the cells that are as they should be."""
    note: str = ""

    def share(self, row: int, column: int) -> float:
        """Of its row."""
        return self.counts[row][column] / max(sum(self.counts[row]), 1)


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs."""

    kind: ClassVar[str] = "prose"
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Review:
    """A text with the effect of each of its pieces, from -1 (all against) to 1 (all for positive), 0 for none."""

    pieces: Sequence[tuple[str, float]]
    probability: float | None
    verdict: str
    """`positive`, `negative` or `unsure`: the colour of the badge."""
    label: str
    """What the badge says."""
    facts: Sequence[str] = ()
    """Such as its row and its group."""


@dataclass(frozen=True, slots=True)
class Reviews:
    """Texts with coloured words."""

    kind: ClassVar[str] = "reviews"
    title: str
    reviews: Sequence[Review]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure that is seen first."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The figures that are seen first, side by side."""

    kind: ClassVar[str] = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Custom:
    """What only one page has; `html` is ours, and has escaped whatever is not."""

    kind: ClassVar[str] = "custom"
    html: Markup


Block: TypeAlias = Table | Chart | Matrix | Prose | Reviews | Tiles | Custom


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence on what is to be seen, and blocks."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""

    @property
    def anchor(self) -> str:
        """What links lead to; titles are ours."""
        return "-".join(self.title.lower().split())


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    title: str
    kicker: str
    """What kind of report it is, in two or three words."""
    lead: str
    sections: Sequence[Section]
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """Names and values at the foot: files, model, settings."""
    style: str = ""
    """Rules of its own, behind those of all pages."""
    script: str = ""


def render(page: Page) -> str:
    """The page as HTML."""
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    style, script = style + page.style, script + page.script
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    now = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    facts = [*page.facts, ("Made", f"{now} by sentiment-scorer {__version__}")]
    template = _environment().get_template("page.html")
    parts = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return template.render(page=page, facts=facts, **parts)


def write_page(page: Page, path: Path) -> None:
    """Write the page to `path`, whole or not at all."""
    content = render(page).encode()
    with write_aside(path) as partial:
        partial.write_bytes(content)


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as a percentage; a dash for what is not a number."""
    return _NOTHING if math.isnan(share) else f"{share:.{digits}%}"


def number(value: float, digits: int = 3) -> str:
    """A number; a dash for what is none."""
    return _NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def count(rows: int) -> str:
    """A count with its thousands apart."""
    return f"{rows:,}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"level": _level, "readable": _readable, "sort_key": _sort_key, "scale": _scale}
    environment.tests |= {"span": lambda cell: isinstance(cell, Span), "bar": lambda cell: isinstance(cell, Bar)}
    return environment


def _digest(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _level(effect: float) -> int:
    """The shade of an effect or a share between -1 and 1: 0 to `_LEVELS`."""
    return min(_LEVELS, math.ceil(abs(effect) * _LEVELS - 0.5))


def _readable(text: str) -> str:
    """A text of users without what moves the cursor or turns the direction of what follows; lines stay lines."""
    return "\n".join(map(printable, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


def _sort_key(cell: Cell) -> float | None:
    """The number that a cell is sorted by; None for text that is none."""
    if isinstance(cell, (Span, Bar)):
        return cell.value if isinstance(cell, Span) else cell.share
    try:
        value = float(str(cell).replace(",", "").replace("%", "").replace("−", "-"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _scale(share: float) -> str:
    """A place on a scale from 0 to 1, as SVG takes it."""
    return f"{min(max(share, 0.0), 1.0):.2%}"
