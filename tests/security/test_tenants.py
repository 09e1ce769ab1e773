"""What one team writes never harms another: a controller among attackers, and a victim that must go on.

All of it happens once; each test reads the record. With ``CANARY_ATTACKERS=KIND,KIND`` only those attack, which
tells whose fault it is that the victim suffers.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import pytest
import yaml
from kubernetes.utils import parse_quantity

from applications.demo_app import App
from attackers import hangs, neighbours, objects, servers  # noqa: F401 - they register what they hold
from attackers.arena import Record, run
from attackers.place import REGISTERED
from attackers.secrets import secret_of
from attackers.victim import INTERVAL_S, NAME
from laboratories.lab import REAL, Lab

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CHOSEN = os.environ.get("CANARY_ATTACKERS", "")
ATTACKERS = {kind: each for kind, each in REGISTERED.items() if not CHOSEN or kind in CHOSEN.split(",")}
SECONDS, LONGEST_S = 12.0, 120.0
VALUES = Path(__file__).parents[2] / "charts" / "canary" / "values.yaml"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """What came of it."""
    with Lab(tmp_path_factory.mktemp("tenants")) as lab:
        found = run(lab, list(ATTACKERS.values()), seconds=SECONDS, longest_s=LONGEST_S)
        if REAL:  # nobody else finds it as they have left it
            for app in (App(lab, NAME, NAME), *(App(lab, each.namespace, each.name) for each in found.places.values())):
                app.forget()
        return found


def test_there_are_at_least_forty_attackers() -> None:
    assert len(REGISTERED) >= 40


def test_the_victim_misses_no_two_ticks_in_a_row(record: Record) -> None:
    """What the machine is late by is measured meanwhile, and not the controller's fault."""
    gaps = [until - since for since, until in itertools.pairwise(record.ticks)]
    late = [each for each in zip(gaps, record.allowed_s, strict=True) if each[0] > 2 * INTERVAL_S + each[1]]
    assert late == []
    assert len(gaps) > 5


def test_the_controller_answers_every_probe(record: Record) -> None:
    assert record.unhealthy == []
    assert record.probes > 0


def test_its_memory_stays_below_what_the_chart_allows(record: Record) -> None:
    limit = parse_quantity(yaml.safe_load(VALUES.read_text())["resources"]["limits"]["memory"])
    assert 0 < record.memory < limit


def test_the_victims_objects_are_as_they_were(record: Record) -> None:
    assert len(record.before) > 8
    assert record.after == record.before


def test_no_secret_of_the_victim_comes_out(record: Record) -> None:
    assert record.leaks(NAME, secret_of(NAME)) == []


def test_nothing_is_written_to_what_is_not_the_teams_own(record: Record) -> None:
    assert record.writes
    assert record.strays() == []


@pytest.mark.parametrize("kind", ATTACKERS)
def test_it_harms_nobody(record: Record, kind: str) -> None:
    attacker, place = ATTACKERS[kind], record.places[kind]
    assert kind not in record.errors, record.errors[kind]
    said = record.said(kind)
    assert record.has_struck(attacker), said[-5:]
    assert not attacker.planted or record.leaks("nobody", place.secret), "the secret never went where it should"
    harm = {
        "secrets came out": record.leaks(kind, place.secret),
        "its cookie was sent to": record.followed(place.cookie, kind),
        "was written elsewhere": [each for each in record.strays() if each.name.startswith(kind)],
        "was not left alone": record.changed[kind],
        "control characters were told": [text for text in said if re.search(r"[\x00-\x08\x0b-\x1f\x7f]|<script", text)],
        "routes for another namespace": record.foreign_routes(place.namespace),
    }
    assert {what: found for what, found in harm.items() if found} == {}
