"""The pages of the guide fit the code, the examples and each other."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import generate_guide
from canary_adapters.background import Background
from canary_adapters.kubernetes.workload import troubles
from canary_adapters.manifests import policy_of, read_object, templates
from canary_adapters.webhook import HttpPool, WebhookHooks
from canary_core import (
    Approved,
    Bound,
    CheckKind,
    HookQuestion,
    HookType,
    Phase,
    Rollout,
    Traffic,
    Verdict,
    messages,
    notices,
)
from canary_core.messages import Names
from documents.pages import GUIDE, PAGES, ROOT, Line, blocks, lines, manifests
from documents.terminal import Terminal
from laboratories.lab import CANARY
from peers.http_peers import Caller, Peer
from stories.reasons import reasons

TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
STRATEGIES = GUIDE / "strategies.md"
FIRST = ROOT / "examples" / "first-canary" / "canary.yaml"


def test_the_parts_that_are_made_from_code_are_what_the_code_says() -> None:
    assert TEXTS["reference.md"] == generate_guide.reference_page()
    for name, bodies in generate_guide.parts().items():
        assert generate_guide.filled(TEXTS[name], bodies) == TEXTS[name]


def test_a_page_without_the_part_is_refused() -> None:
    with pytest.raises(LookupError, match="no part x"):
        generate_guide.filled("nothing", {"x": "text"})


def test_every_command_is_in_the_reference() -> None:
    done = subprocess.run([CANARY, "--help"], capture_output=True, text=True, check=True)
    listed = re.findall(r"^  (\w+) ", done.stdout.split("Commands:")[1], flags=re.MULTILINE)
    assert set(generate_guide.commands()) <= set(listed)
    assert re.findall(r"^## canary (\w+)$", TEXTS["reference.md"], flags=re.MULTILINE) == [*generate_guide.commands()]


@pytest.mark.parametrize("name", ["controller", "loadtester", "crds"])
def test_what_a_command_says_of_itself_is_in_the_reference(name: str) -> None:
    section = TEXTS["reference.md"].split(f"## canary {name}\n")[1].split("\n## ")[0]
    shown = subprocess.run([CANARY, name, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, flags=re.MULTILINE)) - {"--help"}
    assert options
    assert [option for option in options if f"`{option}" not in section] == []


# -- Commands and links ---------------------------------------------------------------------------------------------


def test_every_command_of_the_guide_is_typed_by_a_test() -> None:
    """install, tenants, watching: test_guide_*; first-canary, troubleshooting: test_first_canary; strategies: below."""
    typed = {"install.md", "first-canary.md", "troubleshooting.md", "strategies.md", "tenants.md", "watching.md"}
    assert {page.name for page in PAGES if lines(page)} == typed
    fences = {fence for text in TEXTS.values() for fence in re.findall(r"^```(\w+)$", text, flags=re.MULTILINE)}
    assert fences == {"console", "yaml", "json", "promql"}
    indented = [line.strip() for text in TEXTS.values() for line in _indented(text)]
    assert indented == ['make demo ARGS="--keep --folder /tmp/canary-demo"']


def _indented(text: str) -> list[str]:
    """Lines of code that stand without a fence."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"(?<=\n\n)    .*", outside)


def test_the_demo_is_started_with_options_that_it_has() -> None:
    known = {name for each in generate_guide.command("demo").params for name in each.opts}
    assert {"--keep", "--folder"} <= known
    assert "\t$(BIN)/canary demo $(ARGS)\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, id=line.typed, marks=[pytest.mark.slow] if line.typed.startswith("canary explore") else [])
        for line in lines(STRATEGIES)
    ],
)
def test_the_commands_on_strategies_work(line: Line) -> None:
    terminal = Terminal({})
    output = terminal.type(line.typed)
    assert output
    assert line.mismatch(output) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_pages_lead_to_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", TEXTS[page.name]):
        other = (page.parent / target).resolve() if target else page
        headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert anchor in [_anchor(heading) for heading in headings], (target, anchor)


def _anchor(heading: str) -> str:
    """As Git servers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_options_that_are_named_exist() -> None:
    named = {found for text in TEXTS.values() for found in re.findall(r"`(-[a-z][a-z-]+)`", text)}
    known = {
        name.removeprefix("-")
        for command in ("controller", "loadtester")
        for each in generate_guide.command(command).params
        for name in each.opts
    }
    assert len(named) > 3
    assert named - known == set()


# -- Manifests ------------------------------------------------------------------------------------------------------


def test_every_strategy_is_shown() -> None:
    for path in sorted((ROOT / "examples" / "strategies").glob("*.yaml")):
        pages = [name for name, text in TEXTS.items() if f"examples/strategies/{path.name})" in text]
        assert pages == ["webhooks.md" if path.stem == "gates" else "strategies.md"]
        assert any(f"pictures/strategy-{path.stem}.svg" in text for text in TEXTS.values())


def test_the_first_canary_is_the_one_of_the_examples() -> None:
    shown = manifests(GUIDE / "first-canary.md")
    (text,) = blocks(GUIDE / "first-canary.md", "yaml")
    assert list(shown) == [FIRST.relative_to(ROOT).as_posix()]
    assert text.partition("\n")[2] == FIRST.read_text(encoding="utf-8").partition("\n")[2]


WHOLE = [
    (page.name, title, obj)
    for page in PAGES
    for title, obj in manifests(page).items()
    if isinstance(obj, dict) and "kind" in obj
]
PARTS = [
    (page.name, title, part)
    for page in PAGES
    for title, part in manifests(page).items()
    if (page.name, title, part) not in WHOLE
]


@pytest.mark.parametrize(("page", "title", "obj"), WHOLE, ids=lambda value: value if isinstance(value, str) else "")
def test_objects_are_valid(page: str, title: str, obj: dict[str, Any]) -> None:
    done = subprocess.run(
        [CANARY, "validate", "-"], input=yaml.safe_dump(obj), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("page", "title", "part"), PARTS, ids=lambda value: value if isinstance(value, str) else "")
def test_parts_of_objects_are_valid_where_they_belong(page: str, title: str, part: Any) -> None:
    canary = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    places = {"metrics": "metrics", "its use": "metrics", "webhooks": "webhooks", "gates": "webhooks"}
    if title == "analysis":
        canary["spec"]["analysis"] = part
    else:
        canary["spec"]["analysis"][places.get(title, title)] = part
    (read,) = read_object(canary).canaries
    policy = policy_of(read)
    declared = {"metrics": policy.checks, "webhooks": policy.hooks, "alerts": read.spec.analysis.alerts}
    if title != "analysis":
        assert len(declared[places.get(title, title)]) == len(part)


def test_the_template_can_be_filled_as_its_use_says() -> None:
    shown = manifests(GUIDE / "metrics.md")
    (use,) = shown["its use"]
    values = dict.fromkeys(templates.NAMES, "web")
    template = templates.Template.read(shown["MetricTemplate"]["spec"]["query"])
    query = template.fill(values, use["templateVariables"])
    assert '{namespace="web", pod=~"web-[0-9a-z]+-[0-9a-z]+", level="error"}[web]' in query
    assert use["templateRef"]["name"] == shown["MetricTemplate"]["metadata"]["name"]
    assert [name for name in templates.NAMES if f"`{{{{ {name} }}}}`" not in TEXTS["metrics.md"]] == []


# -- Webhooks -------------------------------------------------------------------------------------------------------


def test_the_types_of_webhooks_are_all_there_are() -> None:
    table = TEXTS["webhooks.md"].split("## Types")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, flags=re.MULTILINE)) == {kind.value for kind in HookType}


def test_the_payload_is_what_is_sent() -> None:
    (shown,) = (json.loads(block) for block in blocks(GUIDE / "webhooks.md", "json"))

    async def approve(caller: Caller) -> None:
        await caller.request()
        await caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with Peer(approve) as peer:
        canary = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
        canary["spec"]["analysis"]["webhooks"][0]["url"] = f"{peer.url}/"
        (read,) = read_object(canary).canaries
        (hook,) = policy_of(read).hooks
        pool, background = HttpPool(), Background()
        hooks = WebhookHooks(
            read,
            names=Names(canary="web", namespace="shop", target="web"),
            rollout=Rollout,
            pool=pool,
            background=background,
        )
        question = HookQuestion(hook=hook.id, phase=Phase.PROGRESSING, revision=shown["checksum"], step="", attempt=0)
        assert hooks.ask(question) == Approved()
        background.close(10.0)
    (seen,) = peer.requests
    assert json.loads(seen.body) == shown
    assert "idempotency-key" in seen.headers


# -- Troubleshooting ------------------------------------------------------------------------------------------------


def test_every_reason_of_the_condition_is_explained() -> None:
    table = TEXTS["troubleshooting.md"].split("## Reasons of the condition")[1]
    cells = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    explained = {reason for cell in cells for reason in re.findall(r"`(\w+)`", cell)}
    assert explained == reasons()


def test_texts_that_are_quoted_are_those_of_events() -> None:
    """But for the names, numbers and capitals in them."""
    quoted = [cell for text in _first_cells() for cell in re.findall(r"`([^`]{12,})`", text)]
    assert len(quoted) > 12
    source = re.sub(r'"\s*f?"', "", inspect.getsource(messages)) + _put_together() + " ".join(troubles.REASONS)
    for text in quoted:
        parts = [part.strip() for part in re.split(r"\b[A-Z]+(?:-[A-Z]+)*\b|\b\d[\d./%]*(?:ms)?|[<>]", text)]
        assert [part for part in parts if part and part not in source] == [], text


def _put_together() -> str:
    """Texts that are made of words from several places."""
    check = notices.CheckNotPassed(
        check="x", kind=CheckKind.SUCCESS_RATE, verdict=Verdict.FAIL, value=92.1, bound=Bound(minimum=99)
    )
    hook = notices.HookNotPassed(hook="x", type=HookType.ROLLOUT, unreachable=False, error="")
    routes = notices.RoutesCorrected(found=None, wanted=Traffic())
    approval = notices.ApprovalAwaited(hook="x", type=HookType.CONFIRM_ROLLOUT)
    budgets = [notices.ThresholdReached(verdict=verdict, count=3, threshold=3) for verdict in Verdict if verdict]
    names = Names(canary="web", namespace="shop", target="web")
    said: list[notices.Notice] = [check, hook, routes, approval, *budgets]
    return "\n".join(messages.message(notice, names) for notice in said)


def _first_cells() -> list[str]:
    before = TEXTS["troubleshooting.md"].split("## Reasons of the condition")[0]
    return re.findall(r"^\| (.*?) \|", before, flags=re.MULTILINE)
