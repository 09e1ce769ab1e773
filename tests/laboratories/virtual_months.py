"""Months of churn in virtual time: applications come, are rolled out and back, and go. Run: blocks of memory left."""

import gc
import sys
import time

import structlog

from laboratories.virtual_cluster import VirtualController

__all__ = ["DAYS", "blocks", "life", "quiet"]

DAYS = 127
DAY_S = 86_400.0
BEFORE = 12
"""Days until everything that is bounded has its size."""


def quiet() -> None:
    """The log of months of rollouts is of no interest."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)


def life(controller: VirtualController, name: str) -> None:
    """An application is made, rolled out, rolled back and deleted."""
    controller.prometheus.success_rate = 100.0
    key = controller.deploy(name)
    controller.until("Initialized", key)
    controller.image(key, "v2")
    controller.until("Succeeded", key)
    controller.prometheus.success_rate = 50.0
    controller.image(key, "v3")
    controller.until("Failed", key)
    controller.delete(key)


def blocks(controller: VirtualController) -> int:
    """Blocks of memory that are in use, those of the API server aside."""
    while controller.assembly.recorder.pending:
        time.sleep(0.002)
    for place in [place for place, objects in controller.api.objects.items() if place[0] == "events" or not objects]:
        del controller.api.objects[place]  # it forgets events after an hour
    controller.api.calls.clear()
    controller.api.told.clear()
    gc.collect()
    return sys.getallocatedblocks()


def main() -> None:
    """One application after the other, each of its own name. A quarter of an hour's worth of events may be kept."""
    quiet()
    with VirtualController() as controller:
        for day in range(BEFORE):
            life(controller, f"first-{day}")
            controller.now_s += DAY_S
        before = blocks(controller)
        for day in range(DAYS):
            life(controller, f"app-{day}")
            controller.now_s += DAY_S
        sys.stdout.write(f"{blocks(controller) - before}\n")


if __name__ == "__main__":
    main()
