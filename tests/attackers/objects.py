"""Attacks by what is declared: queries, lists and texts without a measure, and specs that never rest."""

from __future__ import annotations

import itertools
from typing import Any, Final

from attackers.place import Place, attacker

FAST_S: Final = 0.1
MANY: Final = 500
CONTROL: Final = r"control|character|\\u00|\\x|U\+00"


def check(name: str = "own", **more: Any) -> dict[str, Any]:
    """A check of the analysis."""
    return {"name": name, "interval": "1m", "thresholdRange": {"min": 0}, **more}


def hook(url: str, kind: str = "rollout", name: str = "hook", **more: Any) -> dict[str, Any]:
    """A webhook."""
    return {"name": name, "type": kind, "url": url, "timeout": "1s", **more}


# -- Queries --------------------------------------------------------------------------------------------------------


@attacker(told=r"\{\{|query")
def query_that_is_not_closed(place: Place) -> None:
    """Two braces, and nothing but blanks after them."""
    place.roll_out(place.canary(metrics=[check(query="{{" + " " * 60_000)]))


@attacker(told=r"\{\{|query")
def query_of_openings(place: Place) -> None:
    """Braces that open, tens of thousands of times."""
    place.roll_out(place.canary(metrics=[check(query="{{" * 30_000)]))


@attacker(told=r"too large")
def queries_of_64_kib(place: Place) -> None:
    """As long as is allowed, and each of them different: more than the API server can store beside a status."""
    texts = [f'up{{a="{{{{ name }}}}-{number}-{"x" * 65_000}"}}' for number in range(10)]
    place.roll_out(place.canary(metrics=[check(f"own-{n}", query=text) for n, text in enumerate(texts)]))


@attacker(told=CONTROL)
def nul_in_a_query(place: Place) -> None:
    """NUL before a variable, and the start of a terminal's command."""
    place.roll_out(place.canary(metrics=[check(query="up\0{{ name }}\x1b[2J")]))


# -- Lists ----------------------------------------------------------------------------------------------------------


@attacker(told=r"spec\.analysis\.metrics")
def metrics_by_the_hundred(place: Place) -> None:
    """More checks than anybody needs."""
    place.roll_out(place.canary(metrics=[check(f"own-{number}", query="up") for number in range(MANY)]))


@attacker(told=r"spec\.analysis\.webhooks")
def webhooks_by_the_hundred(place: Place) -> None:
    """More hooks than anybody needs, to nobody."""
    place.roll_out(place.canary(webhooks=[hook("http://127.0.0.1:1/", name=f"hook-{n}") for n in range(MANY)]))


@attacker(told=r"spec\.analysis\.alerts")
def alerts_by_the_hundred(place: Place) -> None:
    """More alerts than anybody reads, to nobody."""
    name = f"{place.name}-receiver"
    place.create(place.receiver(name, address="http://127.0.0.1:1/"))
    alerts = [{"name": f"told-{n}", "severity": "info", "providerRef": {"name": name}} for n in range(MANY)]
    place.roll_out(place.canary(alerts=alerts))


@attacker(told=r"spec\.analysis\.match")
def matches_by_the_hundred(place: Place) -> None:
    """More conditions than a proxy should hold."""
    matches = [{"headers": {"x-user": {"exact": f"user-{number}"}}} for number in range(MANY)]
    place.roll_out(place.canary(match=matches, iterations=100, stepWeight=None))


# -- Texts ----------------------------------------------------------------------------------------------------------


@attacker(told=r"spec\.analysis\.interval")
def interval_without_end(place: Place) -> None:
    """A number with tens of thousands of digits."""
    place.roll_out(place.canary(interval="9" * 60_000 + "m"))


@attacker(told=r"spec\.service\.hosts")
def host_without_end(place: Place) -> None:
    """More labels than a name can have."""
    place.roll_out(place.canary(service={"hosts": ["a." * 30_000 + "example.com"]}))


@attacker(told=CONTROL)
def nul_in_an_address(place: Place) -> None:
    """A line of its own in the request, and NUL."""
    place.roll_out(place.canary(webhooks=[hook("http://127.0.0.1:1/\r\nX-Evil: 1\r\n\0")]))


@attacker(told=CONTROL)
def nul_in_names(place: Place) -> None:
    """A hook whose name clears the screen."""
    place.roll_out(place.canary(webhooks=[hook("http://127.0.0.1:1/", name="a\0\x1b[2J")]))


@attacker(told=CONTROL)
def nul_in_headers(place: Place) -> None:
    """A header that begins another one."""
    name = f"{place.name}-template"
    place.create(place.template(name, "up", address="http://127.0.0.1:1", headers={"X-A": ["1\r\nX-Evil: 1\0"]}))
    place.roll_out(place.canary(metrics=[check(templateRef={"name": name})]))


@attacker(told=r"spec\.targetRef|\.\./")
def target_of_another_path(place: Place) -> None:
    """A name that leads to another namespace if it is put into a path as it is."""
    victim = place.around.victim
    canary = place.canary()
    canary["spec"]["targetRef"]["name"] = f"../../{victim}/deployments/{victim}"
    place.roll_out(canary)


@attacker()
def annotations_of_200_kib(place: Place) -> None:
    """Other ones again and again, on the Canary and on its target."""
    place.roll_out()
    for turn in place.again(0.5):
        for kind in ("Canary", "Deployment"):
            place.patch(kind, place.name, {"metadata": {"annotations": {"note": f"{turn}" + "x" * 200_000}}})


@attacker()
def misspelt_requests(place: Place) -> None:
    """What asks for nothing, again and again."""
    place.roll_out()
    for turn in place.again(0.2):
        place.patch("Canary", place.name, {"metadata": {"annotations": {"canary-core/request": f"abrot/{turn}"}}})


# -- What never rests -----------------------------------------------------------------------------------------------


def _changing(place: Place, *analyses: dict[str, Any], told: str = "") -> None:
    """One analysis after the other; the first one stays until something was said of it, if it is to be."""
    place.roll_out()
    if told:
        place.patch("Canary", place.name, {"spec": {"analysis": analyses[0]}})
        place.until_told(told)
    for _, analysis in zip(place.again(FAST_S), itertools.cycle(analyses), strict=False):
        place.patch("Canary", place.name, {"spec": {"analysis": analysis}})


@attacker(told=r"nobody")
def spec_that_is_invalid_every_other_time(place: Place) -> None:
    """A template that exists nowhere, and none. What is to be told of one is mostly overtaken by the next."""
    missing, query = check(templateRef={"name": "nobody"}), check(query="up")
    _changing(place, {"metrics": [missing]}, {"metrics": [query]}, told="nobody")


@attacker()
def spec_of_two_minds(place: Place) -> None:
    """Small steps and large ones."""
    _changing(place, {"stepWeight": 2}, {"stepWeight": 1})


@attacker()
def canary_that_is_made_anew(place: Place) -> None:
    """Deleted and created again and again."""
    place.deploy()
    for _ in place.again(0.2):
        place.delete("Canary", place.name)
        place.create(place.canary())


@attacker()
def config_that_changes(place: Place) -> None:
    """A ConfigMap of the target, other each time."""
    name = f"{place.name}-settings"
    place.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "0"}})
    place.deploy()
    sources = [{"configMapRef": {"name": name}}]
    container = {"name": "app", "image": "example.com/app:v1", "envFrom": sources, "ports": [{"containerPort": 8080}]}
    place.patch("Deployment", place.name, {"spec": {"template": {"spec": {"containers": [container]}}}})
    for turn in place.again(FAST_S):
        place.patch("ConfigMap", name, {"data": {"a": f"{turn}" * 1000}})


@attacker(told=r"status")
def status_of_garbage(place: Place) -> None:
    """Written by whoever owns the Canary: impossible, huge and of wrong types."""
    place.roll_out()
    odd: tuple[dict[str, Any], ...] = (
        {"phase": "Progressing", "canaryWeight": 10**9, "failedChecks": -5, "iterations": 10**12},
        {"phase": "Nonsense"},
        {"phase": "Promoting", "lastAppliedSpec": "\0" * 100, "trackedConfigs": {"a" * 5000: "b" * 5000}},
        {"lastTransitionTime": "9999-12-31T23:59:59Z", "conditions": []},
    )
    for _, status in zip(place.again(0.2), itertools.cycle(odd), strict=False):
        place.patch("Canary", place.name, {"status": status}, of="status")


# -- What is not there, or twice ------------------------------------------------------------------------------------


@attacker(told=r"nobody")
def target_that_is_missing(place: Place) -> None:
    """Nobody has created it."""
    canary = place.canary()
    canary["spec"]["targetRef"]["name"] = "nobody"
    place.deploy(canary)


@attacker(told=r"nobody")
def port_that_is_missing(place: Place) -> None:
    """No container has a port of this name."""
    place.deploy(place.canary(service={"port": 80, "targetPort": "nobody"}))


@attacker(told=r"target")
def two_canaries_for_a_target(place: Place) -> None:
    """The second one wants what the first one has."""
    place.roll_out()
    second = place.canary(f"{place.name}-second")
    second["spec"]["targetRef"]["name"] = place.name
    place.create(second)


@attacker(told=r"token|credential|header|Secret")
def secret_of_garbage(place: Place) -> None:
    """A token that is no text, and has lines of its own."""
    name = f"{place.name}-token"
    place.create({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {"token": "/wANClgtRXZpbDogMQ0KAA==", "username": "AAAA", "password": "//8="},
    })  # fmt: skip
    place.create(place.template(name, "up", address="http://127.0.0.1:1", secretRef={"name": name}))
    place.roll_out(place.canary(metrics=[check(templateRef={"name": name})]))
