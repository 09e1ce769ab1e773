"""A shell in which the lines of a page are typed one after the other; what is exported stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping

from documents.pages import ROOT, Line
from laboratories.lab import BIN

PATIENCE_S = 120.0


class Terminal:
    """In the checkout, with our programs on the PATH."""

    def __init__(self, replaced: Mapping[str, str], **environment: str) -> None:
        """Makes one.

        Args:
            replaced: What stands on the page, and what is typed instead of it.
            environment: Besides that of the tests.
        """
        self._replaced = replaced
        self._environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment}
        self.typed: list[str] = []

    def type(self, line: str, stdin: str | None = None) -> str:
        """Run a line, and return what it prints.

        Raises:
            AssertionError: It failed.
        """
        for old, new in self._replaced.items():
            line = line.replace(old, new)
        done = subprocess.run(
            ["bash", "-euc", line],
            cwd=ROOT,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        self.typed.append(line)
        return done.stdout

    def follow(self, lines: Iterable[Line]) -> list[str]:
        """Type lines, and return where a page shows something else than what is printed."""
        return [wrong for line in lines for wrong in [line.mismatch(self.type(line.typed))] if wrong]
