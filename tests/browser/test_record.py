"""A rollout of which the status has a record: what is drawn of it, and how it goes on while one looks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from canary_adapters.kubernetes.resources import Obj
from laboratories.browser import a_page, barriers, is_too_wide
from laboratories.dashboard_room import Room, a_canary

pytestmark = pytest.mark.slow

SUCCESS = ((100.0, "pass"), (99.4, "pass"), (97.2, "fail"), (None, "no data"), (None, "error"), (99.9, "pass"))
DURATION = (212.0, 260.5, 240.0, 251.0, 498.0, 230.0)
SCALES = """[...document.querySelectorAll("svg")].map(
    each => Math.round(10 * each.clientWidth / each.viewBox.baseVal.width) / 10)"""
PAST = {
    "revision": "v1:0a0a",
    "ended": "2026-11-28T09:00:00Z",
    "outcome": "checks",
    "weight": 20,
    "failed": 5,
    "message": "Too many checks did not pass (threshold 5).",
}


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


def _recorded(now_s: float, rounds: int) -> Obj:
    """A canary whose rounds were ten seconds apart."""
    begun_s = now_s - 10 * len(SUCCESS)
    found: list[dict[str, Any]] = []
    for number in range(rounds):
        value, verdict = SUCCESS[number]
        checks = [
            {"name": "request-success-rate", "value": value, "min": 99, "verdict": verdict},
            {"name": "request-duration", "value": DURATION[number], "max": 500, "verdict": "pass"},
        ]
        found.append({"at": _time(begun_s + 10 * number), "weight": 10 + 10 * number, "checks": checks})
    record = {"now": {"revision": "v1:0b0b", "began": _time(begun_s), "rounds": found}, "past": [PAST]}
    return a_canary("shop", "web", weight=10 * rounds, record=record)


def _open(page: Page, room: Room) -> None:
    """As somebody with a token does."""
    page.goto(room.url)
    page.get_by_label("Bearer token").fill("all")
    page.get_by_role("button", name="Show canaries").click()
    page.get_by_role("link", name="shop/web").click()


def test_checks_are_drawn_with_their_bounds_and_go_on(browser: Browser) -> None:
    now_s = time.time()
    with Room() as room, a_page(browser, viewport={"width": 1100, "height": 900}) as page:
        room.rights.of["all"] = {("list", None)}
        room.put(_recorded(now_s, 5))
        _open(page, room)
        success = page.locator("figure").filter(has_text="request-success-rate")
        duration = page.locator("figure").filter(has_text="request-duration")
        for verdict, count in (("pass", 2), ("fail", 1), ("no data", 1), ("error", 1)):
            expect(success.locator(f"[data-verdict='{verdict}']")).to_have_count(count)
        expect(success).to_contain_text("allowed: at least 99 %")
        expect(duration).to_contain_text("498 ms, pass; allowed: at most 500 ms")
        expect(success.locator(".bound")).to_have_count(1)
        expect(page.locator("#past")).to_contain_text("Too many checks did not pass (threshold 5).")
        assert page.evaluate(SCALES) == [1.0, 1.0, 1.0], "texts of pictures have the size that is meant"
        details = success.get_by_text("Values as a table")
        details.click()
        expect(success.locator("tbody tr").nth(2)).to_contain_text("97.2 %")
        room.put(_recorded(now_s, 6))
        expect(success.locator("[data-verdict='pass']")).to_have_count(3)
        expect(success.locator("tbody tr")).to_have_count(6)
        expect(page.get_by_role("img", name="Weight of the canary")).to_have_accessible_name(_ends_with("60 %"))
        assert barriers(page) == []
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert not is_too_wide(page)
        expect(page.get_by_role("group", name="Ask the controller")).to_be_hidden()


def _ends_with(text: str) -> Any:
    import re

    return re.compile(f"{re.escape(text)}$")


def test_a_record_of_anything_harms_no_page(browser: Browser) -> None:
    check = {"name": "<b>any</b>", "value": 1e12, "verdict": "<i>"}
    rounds = [{"at": _time(time.time()), "weight": -7, "checks": [check, {}]}, {"at": "yesterday"}, 7, None]
    with Room() as room, a_page(browser) as page:
        room.rights.of["all"] = {("list", None)}
        room.put(a_canary("shop", "web", record={"now": {"rounds": rounds}, "past": [{}, "x"]}))
        _open(page, room)
        expect(page.locator("figcaption").filter(has_text="<b>any</b>")).to_be_visible()
        room.put(a_canary("shop", "web", record="none"))
        expect(page.get_by_text("Values of checks are shown where the controller keeps a record")).to_be_visible()
