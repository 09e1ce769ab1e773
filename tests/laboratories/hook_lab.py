"""Webhooks of every type for rollouts of a laboratory: a load tester answers them, and its commands really run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from applications.demo_app import App
from laboratories.load_tester import LoadTester, Programs
from peers.http_peers import Peer, once

__all__ = ["Hook", "HookLab"]

Hook = dict[str, Any]
_HEY = Path(sys.executable).parent / "hey"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@frozen
class HookLab:
    """A load tester as people who come from Flagger run it, and a page that its load is sent to."""

    tester: LoadTester
    page: Peer

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[HookLab]:
        """One that runs for a while.

        Its ``hey`` is the real one. There is no mesh that leads to the Pods, so ``curl`` answers as the app would, and
        ``note`` does nothing; each writes down that it ran.
        """
        programs = Programs(folder)
        programs.write("hey", f'exec {_HEY} "$@"')
        programs.write("curl", 'echo \'{"token": "7"}\'')
        programs.write("note")
        flags = ("-enable-bash=true", "-allow-programs=hey,curl,note")
        with Peer(once(_OK)) as page, LoadTester(programs, *flags) as tester:
            yield cls(tester, page)

    def gate(self, kind: str, path: str) -> Hook:
        """A hook that a gate of the load tester answers."""
        return {"name": kind, "type": kind, "url": f"http://127.0.0.1:{self.tester.port}{path}", "timeout": "5s"}

    def note(self, app: App, kind: str) -> Hook:
        """A hook whose command leaves a note, and says yes."""
        return self._command(kind, f"note {kind} {app.namespace}", blocking="true")

    def acceptance(self, app: App, host: str) -> Hook:
        """A hook before the rollout, with a pipe, that looks at the answer of a host of the app's namespace."""
        return self._command("pre-rollout", f"curl -sd test http://{host}.{app.namespace}/token | grep token", "bash")

    def load(self, app: App, kind: str = "rollout", **headers: str) -> Hook:
        """A hook that makes requests for two seconds."""
        shown = "".join(f" -H '{name}: {value}'" for name, value in headers.items())
        return self._command(kind, f"hey -z 2s -q 10 -c 2{shown} {self.page.url}/{app.namespace}", logCmdOutput="true")

    def _command(self, kind: str, command: str, by: str = "cmd", **more: str) -> Hook:
        name = f"{kind}-{command.split(maxsplit=1)[0]}"
        return {**self.gate(kind, "/"), "name": name, "metadata": {"type": by, "cmd": command, **more}}

    def decide(self, app: App, path: str) -> None:
        """Open or close a gate of the app, as a person does."""
        assert self.tester.post(path, {"name": app.name, "namespace": app.namespace}).status_code == 202

    def noted(self, app: App) -> list[str]:
        """What commands have run for the app, oldest first: the program, and of notes the type of hook."""
        ours = (line for line in self.tester.programs.started if any(app.namespace in word for word in line))
        return [line[2] if line[0] == "note" else line[0] for line in ours]

    def visits(self, app: App) -> list[str]:
        """The cookies of all requests that the load was made of."""
        line = f"GET /{app.namespace} HTTP/1.1"
        return [seen.headers.get("cookie", "") for seen in self.page.requests if seen.line == line]
