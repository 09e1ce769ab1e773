"""Why there was no answer, as `requests` does not say it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from canary_adapters.guarded import GuardedAdapter, is_timeout, unconnected


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.trust_env = False
        found.mount("http://", GuardedAdapter())
        yield found


def _failure(session: requests.Session, url: str) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as caught:
        session.get(url, timeout=(5.0, 0.2))
    return caught.value


def test_a_port_at_which_nobody_listens(session: requests.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = _failure(session, f"http://127.0.0.1:{port}/hush")
    assert not is_timeout(error)
    assert unconnected(error) == "no connection: connection refused"


def test_a_host_that_does_not_exist(session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = _failure(session, "http://flagger-loadtester.loadtester/hush")
    assert not is_timeout(error)
    assert unconnected(error) == "no connection: the name of the host is not known"


def test_somebody_who_says_nothing(session: requests.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = _failure(session, f"http://127.0.0.1:{silent.getsockname()[1]}/hush")
    assert is_timeout(error)
