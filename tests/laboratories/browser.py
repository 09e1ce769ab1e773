"""A real browser without a window, and what people who do not look at its screen get of a page."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(sys.prefix) / "browser"
"""Where `tests/tools/install_browser.py` puts it."""
NONE = FOLDER.with_name("no-browser")
"""What make leaves behind where no browser can be had."""


@contextmanager
def a_browser(home: Path) -> Iterator[Browser]:
    """Chromium, with the font that was installed with it.

    Args:
        home: For what it writes.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("there is no package of a browser for this machine")
    if not (FOLDER / "axe.js").is_file() and NONE.is_file():
        pytest.skip(NONE.read_text())
    assert (FOLDER / "axe.js").is_file(), "run make, which installs the browser"
    environment = {
        "LD_LIBRARY_PATH": f"{FOLDER / 'lib'}:{FOLDER}",
        "FONTCONFIG_FILE": str(FOLDER / "fonts.conf"),
        "HOME": str(home),
    }
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=FOLDER / "chromium",
            args=["--no-zygote", "--disable-gpu"],
            env={**os.environ, **environment},
        )
        yield browser
        browser.close()


@contextmanager
def a_page(browser: Browser, **settings: Any) -> Iterator[Page]:
    """A page of a browser that knows nothing; an error in a script, or anything that is refused to it, fails the test.

    Args:
        browser: Runs.
        settings: As `Browser.new_context` has them: the size, the colours.
    """
    context = browser.new_context(**settings)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if _is_trouble(message.text) else None)
    yield page
    context.close()
    assert not troubles


def _is_trouble(text: str) -> bool:
    """Of what is written on the console; that the server cannot be reached is said there, too."""
    return not text.startswith("Failed to load resource")


def barriers(page: Page) -> list[str]:
    """What keeps people from using a page, as axe-core finds it: rule, and where."""
    # Through the debugger, which the policy of the page does not bind.
    page.evaluate((FOLDER / "axe.js").read_text("utf-8"))
    found = page.evaluate("axe.run()")
    return [f"{each['id']}: {node['target']}" for each in found["violations"] for node in each["nodes"]]


def is_too_wide(page: Page) -> bool:
    """Whether one has to scroll to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
