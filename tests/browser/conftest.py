"""One browser for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from laboratories.browser import a_browser

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium."""
    with a_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found
