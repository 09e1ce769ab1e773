"""The page served over HTTP from canaries that a test puts there, and callers whose rights it says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import requests

from canary_adapters.dashboard.callers import Caller, Door, TurnedAwayError, digest
from canary_adapters.dashboard.service import Settings
from canary_adapters.dashboard.serving import CONNECTIONS, KERNEL, Dashboard
from canary_adapters.kubernetes.resources import Obj, Resource
from canary_adapters.sockets import listen
from canary_adapters.steering.desk import Desk, UnansweredError

PATIENCE_S = 20.0


def a_canary(namespace: str, name: str, phase: str = "Progressing", weight: int = 0, **status: Any) -> Obj:
    """A Canary as a cache has it."""
    metadata = {"namespace": namespace, "name": name, "uid": f"{namespace}-{name}", "resourceVersion": "1"}
    spec = {"targetRef": {"kind": "Deployment", "name": name}, "analysis": {"threshold": 5}}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase, "canaryWeight": weight, **status}}


class Cache:
    """Canaries by namespace and name."""

    def __init__(self) -> None:
        self.canaries: dict[tuple[str, str], Obj] = {}

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        return self.canaries.get((namespace, name))

    def list(self, resource: Resource, namespace: str | None = None) -> list[Obj]:
        return [each for (place, _), each in sorted(self.canaries.items()) if namespace in {None, place}]


class Rights:
    """A door at which rights stand: for each token what it may do, by verb and namespace; None is all of them."""

    def __init__(self) -> None:
        self.of: dict[str, set[tuple[str, str | None]]] = {}

    def caller(self, token: str) -> Caller:
        if token not in self.of:
            raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "nobody's token")
        return Caller(name=f"user of {token}", id=digest(token), token=token)

    def may(self, caller: Caller, verb: str, namespace: str | None) -> bool:
        return bool({(verb, None), (verb, namespace)} & self.of[caller.token])

    def desk(self, caller: Caller) -> AbstractContextManager[Desk]:
        return nullcontext(Silent())


class Silent(Desk):
    """An API server that does not answer: what is shown comes from the cache."""

    def __init__(self) -> None:
        pass

    def canary(self, namespace: str, name: str) -> Obj:
        raise UnansweredError("no answer")


class Room:
    """A served page; a context manager."""

    def __init__(self, *, door: Door | None = None, **settings: Any) -> None:
        self.cache, self.rights = Cache(), Rights()
        listener = listen("127.0.0.1", 0, backlog=CONNECTIONS, kernel=KERNEL)
        self.dashboard = Dashboard(Settings(**settings), door or self.rights, self.cache, listener, now_s=time.time)
        self.url = f"http://127.0.0.1:{self.dashboard.port}"

    def put(self, canary: Obj) -> None:
        """It came or changed."""
        metadata = canary["metadata"]
        self.cache.canaries[metadata["namespace"], metadata["name"]] = canary
        self.dashboard.changed(canary)

    def remove(self, namespace: str, name: str) -> None:
        """It is gone."""
        self.dashboard.changed(self.cache.canaries.pop((namespace, name)))

    def get(self, path: str, token: str = "", **headers: str) -> requests.Response:
        """Ask for something."""
        return requests.get(f"{self.url}{path}", headers=_headers(token, headers), timeout=PATIENCE_S)

    def post(self, path: str, token: str = "", body: str = "{}", **headers: str) -> requests.Response:
        """Ask for a verb."""
        head = {"Content-Type": "application/json", **_headers(token, headers)}
        return requests.post(f"{self.url}{path}", data=body, headers=head, timeout=PATIENCE_S)

    @contextmanager
    def page(self, token: str, namespace: str = "") -> Iterator[Iterator[tuple[str, Any]]]:
        """The events that an open page is sent."""
        with open_stream(self.url, token, namespace) as events:
            yield events

    def __enter__(self) -> Self:
        self.dashboard.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dashboard.stop()


@contextmanager
def open_stream(url: str, token: str, namespace: str = "") -> Iterator[Iterator[tuple[str, Any]]]:
    """Kind and content of each event."""
    params, headers = {"namespace": namespace}, _headers(token, {})
    with requests.get(f"{url}/api/events", params, headers=headers, stream=True, timeout=PATIENCE_S) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield _events(answer)


def until(events: Iterator[tuple[str, Any]], kind: str) -> Any:
    """The content of the next event of a kind."""
    return next(content for found, content in events if found == kind)


def _events(answer: requests.Response) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, text = line.partition(": ")
        if name == "event":
            kind = text
        elif name == "data":
            yield kind, json.loads(text)


def _headers(token: str, more: dict[str, str]) -> dict[str, str]:
    own = {"Authorization": f"Bearer {token}"} if token else {}
    return own | {name.replace("_", "-"): value for name, value in more.items()}
