"""What came of a campaign, as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from disturbances.disturbance import Claim, Disturbance, Moment, Record
from disturbances.play import Cell

__all__ = ["ALLOWED", "text", "total"]

ALLOWED: Final = 3_000
"""Percent-seconds that may be lost over the whole matrix."""
_SHORT: Final[Mapping[Claim, str]] = {
    Claim.REACHED: "reached",
    Claim.SERVED: "served",
    Claim.BAD_IS_OUT: "bad out",
    Claim.ABORT_IS_OBEYED: "abort",
    Claim.NEXT_IS_PROMOTED: "next",
}


def total(records: Mapping[Cell, Record]) -> float:
    """Percent-seconds that were lost in all."""
    return sum(record.lost for record in records.values())


def text(records: Mapping[Cell, Record], day: str) -> str:
    """What is written.

    Args:
        records: Of all that was played.
        day: On which it was played, as 2026-11-25.
    """
    disturbances = list(dict.fromkeys(disturbance for disturbance, _ in records))
    failed = sum(bool(record.failed) for record in records.values())
    verdict = f"{failed} of {len(records)} cells do not hold yet." if failed else "Every cell holds."
    head = (
        f"Played on {day}: {len(disturbances)} disturbances at {len(Moment)} moments. In all, {total(records):,.0f} "
        f"percent-seconds were lost. {verdict}"
    )
    rows = [_row(disturbance, records) for disturbance in disturbances]
    columns = ("disturbance", *(moment.value for moment in Moment))
    lines = [columns, ("---", *("---:" for _ in Moment)), *rows]
    return f"{head}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _row(disturbance: Disturbance, records: Mapping[Cell, Record]) -> tuple[str, ...]:
    found = [records.get((disturbance, moment)) for moment in Moment]
    return (disturbance.name, *(_cell(record) for record in found))


def _cell(record: Record | None) -> str:
    if record is None:
        return ""
    lost = f"{record.lost:,.0f} / {record.longest_s:.1f} s" if round(record.lost) else "0"
    broken = ", ".join(_SHORT[claim] for claim in record.failed)
    return f"{lost} **{broken}**" if broken else lost
