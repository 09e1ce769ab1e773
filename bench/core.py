"""The core: steps beside bare triggers of state machine libraries, what importing costs, rollouts in the simulator."""

import os
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from document import Part, Table, Target
from steps import ARTICLE, Call, calls_of_a_rollout, policy_of, rollout
from triggers import BATCH, TRIGGERS

from canary_core import ABTest, BlueGreen, Mirror, Policy, Progressive, Strategy, step, weights_by_step
from canary_sims.harness.explore import explore
from canary_sims.simulation import simulate

__all__ = ["imports", "simulated", "steps"]

ROUNDS = 300
"""Many short rounds: on a shared machine only the best of them are undisturbed."""
TRIES = 9
MANY = 10_000
"""Simulated rollouts, on two cores."""
STRATEGIES: dict[str, Strategy] = {
    "progressive (the article)": ARTICLE,
    "progressive with mirror": Progressive(weights=weights_by_step(10, 50), mirror=Mirror()),
    "A/B": ABTest(iterations=5),
    "blue/green": BlueGreen(iterations=5),
    "blue/green with mirror": BlueGreen(iterations=5, mirror=Mirror()),
}
MODULES = {
    "attrs": "",
    "canary_core": "(no extra)",
    "canary_ports": "(no extra)",
    "canary_adapters.manifests": "cli",
    "canary_adapters.kubernetes.cluster": "kubernetes",
    "canary_adapters.prometheus": "prometheus",
    "canary_adapters.controller.controller": "controller",
    "canary_adapters.loadtester.service": "loadtester",
    "canary_sims.simulation": "sims",
    "canary_lab.cluster": "lab",
}
"""What to import, and the extra that it belongs to."""


def best_s(work: Callable[[], object], number: int, rounds: int = ROUNDS) -> float:
    """Seconds that doing this once takes when nothing disturbs it: the best of many short rounds.

    Args:
        work: What to do.
        number: How often, in a round.
        rounds: How many.
    """
    return min(timeit.repeat(work, number=number, repeat=rounds)) / number


def steps_per_second(calls: list[Call]) -> float:
    """Calls of `step` per second, over all calls of a whole rollout."""
    return len(calls) / sum(best_s(partial(step, *call), number=40) for call in calls)


def steps() -> Part:
    """By strategy; and beside the triggers, in turns, so that both see the same machine."""
    by_strategy = {name: steps_per_second(calls_of_a_rollout(policy_of(each))) for name, each in STRATEGIES.items()}
    article, trigger = calls_of_a_rollout(policy_of(ARTICLE)), TRIGGERS["transitions"]()
    turns = [(steps_per_second(article), BATCH / best_s(trigger, 1)) for _ in range(3)]
    ours, theirs = max(turn[0] for turn in turns), max(turn[1] for turn in turns)
    base = by_strategy["progressive (the article)"]
    others = {name: BATCH / best_s(make(), 1) for name, make in TRIGGERS.items()} | {"transitions": theirs}
    return Part(
        name="steps",
        title="Calls of `step`, beside a bare trigger of a state machine library",
        tables=[
            Table(
                ("strategy", "calls per second", "relative"),
                [(name, f"{rate:,.0f}", f"{rate / base:.2f}") for name, rate in by_strategy.items()],
            ),
            Table(
                ("library", "triggers per second", "our steps per trigger"),
                [(name, f"{rate:,.0f}", f"{ours / rate:.2f}") for name, rate in others.items()],
            ),
        ],
        targets=[
            Target(what="steps per second and core", wanted=">= 100,000", found=f"{ours:,.0f}", holds=ours >= 1e5),
            Target(
                what="a whole step per bare trigger of `transitions`",
                wanted=">= 1",
                found=f"{ours / theirs:.2f}",
                holds=ours >= theirs,
            ),
        ],
    )


def import_cost(module: str, environment: dict[str, str]) -> tuple[float, float]:
    """Milliseconds of CPU and MiB that importing a module adds to a bare interpreter: the best of some tries."""
    code = (
        "import time; pages = lambda: int(open('/proc/self/statm').read().split()[1]);"
        f"m = pages(); t = time.process_time(); import {module};"
        "print(time.process_time() - t, (pages() - m) * 4)"
    )
    tries = []
    for _ in range(TRIES):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        seconds, kib = done.stdout.split()
        tries.append((float(seconds) * 1000, float(kib) / 1024))
    return min(tries[1:])


def help_ms(environment: dict[str, str]) -> float:
    """CPU milliseconds of ``canary --help``, the interpreter's own included."""
    command = [str(Path(sys.executable).parent / "canary"), "--help"]
    tries = []
    for _ in range(TRIES):
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        tries.append(spent * 1000)
    return min(tries)


def imports() -> Part:
    """With the compiled modules that an installed package has."""
    with TemporaryDirectory() as folder:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment = {**kept, "PYTHONPYCACHEPREFIX": folder}
        costs = {module: import_cost(module, environment) for module in MODULES}
        helped = help_ms(environment)
    ms, mib = costs["canary_core"]
    return Part(
        name="imports",
        title="Importing",
        tables=[
            Table(
                ("module", "extra", "ms of CPU", "MiB"),
                [(name, MODULES[name], f"{cost[0]:.0f}", f"{cost[1]:.1f}") for name, cost in costs.items()],
            )
        ],
        targets=[
            Target(what="`import canary_core`, with attrs", wanted="<= 50 ms", found=f"{ms:.0f} ms", holds=ms <= 50),
            Target(what="the same", wanted="<= 10 MB", found=f"{mib:.1f} MiB", holds=mib * 1.048576 <= 10),
            Target(what="`canary --help`", wanted="<= 400 ms", found=f"{helped:.0f} ms", holds=helped <= 400),
        ],
    )


def _batch(seed: int) -> tuple[int, float]:
    """How many of a twentieth were promoted, and the CPU seconds that it took."""
    policy, started = policy_of(ARTICLE), time.process_time()
    promoted = sum(simulate(policy, seed=seed + number).ending.exit_code == 0 for number in range(MANY // 20))
    return promoted, time.process_time() - started


def simulated() -> Part:
    """Through the full driver; and how quickly all states of a policy are visited."""
    policy = policy_of(ARTICLE)
    alone = 1 / best_s(partial(rollout, policy), number=1)
    told = 1 / best_s(partial(simulate, policy), number=1)
    started = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        batches = list(pool.map(_batch, range(0, MANY, MANY // 20)))
    took_s, used_s = time.perf_counter() - started, sum(batch[1] for batch in batches) / 2
    assert sum(batch[0] for batch in batches) == MANY
    started = time.process_time()
    found = explore(Policy(strategy=Progressive(weights=(50,)), checks=policy.checks))
    explored_s = time.process_time() - started
    return Part(
        name="simulated",
        title="Simulated rollouts and explored states",
        tables=[
            Table(
                ("what", "per second and core"),
                [
                    ("rollouts through driver and world, from nothing to Succeeded", f"{alone:,.0f}"),
                    ("rollouts by `simulate`, with a record of each tick", f"{told:,.0f}"),
                    (
                        f"states of a policy with one weight by `explore` ({found.states:,})",
                        f"{found.states / explored_s:,.0f}",
                    ),
                    ("transitions by `explore`, invariants checked", f"{found.transitions / explored_s:,.0f}"),
                ],
            )
        ],
        targets=[
            Target(
                what="10,000 article rollouts through the full driver on two cores",
                wanted="<= 20 s",
                found=f"{used_s:.1f} s of CPU on each ({took_s:.1f} s as it was disturbed)",
                holds=used_s <= 20,
            )
        ],
    )
