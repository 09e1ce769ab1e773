"""The controller in virtual time: memory over months of churn, and CPU of a tick by the number of canaries."""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

from document import Part, Table, Target
from growth import draw

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the cluster without a server

from laboratories.virtual_cluster import VirtualController
from laboratories.virtual_months import DAYS, blocks, life, quiet

__all__ = ["churn", "ticks"]

LIVES = 4
"""Applications per day that are made, rolled out, rolled back and deleted."""
SIZES = (100, 1000, 5000)


def _used(controller: VirtualController) -> tuple[float, float]:
    """Blocks of memory in use, and resident MiB."""
    found = blocks(controller)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(found), pages / 256


def churn() -> Part:
    """127 days."""
    quiet()
    with VirtualController() as controller:
        for number in range(40):
            life(controller, f"before-{number}")
        begun = _used(controller)
        points = [(0.0, *begun)]
        for day in range(1, DAYS + 1):
            for number in range(LIVES):
                life(controller, f"app-{day}-{number}")
                controller.now_s += 86_400 / LIVES
            if day % 16 == 0 or day == DAYS:
                points.append((float(day), *_used(controller)))
    ended = points[-1][1:]
    shares = [ended[0] / begun[0] - 1, ended[1] / begun[1] - 1]
    picture = draw(
        "growth-churn",
        "Memory over 127 days of churn",
        "day",
        "MiB",
        {"resident": [(day, mib) for day, _, mib in points]},
    )
    return Part(
        name="churn",
        title="127 days of churn, in virtual time",
        remark=f"Each day {LIVES} applications, each of its own name, are made, rolled out, rolled back and deleted.",
        tables=[
            Table(
                ("day", "blocks of memory", "resident MiB"),
                [(f"{day:.0f}", f"{used:,.0f}", f"{mib:.1f}") for day, used, mib in points],
            )
        ],
        targets=[
            Target(what="growth of blocks in use", wanted="<= 5 %", found=f"{shares[0]:+.2%}", holds=shares[0] <= 0.05),
            Target(
                what="growth of resident memory", wanted="<= 5 %", found=f"{shares[1]:+.2%}", holds=shares[1] <= 0.05
            ),
        ],
        pictures=[picture],
    )


def _best_ms(work: Callable[[], object], rounds: int = 200) -> float:
    found = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found) * 1000


def ticks() -> Part:
    """A settled tick, and a whole rollout, of one canary among many."""
    quiet()
    rows: dict[int, tuple[float, float]] = {}
    for size in SIZES:
        with VirtualController() as controller:
            keys = [controller.deploy(f"app-{number}") for number in range(size)]
            for key in keys:
                controller.until("Initialized", key)
            gc.collect()
            key = keys[size // 2]
            settled = _best_ms(lambda: controller.tick(key))  # noqa: B023 - called within this turn
            rolled = []
            for number in range(12):
                controller.image(key, f"v{number + 2}")
                started = time.process_time()
                done = controller.until("Succeeded", key)
                rolled.append((time.process_time() - started) / done * 1000)
            rows[size] = (settled, min(rolled))
    small, large = rows[SIZES[0]], rows[SIZES[-1]]
    ratio = max(large[0] / small[0], large[1] / small[1])
    return Part(
        name="ticks",
        title="CPU of a tick, by the number of canaries",
        tables=[
            Table(
                ("canaries", "ms of a settled tick", "ms of a tick of a rollout, requests included"),
                [(f"{size:,}", f"{settled:.3f}", f"{rolled:.3f}") for size, (settled, rolled) in rows.items()],
            )
        ],
        targets=[
            Target(
                what="CPU of a tick at 5,000 canaries, relative to 100",
                wanted="<= 1.2",
                found=f"{ratio:.2f}",
                holds=ratio <= 1.2,
            )
        ],
    )
