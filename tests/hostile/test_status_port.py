"""The port for probes of a controller as a process, beside clients that take their time."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from laboratories.lab import Lab, eventually

pytestmark = pytest.mark.slow

CLIENTS = 500


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * CLIENTS)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _of_process(pid: int, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return int(found[1])


def test_slow_clients_cost_a_controller_neither_threads_nor_its_health(lab: Lab) -> None:
    with lab.controller() as running, contextlib.ExitStack() as stack:
        address = f"http://127.0.0.1:{running.port}"
        eventually(lambda: '"working"' in running.text())
        assert requests.get(f"{address}/metrics", timeout=30).status_code == 200
        threads, memory = (_of_process(running.process.pid, field) for field in ("Threads", "VmRSS"))
        for number in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30))
            if number % 2:
                client.sendall(b"GET /metrics HTTP/1.1\r\nx: " if number % 4 == 1 else b"G")
            if number % 50 == 0:
                assert requests.get(f"{address}/healthz", timeout=30).text == "OK"
        assert requests.get(f"{address}/healthz", timeout=30).text == "OK"
        # Threads that work on rollouts come and go with the work; those of clients would be hundreds.
        assert _of_process(running.process.pid, "Threads") <= threads + 32
        assert _of_process(running.process.pid, "VmRSS") <= memory + 32 * 1024
