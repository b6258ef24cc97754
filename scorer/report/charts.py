"""Drawings for pages, by matplotlib: SVG in the page's own colours, light and dark, whose marks say their numbers.

Why matplotlib, of three that were tried: its SVG of a histogram of 40 bars takes 15 KB in the page, is there without
scripts, as in a mail's preview or on paper, and needs no more than training needs anyway. Vega's runtime takes 0.9 MB a
page, or 84 MB on disk to draw without a browser; Plotly's 4.8 MB a page.

Colours are stand-ins, replaced by the page's variables; all style becomes attributes, because the page's policy allows
no inline style.
"""

import io
import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

__all__ = [
    "ACCENT",
    "GRID",
    "INK",
    "NEGATIVE",
    "POSITIVE",
    "SHADE",
    "SOFT",
    "Drawing",
    "both_widths",
    "curve",
    "drawn",
    "histogram",
    "lines",
    "over_time",
    "reliability",
]

# Stand-ins for the page's colours.
INK, SOFT, GRID, SHADE, CARD = "#010203", "#010204", "#010205", "#010206", "#010207"
POSITIVE, NEGATIVE, ACCENT, UNSURE = "#010208", "#010209", "#01020a", "#01020b"
_VARIABLES = {
    INK: "--ink",
    SOFT: "--soft",
    GRID: "--grid",
    SHADE: "--shade",
    CARD: "--card",
    POSITIVE: "--positive",
    NEGATIVE: "--negative",
    ACCENT: "--accent",
    UNSURE: "--unsure",
}
_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a dollar sign is one
    "font.family": "sans-serif",
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "xtick.labelcolor": SOFT,
    "xtick.labelsize": 11,
    "ytick.color": GRID,
    "ytick.labelcolor": SOFT,
    "ytick.labelsize": 11,
    "ytick.major.size": 0,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "legend.labelcolor": SOFT,
}
_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_POINTS_AN_INCH = 72
_NUMBER = re.compile(r"-?\d+\.\d+")
_GEOMETRY = {"d", "x", "y", "width", "height", "transform", "viewBox"}
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_numbers = itertools.count()  # of drawings: their marks need names of their own

WIDTH, NARROW, BROAD = 380, 340, 900
"""Of a drawing in one of two columns, on a phone, and across the page."""

Points = Sequence[float]


@dataclass
class Drawing:
    """Axes to draw on, and what their marks say when they are pointed at."""

    axes: Axes
    tips: dict[str, str] = field(default_factory=dict)
    """By the id of a mark."""

    def tip(self, artist: Artist, text: str) -> None:
        """Let a mark say `text`."""
        name = f"tip-{len(self.tips)}"
        artist.set_gid(name)
        self.tips[name] = text

    def spots(self, x: Points | Sequence[date], y: Points, texts: Sequence[str], color: str, size: float = 26) -> None:
        """A dot at each point, each of which says its text."""
        for at, high, text in zip(x, y, texts, strict=True):
            where: dict[str, Any] = {"x": at, "y": high}  # numbers or dates
            self.tip(self.axes.scatter(**where, s=size, color=color, edgecolors=CARD, linewidths=1, zorder=4), text)

    def percents(self, *names: str) -> None:
        """Write the ticks of the axes `x` or `y` as percentages."""
        for name in names:
            getattr(self.axes, f"{name}axis").set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))


def drawn(draw: Callable[[Drawing], None], width: int = WIDTH, height: int = 230, name: str = "") -> Markup:
    """What `draw` draws on empty axes, as SVG for a page, of `width` by `height` pixels; `name` is a class."""
    with matplotlib.rc_context(_STYLE):
        engine = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.04)
        figure = Figure(figsize=(width / _POINTS_AN_INCH, height / _POINTS_AN_INCH), layout=engine)
        FigureCanvasSVG(figure)
        drawing = Drawing(figure.add_subplot())
        drawing.axes.tick_params(length=3)
        draw(drawing)
        content = io.StringIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of letters that its own font lacks; the page's has them
            engine.execute(figure)
            figure.set_layout_engine("none")  # else all is drawn twice
            figure.savefig(content, format="svg", transparent=True)
    return _for_pages(content.getvalue(), drawing.tips, name)


def both_widths(draw: Callable[[Drawing], None], height: int = 250) -> tuple[Markup, Markup]:
    """A drawing across the page, and the same for a phone."""
    return drawn(draw, BROAD, height, "broad"), drawn(draw, NARROW, height, "narrow")


def histogram(
    edges: Points, counts: Sequence[int], cut: float, unsure: tuple[float, float] | None = None
) -> Callable[[Drawing], None]:
    """Counts between `edges` of probabilities; bars take the colour of their side of `cut`, or of what is `unsure`."""

    def draw(drawing: Drawing) -> None:
        for low, high, rows in zip(edges, edges[1:], counts, strict=False):
            color = _side((low + high) / 2, cut, unsure)
            bar = drawing.axes.bar(low, rows, high - low, align="edge", color=color, edgecolor=CARD, linewidth=0.8)
            drawing.tip(bar[0], f"{low:.3g} to {high:.3g}: {rows:,} reviews")
        drawing.axes.axvline(cut, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
        drawing.axes.set(xlim=(edges[0], edges[-1]), xlabel="probability of positive")
        _thousands(drawing.axes)

    return draw


def over_time(
    days: Sequence[date], shares: Points, lows: Points, highs: Points, texts: Sequence[str], change: date | None = None
) -> Callable[[Drawing], None]:
    """A share over time with its interval as a band; `change` is a day that is marked."""

    def draw(drawing: Drawing) -> None:
        axes = drawing.axes
        axes.fill_between(days, lows, highs, color=ACCENT, alpha=0.16, linewidth=0)  # type: ignore[arg-type]
        axes.plot(days, shares, color=ACCENT)  # type: ignore[arg-type]
        drawing.spots(days, shares, texts, ACCENT)
        if change:
            axes.axvline(change, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))  # type: ignore[arg-type]
        locator = AutoDateLocator(maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set_ylim(max(0, min(lows) - 0.05), min(1, max(highs) + 0.05))
        drawing.percents("y")

    return draw


def lines(
    x: Points,
    series: Mapping[str, Points],
    *,
    xlabel: str,
    shaded: tuple[float, float] | None = None,
    mark: float | None = None,
    is_share: bool = False,
) -> Callable[[Drawing], None]:
    """Several series over one `x`, such as epochs: `shaded` is a region of it, `mark` a place."""

    def draw(drawing: Drawing) -> None:
        axes = drawing.axes
        if shaded:
            axes.axvspan(*shaded, color=SHADE, linewidth=0, zorder=0)
        if mark is not None:
            axes.axvline(mark, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
        for (name, values), color in zip(series.items(), (SOFT, ACCENT, POSITIVE, NEGATIVE), strict=False):
            axes.plot(x, values, color=color, label=name)
            shown = [f"{value:.1%}" if is_share else f"{value:.4g}" for value in values]
            drawing.spots(x, values, [f"{name}, {at:g}: {text}" for at, text in zip(x, shown, strict=True)], color)
        axes.set_xlabel(xlabel)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.legend(loc="best")
        if is_share:
            drawing.percents("y")

    return draw


def curve(
    x: Points, y: Points, *, xlabel: str, ylabel: str, chance: Callable[[float], float], spot: tuple[float, float, str]
) -> Callable[[Drawing], None]:
    """A curve in the unit square, such as ROC, beside what `chance` reaches; `spot` is a point and what it says."""

    def draw(drawing: Drawing) -> None:
        axes = drawing.axes
        axes.plot([0, 1], [chance(0), chance(1)], color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
        axes.plot(x, y, color=ACCENT)
        drawing.spots([spot[0]], [spot[1]], [spot[2]], ACCENT, size=46)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=xlabel, ylabel=ylabel)
        axes.grid(axis="both")
        drawing.percents("x", "y")

    return draw


def reliability(said: Points, true: Points, shares: Points) -> Callable[[Drawing], None]:
    """The share that is positive over the probability that is said, by bins; dots grow with their `shares` of rows."""

    def draw(drawing: Drawing) -> None:
        axes = drawing.axes
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
        axes.plot(said, true, color=ACCENT, linewidth=1.2)
        for at, high, share in zip(said, true, shares, strict=True):
            size = 14 + 160 * float(np.sqrt(share))
            text = f"said {at:.1%}, true {high:.1%}: {share:.1%} of the reviews"
            drawing.spots([at], [high], [text], ACCENT, size)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability that is said", ylabel="share that is positive")
        axes.grid(axis="both")
        drawing.percents("x", "y")

    return draw


def _side(place: float, cut: float, unsure: tuple[float, float] | None) -> str:
    if unsure and unsure[0] <= place <= unsure[1]:
        return UNSURE
    return POSITIVE if place >= cut else NEGATIVE


def _thousands(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _for_pages(content: str, tips: Mapping[str, str], name: str) -> Markup:
    """Matplotlib's SVG without what pages do not need, its style as attributes, its marks with their tips."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(_NOT_XML.sub("\ufffd", content))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    prefix = f"d{next(_numbers)}-"
    for element in root.iter():
        if tip := tips.get(element.get("id", "")):
            element.attrib |= {"data-tip": tip, "class": "tip"}
        _rename(element, prefix)
        element.attrib |= dict(_attributes(element))
        element.attrib |= {key: _short(element.attrib[key]) for key in _GEOMETRY & set(element.attrib)}
        element.tail = None
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"class": name, "aria-hidden": "true"}  # what holds it says what it shows
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # safe: it has escaped every text and attribute


def _rename(element: ElementTree.Element, prefix: str) -> None:
    """Give names that drawings refer to a `prefix`, because those of a page are there once; drop the others."""
    name = element.attrib.pop("id", None)
    if name and not element.tag.endswith("}g"):
        element.set("id", prefix + name)
    if link := element.attrib.pop(_LINK, None):
        element.set("href", f"#{prefix}{link[1:]}")
    if clip := element.get("clip-path"):
        element.set("clip-path", clip.replace("url(#", f"url(#{prefix}"))


def _attributes(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """The declarations of an element's style, which is taken from it; fonts are the page's."""
    for declaration in element.attrib.pop("style", "").split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font":
            size = re.search(r"([\d.]+)px", value)
            yield "font-size", size[1] if size else "10"
        elif key and key != "font-family":
            yield key, f"var({_VARIABLES[value]})" if value in _VARIABLES else value


def _short(geometry: str) -> str:
    """The same to a tenth of a pixel, on one line."""
    return _NUMBER.sub(lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), " ".join(geometry.split()))
