"""Pages as a visitor has them, in Chromium: they work, complain of nothing, ask for nothing, and fit a phone."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exporter.demo import DemoOptions, write_demo
from scorer.report.page import write_page
from scorer.scoring import Scorer
from scorer.tokens.encoder import TextEncoder
from tests.browser import PHONE, Chromium
from tests.conftest import Command
from tests.exporter.test_node import TEXTS
from tests.scorer.report.test_evaluation_page import write_reviews
from tests.scorer.report.test_page import HOSTILE, page_of
from tests.scorer.report.test_summary import write_scored

pytestmark = pytest.mark.browser


def test_the_report_of_a_fit(browser: Chromium, fitted: Path) -> None:
    report = fitted / "best.run" / "report.html"
    browser.pictures(report, "fit")
    with browser.open(report) as page:
        assert page.locator("h1").inner_text()
        drawing = page.locator(".drawing").first
        drawing.focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#tip").inner_text(), "arrow keys read out the marks of a drawing"
        page.keyboard.press("Escape")
        assert page.locator("#tip").is_hidden()
        page.locator("summary").first.click()
        assert page.locator("details[open] table").first.is_visible()


def test_the_switch_of_colours_and_the_way_by_keyboard(browser: Chromium, fitted: Path) -> None:
    with browser.open(fitted / "best.run" / "report.html") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(background)
        page.get_by_role("button", name="Dark").click()
        assert page.evaluate(background) != light
        page.get_by_role("button", name="Light").click()
        assert page.evaluate(background) == light
        page.reload()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_the_report_on_scored_reviews(
    browser: Chromium, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("scorer", "report", write_scored(command), "--by", "shop", "--time", "day").code == 0
    report = tmp_path / "scored.html"
    browser.pictures(report, "report")
    with browser.open(report) as page:
        page.locator("section#groups th button").first.click()
        assert page.locator("section#groups tbody th").first.inner_text() == "a"
        page.locator(".drawing:visible").first.focus()
        page.keyboard.press("ArrowRight")
        assert "reviews" in page.locator("#tip").inner_text()
        assert page.locator("#reviews mark").count() > 4
        assert page.locator("[onfocus], [onerror], img").count() == 0


@pytest.mark.parametrize("width", [1280, PHONE])
def test_texts_of_strangers_stay_texts(browser: Chromium, tmp_path: Path, width: int) -> None:
    path = tmp_path / "hostile.html"
    write_page(page_of(HOSTILE + " Donaudampfschifffahrtsgesellschaft" * 9), path)
    with browser.open(path, width=width) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"a review speaks: {dialog.message}"))
        assert page.locator("script").count() == 1
        assert page.locator("[onfocus], [onerror], img").count() == 0
        column = page.locator("th:visible button").last
        column.click()
        assert page.locator("th[aria-sort=descending]").count() == 1
        column.click()
        assert page.locator("th[aria-sort=ascending]").count() == 1
        page.locator("mark").first.hover()
        assert "of the strongest word's effect" in page.locator("#tip").inner_text()


def test_the_page_of_an_evaluation(
    browser: Chromium, command: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reviews = write_reviews(tmp_path / "in.csv")
    result = command(
        "scorer", "evaluate", reviews, "-m", "default", "--by", "shop", "--against", model, "--report", "e.html"
    )
    assert result.code == 0, result.err
    browser.pictures(tmp_path / "e.html", "evaluation")
    for width in (1280, PHONE):
        with browser.open(tmp_path / "e.html", width=width) as page:
            page.on("dialog", lambda dialog: pytest.fail(f"a review speaks: {dialog.message}"))
            assert page.locator("script").count() == 1
            assert page.locator("[onfocus], [onerror], img").count() == 0
            assert "<script>alert(1)</script>" in "".join(page.locator("blockquote").all_inner_texts())
            page.locator("#mistakes mark").first.hover()
            assert "of the strongest word's effect" in page.locator("#tip").inner_text()
            page.locator("#result .drawing").first.focus()
            page.keyboard.press("ArrowRight")
            assert "threshold 0.5" in page.locator("#tip").inner_text()
            page.keyboard.press("Escape")
            page.get_by_role("button", name="reviews").first.click()
            assert page.locator("#by-group th[aria-sort=descending]").count() == 1


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the embedded model."""
    path = tmp_path_factory.mktemp("demo") / "demo.html"
    return write_demo(DemoOptions(Path("default"), path)).output


def explained(page: Any, seconds: int = 20) -> None:
    """Wait for the effects of the words."""
    page.wait_for_selector(
        "body[data-explained=yes]", timeout=1000 * seconds
    )  # waiting for a function would need an eval, which is forbidden


def test_the_demo_reads_what_is_typed(browser: Chromium, demo: Path) -> None:
    with browser.open(demo) as page:
        review, probability = page.get_by_label("Your review"), page.locator("#probability")
        explained(page)
        assert review.input_value(), "the first example stands there"
        review.fill("")
        assert probability.inner_text() == "–"
        assert "Type a review" in page.locator("#read").inner_text()
        seen = []
        for word in ("A", "dull,", "lifeless", "film"):
            review.press_sequentially(f"{word} ")
            explained(page)
            seen.append(probability.inner_text())
        assert len(set(seen)) == 4, "it moves with every word"
        (expected,) = Scorer.open("default").score(["A dull, lifeless film "])
        assert seen[-1] == f"{expected:.1%}"
        assert page.locator("#of").inner_text() == "likely to be positive"
        assert page.locator(".verdict .badge.negative").inner_text() == "negative"
        assert page.locator("#words").inner_text().strip() == "A dull, lifeless film"
        assert {"dull", "lifeless"} & {*page.locator("#words mark.n5").all_inner_texts()}
        assert page.locator("#strongest-against li").first.inner_text().startswith(("dull", "lifeless"))
        page.locator("#words mark").first.hover()
        assert "of the strongest word's effect" in page.locator("#tip").inner_text()
        page.wait_for_selector("#spoken:text-matches('negative$')", state="attached")
        page.get_by_role("button", name="Not bad at all.").click()
        assert review.input_value() == "Not bad at all."


def test_the_page_s_ids_and_scores_are_those_of_scorer(browser: Chromium, demo: Path) -> None:
    """Every text of `data/`, in the browser."""
    with browser.open(demo) as page:
        explained(page)
        said = page.evaluate("(texts) => texts.map((text) => sentiment.encode(text))", TEXTS)
        scores = page.evaluate("(all) => all.map((encoded) => sentiment.score(encoded))", said)
    scorer = Scorer.open("default")
    ids = TextEncoder(scorer.sealed.tokenizer_json, scorer.sealed.card.text).encode(pa.array(TEXTS))
    rows = zip(ids.offsets, ids.offsets[1:], strict=False)
    assert [one["ids"] for one in said] == [ids.values[start:end].tolist() for start, end in rows]
    expected = scorer.score(TEXTS)
    assert [score is None for score in scores] == [score is None for score in expected]
    largest = max(abs((score or 0) - (other or 0)) for score, other in zip(scores, expected, strict=True))
    print(f"largest difference of {len(TEXTS)} scores: {largest:.2g}")
    assert largest <= 1e-6


def test_the_demo_of_a_fit(browser: Chromium, fitted: Path, tmp_path: Path) -> None:
    model = fitted / "best.onnx"
    with browser.open(write_demo(DemoOptions(model, tmp_path / "demo.html")).output) as page:
        page.get_by_label("Your review").fill("Отличный фильм, хорошая музыка")
        explained(page)
        (expected,) = Scorer.open(model).score(["Отличный фильм, хорошая музыка"])
        assert page.locator("#probability").inner_text() == f"{expected:.1%}"
        assert page.locator("#read").inner_text().startswith("5 words, "), "not letters"


@pytest.mark.parametrize("width", [1280, PHONE])
def test_what_is_typed_stays_text(browser: Chromium, demo: Path, width: int) -> None:
    with browser.open(demo, width=width) as page:
        page.locator("#review").fill(f"{HOSTILE} Donaudampfschifffahrtsgesellschaft\u202e" * 3)
        explained(page)
        assert page.locator("#words").inner_text().count("<script>alert(1)</script>") == 3
        assert page.locator("[onfocus], [onerror], img").count() == 0
        assert page.locator("#words *").evaluate_all(
            "(all) => [...new Set(all.map((one) => one.localName))].sort()"
        ) == [
            "mark",
            "span",
        ]


def test_a_long_text_is_read_to_its_end_and_the_page_stays_awake(browser: Chromium, demo: Path) -> None:
    with browser.open(demo) as page:
        explained(page)
        page.locator("#review").fill("It started well. " + "The second half was dreadful, I have to say. " * 60)
        assert page.locator("#probability").inner_text() != "–", "at once"
        assert "Only its last 400 words are read" in page.locator("#read").inner_text()
        page.locator("#review").press_sequentially("Bad!")  # while the words before are weighed
        explained(page, 120)
        assert page.locator("#words .unread").first.inner_text().startswith("It started well.")
        assert page.locator("#words mark").last.is_visible()


def test_the_demo_in_light_and_dark_and_for_a_screen_reader(browser: Chromium, demo: Path) -> None:
    browser.pictures(demo, "demo")
    with browser.open(demo) as page:
        explained(page)
        spoken = page.locator("body").aria_snapshot()
        for name in ('textbox "Your review"', 'heading "Against"', 'group "Examples"', "listitem", "status"):
            assert name in spoken, spoken
        page.get_by_label("Your review").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "review", "an example is chosen by keyboard as well"


def test_a_browser_that_computes_otherwise_shows_nothing(browser: Chromium, demo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    content = demo.read_text(encoding="utf-8")
    other.write_text(
        content.replace('id="probes">[["", null]', 'id="probes">[["", null], ["good", 0.5]'), encoding="utf-8"
    )
    with browser.open(other) as page:
        page.wait_for_selector("#review:disabled")
        assert "otherwise than onnxruntime" in page.locator("#read").inner_text()
        assert page.locator("#probability").inner_text() == "–"
