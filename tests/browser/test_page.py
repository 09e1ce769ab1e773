"""The page in a real browser while a real rollout runs: followed, aborted and retried, by keyboard and on a phone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from applications.demo_app import NAME
from canary_lab.mesh.laptop import Laptop
from laboratories.browser import a_page, barriers, is_too_wide
from laboratories.lab import CANARY
from laboratories.mesh_lab import MeshApp, MeshLab

pytestmark = pytest.mark.slow

DESK = ViewportSize(width=1100, height=900)
PHONE = ViewportSize(width=360, height=740)
NASTY = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshApp]:
    """The application with users, initialised; its rollouts take their time."""
    with Laptop(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.start_controller("-minimum-interval=1s")
        found = MeshApp(MeshLab(laptop), "shop")
        found.begin(analysis={"interval": "2s", "stepWeight": 5, "maxWeight": 50})
        with found.users(20), found.load_on_canary():
            yield found


@contextmanager
def served(app: MeshApp) -> Iterator[str]:
    """The address that `canary dashboard` prints."""
    command = [CANARY, "dashboard", "-n", app.namespace, "--verbs", f"--kubeconfig={app.lab.kubeconfig}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_a_rollout_is_followed_aborted_and_retried(app: MeshApp, browser: Browser) -> None:
    with served(app) as address, a_page(browser, viewport=DESK, reduced_motion="reduce") as page:
        page.goto(address)
        full = f"{app.namespace}/{NAME}"
        row = page.get_by_role("row").filter(has_text=full)
        expect(row).to_contain_text("Initialized")
        assert "key" not in page.url, "the key does not stay in the address"
        assert barriers(page) == []
        app.image("v2")
        expect(row).to_contain_text("Progressing")
        expect(page.get_by_role("status").first).to_contain_text(f"{full}: Progressing")

        page.get_by_role("link", name=full).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=full)).to_be_focused()
        _weights_rise(page)
        expect(page.locator("#events")).to_contain_text("Advance")
        expect(page.locator("#more")).to_contain_text("example.com/app:v2")
        _checks_are_drawn(page)
        _focus_stays(page)
        _nothing_is_run(app, page)
        assert barriers(page) == []
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []

        _press(page, "Abort")
        expect(page.get_by_text(f"{NAME}: abort accepted (phase Failed)")).to_be_visible()
        expect(page.locator("#one-phase")).to_contain_text("Failed")
        _press(page, "Abort")
        expect(page.get_by_text("abort refused: the phase is Failed")).to_be_visible()
        _press(page, "Retry")
        expect(page.get_by_text(f"{NAME}: retry accepted")).to_be_visible()
        expect(page.locator("#one-phase")).to_contain_text("Progressing")

        page.set_viewport_size(PHONE)
        assert not is_too_wide(page)
        assert barriers(page) == []
        page.get_by_role("link", name="All canaries").click()
        expect(page.get_by_role("link", name=full)).to_be_focused()
        assert not is_too_wide(page)
        assert barriers(page) == []


def _weights_rise(page: Page) -> None:
    """The picture is drawn anew, and its description says the weight."""
    picture = page.get_by_role("img", name=re.compile("Weight of the canary"))
    for weight in (5, 10, 15):
        expect(picture).to_have_accessible_name(re.compile(rf": {weight} %$"))


def _checks_are_drawn(page: Page) -> None:
    """What Prometheus has measured, against the bounds of the Canary."""
    for name, wanted in (("request-success-rate", "at least 99"), ("request-duration", "at most 500")):
        figure = page.locator("figure").filter(has_text=name)
        expect(figure).to_contain_text(f"wanted: {wanted}")
        expect(figure.locator("[data-verdict='pass']").nth(1)).to_be_visible()


def _focus_stays(page: Page) -> None:
    """Whatever has the focus keeps it while the page changes."""
    link = page.get_by_role("link", name="All canaries")
    link.focus()
    before = page.locator("#weights tbody tr").count()
    page.wait_for_function("before => document.querySelectorAll('#weights tbody tr').length > before", arg=before)
    expect(link).to_be_focused()


def _nothing_is_run(app: MeshApp, page: Page) -> None:
    """Text of the cluster is text, whatever it looks like."""
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "nasty", "namespace": app.namespace},
        "involvedObject": {"kind": "Canary", "name": NAME, "namespace": app.namespace},
        "type": "Warning",
        "message": NASTY,
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    app.lab.apply(str(event))
    expect(page.get_by_text(NASTY)).to_be_visible()
    assert page.locator("#events img").count() == 0


def _press(page: Page, verb: str) -> None:
    """By keyboard alone: once with a change of mind, which returns the focus, and once for good."""
    button: Locator = page.get_by_role("group").get_by_role("button", name=verb)
    dialog = page.get_by_role("dialog")
    button.focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading")).to_contain_text(f"{verb} ")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name=verb)).to_be_focused()
    page.keyboard.press("Enter")


def test_a_page_without_its_server_says_so_and_one_with_a_wrong_key_asks(
    app: MeshApp, browser: Browser, tmp_path: Path
) -> None:
    with a_page(browser, viewport=PHONE) as page:
        with served(app) as address:
            page.goto(f"{address.partition('#')[0]}#key=wrong")
            expect(page.get_by_role("alert")).to_contain_text("this key is not that of this process")
            expect(page.get_by_label("Bearer token")).to_be_focused()
            assert barriers(page) == []
            page.get_by_label("Bearer token").fill(address.partition("#key=")[2])
            page.keyboard.press("Enter")
            expect(page.get_by_role("link", name=NAME)).to_be_visible()
            expect(page.get_by_text("live", exact=True)).to_be_visible()
            assert page.context.cookies() == []
            page.reload()
            expect(page.get_by_role("link", name=NAME)).to_be_visible()
        expect(page.get_by_text("no connection")).to_be_visible()
