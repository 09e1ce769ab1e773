"""The controller over fleets: at rest, and with all canaries rolled out at the same time."""

from collections.abc import Iterable

import fleet
from document import Part, Table, Target
from growth import draw

__all__ = ["idle", "rollouts"]

AT_REST = (1, 10, 100, 1000, 5000)
AT_WORK = (10, 50, 200, 500)
AT_REST_HEAD = (
    "canaries",
    "started after, s",
    "CPU for it, s",
    "CPU at rest, of a core",
    "requests at rest",
    "resident MiB",
    "threads",
    "change noticed after, s",
)
AT_WORK_HEAD = (
    "rollouts",
    "took, s",
    "CPU, of a core",
    "CPU of each, s",
    "requests of each",
    "resident MiB",
    "threads",
    "ticks late <= 0.1 s",
    "<= 1 s",
    "<= 2.5 s",
)
CORE = 0.02
"""Share of a core that a thousand idle canaries may use."""


def idle() -> Part:
    """At rest."""
    found = []
    for size in AT_REST:
        with fleet.fleet(size) as canaries:
            found.append(fleet.idle(canaries))
            print(found[-1], flush=True)
    by_size = {each.canaries: each for each in found}
    thousand, most = by_size[1000], by_size[5000]
    resident = [(float(each.canaries), each.process.rss_mb) for each in found]
    started = [(float(each.canaries), each.ready_s) for each in found]
    cpu = [(float(each.canaries), each.start_cpu_s) for each in found]
    return Part(
        name="idle",
        title="Canaries at rest",
        remark=(
            "The controller as a process with its defaults, the embedded cluster in another one. Started means that "
            "every canary has been looked at. CPU and requests are those of 20 s at rest."
        ),
        tables=[Table(AT_REST_HEAD, [_at_rest(each) for each in found])],
        targets=[
            _at_most("requests of 1,000 canaries at rest", thousand.requests, 0, ""),
            _at_most("CPU of 1,000 canaries at rest, % of a core", thousand.cpu_share * 100, CORE * 100, " %"),
            _at_most("resident, 1,000 canaries", thousand.process.rss_mb * 1.048576, 200, " MB"),
            _at_most("resident, 5,000 canaries", most.process.rss_mb * 1.048576, 600, " MB"),
            _at_most("start of 1,000 canaries", thousand.ready_s, 20, " s"),
            _at_most("a changed Deployment is noticed, of 1,000", thousand.noticed_s, 1, " s"),
        ],
        pictures=[
            draw("growth-memory", "Memory by number of canaries at rest", "canaries", "MiB", {"resident": resident}),
            draw(
                "growth-start",
                "Start-up by number of canaries",
                "canaries",
                "seconds",
                {"until all have been looked at": started, "CPU of the controller": cpu},
            ),
        ],
    )


def rollouts() -> Part:
    """At work."""
    found = []
    for size in AT_WORK:
        with fleet.fleet(size) as canaries:
            found.append(fleet.rollouts(canaries))
            print(found[-1], flush=True)
    two_hundred = next(each for each in found if each.canaries == 200)
    kinds = sorted({kind for each in found for kind in each.requests}, key=_most_first(found))
    return Part(
        name="rollouts",
        title="Rollouts at the same time",
        remark=(
            "The article's rollout at an interval of 10 s, new revisions declared over one interval. Load is that of "
            "the whole machine, on which the stand-ins for the API server and Prometheus run as well. What makes 500 "
            "slow is the limit of 100 requests per second (`-kubeconfig-qps`, as Flagger's): they need three times "
            "that while they begin; events give way and come when there is time."
        ),
        tables=[
            Table(AT_WORK_HEAD, [_at_work(each) for each in found]),
            Table(
                ("requests of each rollout", *(f"{each.canaries}" for each in found)),
                [(kind, *(f"{each.requests[kind] / each.canaries:.2f}" for each in found)) for kind in kinds],
            ),
        ],
        targets=[
            Target(
                what="200 rollouts: ticks at most 1 s late",
                wanted=">= 99 %",
                found=f"{two_hundred.late[1.0]:.1%}",
                holds=two_hundred.late[1.0] >= 0.99,
            ),
            _at_most("200 rollouts: cores of CPU", two_hundred.cpu_s / two_hundred.took_s, 1, ""),
            _at_most("200 rollouts: requests of each", two_hundred.each, 35, ""),
        ],
        pictures=[
            draw(
                "growth-rollouts",
                "CPU by number of rollouts at the same time",
                "rollouts",
                "seconds",
                {"CPU of the controller": [(float(each.canaries), each.cpu_s) for each in found]},
            )
        ],
    )


def _at_rest(found: fleet.Idle) -> tuple[str, ...]:
    return (
        f"{found.canaries:,}",
        f"{found.ready_s:.1f}",
        f"{found.start_cpu_s:.1f}",
        f"{found.cpu_share:.2%}",
        f"{found.requests}",
        f"{found.process.rss_mb:.0f}",
        f"{found.process.threads}",
        f"{found.noticed_s:.2f}",
    )


def _at_work(found: fleet.Rollouts) -> tuple[str, ...]:
    return (
        f"{found.canaries}",
        f"{found.took_s:.0f}",
        f"{found.cpu_s / found.took_s:.1%}",
        f"{found.cpu_s / found.canaries:.3f}",
        f"{found.each:.1f}",
        f"{found.process.rss_mb:.0f}",
        f"{found.process.threads}",
        f"{found.late[0.1]:.1%}",
        f"{found.late[1.0]:.1%}",
        f"{found.late[2.5]:.1%}",
    )


def _at_most(what: str, found: float, limit: float, unit: str) -> Target:
    return Target(what=what, wanted=f"<= {limit:g}{unit}", found=f"{found:.3g}{unit}", holds=found <= limit)


def _most_first(found: Iterable[fleet.Rollouts]) -> object:
    totals = sum((each.requests for each in found), start=type(next(iter(found)).requests)())
    return lambda kind: -totals[kind]
