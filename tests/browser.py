"""Pages in headless Chromium: whoever opens one hears of every complaint, request and sideways scroll."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

DESKTOP, PHONE, PAPER = 1280, 360, 695
"""Widths in pixels: 360 is that of most phones that are sold, 695 what margins leave of A4."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")


class Chromium:
    """A browser in which every page is watched while it is open."""

    def __init__(self, browser: Any, pictures: Path) -> None:
        self._browser = browser
        self._pictures = pictures

    @contextmanager
    def open(self, place: Path | str, *, width: int = DESKTOP, dark: bool = False) -> Iterator[Any]:
        """A page of playwright that shows a file, off line, or what is at an address of this machine.

        Afterwards fails if the page logged an error or a warning, threw, broke its content security policy, is wider
        than the window, or asked for anything but itself; a page at an address may ask for what lies beside it.
        """
        address = place.as_uri() if isinstance(place, Path) else place
        context = self._browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            offline=isinstance(place, Path),
        )
        try:
            context.set_default_timeout(20_000)  # a slow machine is no bug
            page, complaints, requests = context.new_page(), [], []
            page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.on("websocket", lambda socket: requests.append(socket.url))
            page.goto(address)
            yield page
            page.wait_for_timeout(50)  # what was asked for by the last step comes to light
            assert not complaints, complaints
            own = address if isinstance(place, Path) else address[: address.rindex("/") + 1]
            elsewhere = [url for url in requests if not url.startswith((own, f"blob:{own}", "data:"))]
            assert not elsewhere, f"asked for {elsewhere}"
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{wide} pixels wider than a window of {width}"
        finally:
            context.close()

    def picture(self, page: Any, name: str) -> bytes:
        """A picture of the whole page, PNG; kept under this name where `--pictures` says."""
        return page.screenshot(path=self._pictures / f"{name}.png", full_page=True)  # type: ignore[no-any-return]

    def pictures(self, path: Path, name: str) -> None:
        """Pictures of a page on a desktop, a phone and paper; fails if dark is not dark, or a printed table is cut."""
        for dark in (False, True):
            for width, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
                with self.open(path, width=width, dark=dark) as page:
                    self.picture(page, f"{name}-{device}-{'dark' if dark else 'light'}")
                    assert (_brightness(page) < 0.3) is dark
        with self.open(path, width=PAPER, dark=True) as page:
            page.emulate_media(media="print")
            self.picture(page, f"{name}-paper")
            assert _brightness(page) == 1
            cut = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
            assert page.evaluate(f"{cut}.map((one) => one.ariaLabel)") == []


def _brightness(page: Any) -> float:
    """Of the page's background, 0 to 1."""
    numbers = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)")
    return float(sum(numbers) / 765)


@contextmanager
def chromium(pictures: Path) -> Iterator[Chromium]:
    """Debian's Chromium through playwright; skips the test where one of them is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        try:
            yield Chromium(browser, pictures)
        finally:
            browser.close()
