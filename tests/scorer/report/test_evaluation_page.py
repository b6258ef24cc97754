"""`scorer evaluate --report` and `--differences`: what they write of texts that want to be more than texts."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.model.sealed import EMBEDDED_MODEL
from scorer.report.reviews import telling_stretch
from tests.conftest import Command, one_line
from tests.scorer.report.test_page import HOSTILE, parsed
from tests.writing import write_table

LONG = "wonderful " * 300
TEXTS = [HOSTILE, "=1+1 \u202eevil", "dull and badly acted", "superb", "a waste of time", None, LONG, HOSTILE]
"""Of which the labels below call `superb` and the long one bad, which the embedded model does not; and one both."""
LABELS = [1, 1, 0, 0, 0, 1, 0, 0]


def write_reviews(path: Path) -> Path:
    shops = ["<b>shop</b>" if row % 2 else "other" for row in range(len(TEXTS))]
    write_table(path, {"text": TEXTS, "label": LABELS, "shop": shops})
    return path


def test_a_page_of_all_that_was_found(command: Command, model: Path) -> None:
    write_reviews(Path("in.csv"))
    same = ("scorer", "evaluate", "in.csv", "-m", EMBEDDED_MODEL, "--by", "shop", "--against", model)
    result = command(*same, "--report", "page.html", "--differences", "rows.parquet", "--json")
    assert result.code == 0, result.err
    told, html = json.loads(result.out), Path("page.html").read_text()
    page = parsed(html)
    assert [tag for tag, _ in page.found].count("script") == 1
    assert not {"img", "onfocus", "onerror"} & {name for tag, names in page.found for name in (tag, *names)}
    text = " ".join("".join(page.text).split())
    for words in ("<b>shop</b>", "says positive", "label negative", "McNemar", "row 4", "superb", "… wonderful"):
        assert words in text, words
    for title in ("ROC", "Precision and recall", "Reliability", "By threshold", "Labels and verdicts"):
        assert f"<h3>{title}</h3>" in html
    rows = pq.read_table("rows.parquet").to_pylist()
    mcnemar = told["mcnemar"]
    assert len(rows) == mcnemar["only_first"] + mcnemar["only_second"] > 0
    for row in rows:
        assert TEXTS[row["row"] - 1] == row["text"]
        assert (row["probability"] >= 0.5) != (row["other_probability"] >= 0.5)
    apart = [abs(row["probability"] - row["other_probability"]) for row in told["furthest_apart"]]
    assert apart == sorted(apart, reverse=True)
    assert {row["row"] for row in told["furthest_apart"]} <= {row["row"] for row in rows}
    assert not list(Path().glob(".rows*"))
    one_line(command(*same, "--report", "page.html"), "page.html", "--force")


def test_what_cannot_be_written_is_said_before_the_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_reviews(Path("in.csv"))
    assert command("scorer", "evaluate", "in.csv", "--differences", "rows.csv").code == 2
    result = command("scorer", "evaluate", "in.csv", "--against", "default", "--differences", "rows.txt.doc")
    assert (result.code, "rows.txt.doc" in result.err) == (2, True)
    one_line(command("scorer", "evaluate", "no.csv", "--report", "nowhere/page.html"), "nowhere")
    Path("there.csv").touch()
    one_line(command("scorer", "evaluate", "in.csv", "--against", "default", "--differences", "there.csv"), "there.csv")


PIECES = st.lists(st.tuples(st.text(max_size=9), st.floats(-1, 1)), max_size=20)


@given(PIECES, st.integers(1, 40))
def test_a_long_text_is_cut_to_where_its_words_say_most(pieces: list[tuple[str, float]], most: int) -> None:
    whole, found = "".join(text for text, _ in pieces), telling_stretch(pieces, most)
    if len(whole) <= most:
        assert found == pieces
        return
    kept = [(text, effect) for text, effect in found if (text, effect) not in (("… ", 0.0), (" …", 0.0))]
    shown = "".join(text for text, _ in kept)
    assert shown in whole
    assert len(shown) <= most
    ends = [(first, last) for first in range(len(pieces)) for last in range(first, len(pieces))]
    fitting = [pieces[a : b + 1] for a, b in ends if sum(len(text) for text, _ in pieces[a : b + 1]) <= most]
    best = max((sum(abs(effect) for _, effect in part) for part in fitting), default=0.0)
    assert sum(abs(effect) for _, effect in kept) >= best - 1e-9
