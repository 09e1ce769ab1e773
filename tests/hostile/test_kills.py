"""Killed in the middle of each rollout, a controller ends each of them right; judged by the objects in the cluster."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from applications.many_apps import all_end, deployed, image_of_primary, spoil
from laboratories.killer import Killer, Moment
from laboratories.lab import PATIENCE_S, Lab

pytestmark = pytest.mark.slow

ROLLOUTS = int(os.environ.get("CANARY_HOSTILE_ROLLOUTS", "4"))
"""With a SIGKILL each; 100 by hand."""
WRITES = 12
"""Within so many each is killed: every rollout has more, events included."""
SEED = 11


def test_killed_at_a_random_moment_of_each_rollout_all_end_right(lab: Lab) -> None:
    chance, killer = random.Random(SEED), Killer()
    lab.cluster.middlewares.append(killer)
    running = lab.start()
    apps = deployed(lab, "killed", min(ROLLOUTS, 5))
    all_end(apps, "Initialized", "v1")
    good = dict.fromkeys(apps, "v1")
    moments, phases, began = list[str](), Counter[str](), time.monotonic()
    for number in range(ROLLOUTS):
        app, bad, tag = apps[number % len(apps)], number % 3 == 0, f"r{number}"
        moment = Moment.drawn(chance, WRITES)
        moments.append(str(moment))
        spoil(app, bad=bad)
        killer.arm(running.process.pid, moment)
        app.image(tag)
        assert killer.killed.wait(PATIENCE_S), f"{moment}: never\n{running.text()[-4000:]}"
        running.kill()
        phases[lab.status(app.name, app.namespace)["phase"]] += 1
        running = lab.start()
        good[app] = good[app] if bad else tag
        all_end([app], "Failed" if bad else "Succeeded", good[app])
        assert {each: image_of_primary(each) for each in apps} == good
    lab.cluster.middlewares.remove(killer)
    took_s = time.monotonic() - began
    print(f"seed {SEED}: {ROLLOUTS} rollouts, as many kills, {took_s:.0f} s")  # noqa: T201 - figures for people
    print(f"killed {', '.join(moments)}; left in {dict(phases)}")  # noqa: T201
    assert running.terminate() == 0
