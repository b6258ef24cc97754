"""The frame of reports: whatever a text holds stays text, and a page asks for nothing."""

import hashlib
import re
from base64 import b64encode
from datetime import date
from html import unescape
from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorer.report import charts
from scorer.report.page import (
    Bar,
    Chart,
    Column,
    Matrix,
    Page,
    Prose,
    Review,
    Reviews,
    Section,
    Span,
    Table,
    Tile,
    Tiles,
    render,
)

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)> \"' onfocus=\"x\" style='x' {{ 7*7 }} "
    "$\\frac{1}$ &amp;"
)
DRAWING = charts.drawn(charts.lines([0, 1], {HOSTILE: [0, 1], "\x01 日本": [1, 0]}, xlabel=HOSTILE))


def page_of(text: str) -> Page:
    """A page that shows `text` wherever a page shows what users wrote."""
    rows = [[text, 1], [Bar(text, 0.5), Span(0.5, 0.4, 0.6, 0.5)]]
    table = Table(text, [Column(text, False), Column("n")], rows, text)
    blocks = [
        Tiles([Tile(text, text, text)]),
        Chart(text, DRAWING, text, table),
        table,
        Matrix(text, [text], [text], [[1]], text, [(0, 0)], text),
        Prose([text]),
        Reviews(text, [Review([(text, 0.9), (text, 0.0), (text, -0.5)], 0.25, "negative", text, [text])], text),
    ]
    return Page(text, "Report", text, [Section("First", blocks, text), Section("Second", [])], [(text, text)])


class Tags(HTMLParser):
    """All tags and attributes of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


PLAIN = parsed(render(page_of("plain")))


@given(st.text(min_size=1))
@example(HOSTILE)
@example("\x00\x0b\ufffe\u202e]]> <!-- %%")
@settings(max_examples=20)
def test_no_text_becomes_a_tag_or_an_attribute(text: str) -> None:
    """Whatever is written, a page has the tags and attributes of one that shows plain words."""
    tags = parsed(render(page_of(text)))
    assert [(tag, set(names)) for tag, names in tags.found] == [(tag, set(names)) for tag, names in PLAIN.found]


def test_a_hostile_text_is_shown_as_it_is() -> None:
    assert "".join(parsed(render(page_of(HOSTILE))).text).count(HOSTILE) > 10
    assert any(HOSTILE in (names.get("data-tip") or "") for _, names in parsed(DRAWING).found)


def test_the_policy_allows_the_page_s_own_style_and_script_and_nothing_else() -> None:
    html = render(page_of("plain"))
    policy = next(names["content"] for tag, names in PLAIN.found if tag == "meta" and "http-equiv" in names)
    assert policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in unescape(policy)
    assert not any("style" in names or any(name.startswith("on") for name in names) for _, names in PLAIN.found)


def test_a_page_names_no_address_but_places_in_itself() -> None:
    for tag, names in PLAIN.found:
        assert not {"src", "action", "srcset"} & set(names), tag
        assert all((names.get(name) or "#").startswith(("#", "data:,")) for name in ("href", "xlink:href"))
    assert "url(" not in render(page_of("plain")).replace("url(#", "")


def test_every_mark_of_a_drawing_has_its_own_tip_and_names_are_there_once() -> None:
    days = [date(2025, month, 1) for month in range(1, 7)]
    shares = [0.5, 0.6, 0.4, 0.5, 0.7, 0.6]
    time = charts.over_time(days, shares, [0.3] * 6, [0.8] * 6, [f"month {n}" for n in range(6)], days[3])
    drawings = [
        *charts.both_widths(time),
        charts.drawn(charts.histogram([0, 0.25, 0.5, 0.75, 1], [4, 1, 2, 9], 0.5, (0.4, 0.6))),
        charts.drawn(charts.lines([1, 2], {"loss $x": [0.5, 0.4]}, xlabel="epoch", shaded=(1, 2), mark=1)),
        charts.drawn(charts.reliability([0.2, 0.8], [0.1, 0.9], [0.5, 0.5])),
        charts.drawn(charts.curve([0, 1], [0, 1], xlabel="x", ylabel="y", chance=lambda x: x, spot=(0, 0, "here"))),
    ]
    tips = [names["data-tip"] for drawing in drawings for _, names in parsed(drawing).found if "data-tip" in names]
    assert len(tips) == 6 + 6 + 4 + 2 + 2 + 1
    assert tips[12:14] == ["0 to 0.25: 4 reviews", "0.25 to 0.5: 1 reviews"]
    every = "".join(drawings)
    ids = re.findall(r' id="([^"]+)"', every)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"#([^\")]+)[\")]", every)) <= set(ids)
    assert "style=" not in every
    assert "#0102" not in every, "a stand-in for a colour is left"
