"""A rollout of which the status has a record: what is drawn of it, and how it goes on while one looks."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from canary_adapters.kubernetes.resources import Obj
from canary_adapters.kubernetes.store.record import written_record
from canary_core import Bound, Outcome, Phase, Record, Verdict
from canary_core.record import Entry, Finding, Point, Round
from laboratories.browser import a_page, barriers, is_too_wide
from laboratories.dashboard_room import Room, a_canary

pytestmark = pytest.mark.slow

SUCCESS: tuple[tuple[float | None, Verdict], ...] = (
    (100.0, Verdict.PASS),
    (99.4, Verdict.PASS),
    (97.2, Verdict.FAIL),
    (None, Verdict.NO_DATA),
    (None, Verdict.ERROR),
    (99.9, Verdict.PASS),
)
DURATION = (212.0, 260.5, 240.0, 251.0, 498.0, 230.0)
GAP_S = 10.0
SCALES = """[...document.querySelectorAll("svg")].map(
    each => Math.round(10 * each.clientWidth / each.viewBox.baseVal.width) / 10)"""


def _recorded(now_s: float, rounds: int) -> Obj:
    """A canary whose weight went up with each round, as the controller stores it."""
    begun_s = now_s - GAP_S * len(SUCCESS)
    worst = Finding(check="request-success-rate", verdict=Verdict.FAIL, value=91.0, bound=Bound(minimum=99))
    past = Entry(
        revision="v1:0a0a",
        title="example.com/web:v1",
        began_s=begun_s - 3600,
        ended_s=begun_s - 3000,
        outcome=Outcome.CHECKS,
        weight=20,
        not_passed=5,
        worst=worst,
    )
    now = Entry(revision="v1:0b0b", title="example.com/web:v2", began_s=begun_s)
    record = Record(now=now, rounds=tuple(_round(begun_s, number) for number in range(rounds)), past=(past,))
    return a_canary("shop", "web", weight=10 * rounds, record=written_record(record))


def _round(begun_s: float, number: int) -> Round:
    value, verdict = SUCCESS[number]
    return Round(
        at_s=begun_s + GAP_S * number,
        before=Point(phase=Phase.PROGRESSING, weight=10 * number),
        then=Point(phase=Phase.PROGRESSING, weight=10 * (number + 1)),
        findings=(
            Finding(check="request-success-rate", verdict=verdict, value=value, bound=Bound(minimum=99)),
            Finding(check="request-duration", verdict=Verdict.PASS, value=DURATION[number], bound=Bound(maximum=500)),
        ),
    )


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
        for verdict, count in (("pass", 2), ("fail", 1), ("no data", 1), ("no answer", 1)):
            expect(success.locator(f"[data-verdict='{verdict}']")).to_have_count(count)
        expect(success).to_contain_text("no answer; wanted: at least 99")
        expect(duration).to_contain_text("498 ms, pass; wanted: at most 500")
        expect(success.locator(".bound")).to_have_count(1)
        expect(page.locator("#past")).to_contain_text("failed: checks")
        expect(page.locator("#past")).to_contain_text("request-success-rate 91, wanted at least 99 (5 times)")
        assert page.evaluate(SCALES) == [1.0, 1.0, 1.0], "texts of pictures have the size that is meant"
        details = success.get_by_text("Values as a table")
        details.click()
        expect(success.locator("tbody tr").nth(2)).to_contain_text("97.2 %")
        room.put(_recorded(now_s, 6))
        expect(success.locator("[data-verdict='pass']")).to_have_count(3)
        expect(success.locator("tbody tr")).to_have_count(6)
        expect(page.get_by_role("img", name="Weight of the canary")).to_have_accessible_name(re.compile(": 60 %$"))
        assert barriers(page) == []
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert not is_too_wide(page)
        expect(page.get_by_role("group", name="Ask the controller")).to_be_hidden()


def test_a_record_that_somebody_has_written_harms_no_page(browser: Browser) -> None:
    check = {"name": "<b>any</b>", "value": 1e12, "verdict": "pass"}
    at = "2026-11-29T10:00:00Z"
    record = {"now": {"revision": "x", "began": at, "rounds": [{"at": at, "weight": -7, "checks": [check]}]}}
    with Room() as room, a_page(browser) as page:
        room.rights.of["all"] = {("list", None)}
        room.put(a_canary("shop", "web", record=record))
        _open(page, room)
        expect(page.locator("figcaption").filter(has_text="<b>any</b>")).to_be_visible()
        room.put(a_canary("shop", "web", record="none"))
        expect(page.get_by_text("Values of checks are shown where the controller keeps a record")).to_be_visible()
