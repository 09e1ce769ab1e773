"""The commands of docs/laptop.md, typed one after the other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from laboratories.lab import BIN, eventually

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "laptop.md").read_text(encoding="utf-8")


def _block(after: str) -> list[str]:
    """The lines of the first block of commands after a text."""
    found = re.search(r"\n\n((?:    .*\n)+)", PAGE[PAGE.index(after) :])
    assert found is not None
    return [line.strip() for line in found[1].splitlines()]


class Terminal:
    """A shell for one line at a time, in a folder that stands for /tmp."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        self._environment |= {"KUBECONFIG": str(folder / "canary.kubeconfig")}
        self.background: list[subprocess.Popen[bytes]] = []

    def type(self, *lines: str) -> str:
        """What they print."""
        text = "\n".join(lines).replace("/tmp/", f"{self._folder}/")  # noqa: S108 - as the page has it
        if text.endswith("&"):
            self.background.append(
                subprocess.Popen(["bash", "-c", f"exec {text.removesuffix('&')}"], env=self._environment)
            )
            return ""
        done = subprocess.run(
            ["bash", "-ec", text], env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{text}: {done.stderr}"
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path)
    yield found
    for process in reversed(found.background):
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_the_parts_can_be_used_by_hand(terminal: Terminal, tmp_path: Path) -> None:
    cluster, mesh, export, *rest = _block("## By hand")
    assert export == "export KUBECONFIG=/tmp/canary.kubeconfig"
    terminal.type(cluster)
    eventually((tmp_path / "canary.kubeconfig").exists)
    terminal.type(mesh)
    for line in rest:
        terminal.type(line)
    terminal.type("kubectl rollout status deployment/web --timeout=30s")
    eventually((tmp_path / "mesh" / "mesh.json").exists)
    curl = _block("A client in the namespace")

    def version() -> str:
        found = re.search(r'"version": "([^"]*)"', terminal.type(*curl))
        return found[1] if found else ""

    eventually(lambda: version() == "v1")
    set_image, set_env = _block("So a rollout is what it is elsewhere")
    terminal.type(set_image)
    terminal.type(set_env)
    terminal.type("kubectl rollout status deployment/web --timeout=30s")
    eventually(lambda: version() == "v2")
