"""The page on watching and intervening, typed line by line beside a controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from canary_core import Verb
from documents.pages import GUIDE, ROOT, lines
from documents.terminal import Terminal
from laboratories.lab import Lab

PAGE = GUIDE / "watching.md"
TEXT = PAGE.read_text(encoding="utf-8")
FIRST = ROOT / "examples" / "first-canary"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Where the first canary is initialised, with steps of a second and without the hook that makes load."""
    canary = yaml.safe_load((FIRST / "canary.yaml").read_text(encoding="utf-8"))
    canary["spec"]["analysis"] |= {"interval": "1s", "webhooks": [], "stepWeight": 1}
    with Lab(tmp_path) as lab, lab.controller():
        lab.apply((FIRST / "application.yaml").read_text(encoding="utf-8"))
        lab.apply(yaml.safe_dump(canary))
        lab.until_phase("Initialized", "web", "shop")
        yield Terminal({}, KUBECONFIG=str(lab.kubeconfig))


@pytest.mark.slow
def test_what_is_typed_is_answered_as_the_page_says(terminal: Terminal) -> None:
    assert terminal.follow(lines(PAGE)) == []


def test_every_verb_is_explained() -> None:
    assert [verb for verb in Verb if f"| `canary {verb.value} NAME` |" not in TEXT] == []
