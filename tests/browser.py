"""A real browser for the tests of HTML pages: Chromium without a screen, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.extras import extra

if TYPE_CHECKING:  # an extra, imported where it is there
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """The program; without it tests are skipped, but not on a CI server."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI"):
        raise RuntimeError("no Chromium, which the tests of HTML pages need")
    if found is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One browser for the tests of a module; without a sandbox, as root has none.

    It ends with them: a test that forks, or has an event loop of its own, must not meet the pipes and the loop of the
    driver.
    """
    playwright = extra("playwright.sync_api")
    program = find_chromium()
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"], timeout=300_000)
        yield opened
        opened.close()


@contextmanager
def opened_page(browser: "Browser", file: Path, width: int = 1200, scheme: Scheme = "light") -> "Iterator[Page]":
    """A page opened from disk; an error of its script or on the console, or a request elsewhere, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(300_000)  # of a busy machine
    faults: list[str] = []
    page.on("console", lambda message: faults.extend([message.text] * (message.type == "error")))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("request", lambda sent: faults.extend([sent.url] * (not sent.url.startswith(("file:", "data:")))))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert faults == []
