"""The table of what came of it: as it is written, and as it stands on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from disturbances.catalogue import DISTURBANCES
from disturbances.disturbance import Claim, Disturbance, Moment, Record
from disturbances.known_failures import reason_of
from disturbances.play import Cell
from disturbances.table import ALLOWED, text, total

DOCS = Path(__file__).resolve().parents[2] / "docs"
RECORDED = (DOCS / "reliability-surroundings.txt").read_text(encoding="utf-8")


def _record(moment: Moment, lost: float = 0.0, longest_s: float = 0.0, *failed: Claim) -> Record:
    return Record(disturbance="rain", moment=moment, lost=lost, longest_s=longest_s, failed=failed)


def test_what_is_written() -> None:
    rain = Disturbance(name="rain", do=lambda _: None)
    records: dict[Cell, Record] = {
        (rain, Moment.SETTLED): _record(Moment.SETTLED),
        (rain, Moment.WEIGHT): _record(Moment.WEIGHT, 30.4, 1.0, Claim.BAD_IS_OUT, Claim.NEXT_IS_PROMOTED),
        (rain, Moment.PROMOTING): _record(Moment.PROMOTING, 1234.5, 12.34),
        (rain, Moment.FAILED): _record(Moment.FAILED, 0.4, 0.2),
    }
    assert total(records) == pytest.approx(1265.3)
    head, *rest = text(records, "2026-11-29").splitlines()
    assert head == (
        "Played on 2026-11-29: 1 disturbances at 4 moments. In all, 1,265 percent-seconds were lost. "
        "1 of 4 cells do not hold yet."
    )
    assert rest == [
        "",
        "| disturbance | settled | at a weight | promoting | failed |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| rain | 0 | 30 / 1.0 s **bad out, next** | 1,234 / 12.3 s | 0 |",
    ]


def test_the_page_has_what_was_recorded() -> None:
    assert RECORDED.strip() in (DOCS / "reliability.md").read_text(encoding="utf-8")


def test_what_was_recorded_is_of_all_disturbances() -> None:
    """And what does not hold there is what is known not to."""
    rows = [row.strip("| ").split(" | ") for row in RECORDED.splitlines() if row.startswith("| ")][2:]
    assert [row[0] for row in rows] == [disturbance.name for disturbance in DISTURBANCES]
    failing = {(row[0], moment) for row in rows for moment, cell in zip(Moment, row[1:], strict=True) if "**" in cell}
    every = {(disturbance.name, moment) for disturbance in DISTURBANCES for moment in Moment}
    assert failing == {(name, moment) for name, moment in every if reason_of(name, moment) is not None}


def test_no_more_was_lost_than_is_allowed() -> None:
    (whole,) = re.findall(r"In all, ([\d,]+) percent-seconds", RECORDED)
    assert int(whole.replace(",", "")) <= ALLOWED


def test_what_was_lost_in_all_is_what_the_cells_say() -> None:
    """As far as cells say it, which are rounded."""
    (whole,) = re.findall(r"In all, ([\d,]+) percent-seconds", RECORDED)
    cells = re.findall(r"\| ([\d,]+) / [\d.]+ s", RECORDED)
    rounding = len(DISTURBANCES) * len(Moment) / 2
    assert abs(int(whole.replace(",", "")) - sum(int(cell.replace(",", "")) for cell in cells)) <= rounding
