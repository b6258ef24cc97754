"""Pages as a visitor has them, in Chromium: they work, complain of nothing, ask for nothing, and fit a phone."""

from pathlib import Path

import pytest

from scorer.report.page import write_page
from tests.browser import PHONE, Chromium
from tests.scorer.report.test_page import HOSTILE, page_of

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
