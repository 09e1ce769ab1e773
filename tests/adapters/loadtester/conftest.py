"""Programs for a load tester to run, and one load tester for the tests that do not change it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from laboratories.load_tester import LoadTester, Programs


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """None yet."""
    return Programs(tmp_path)


@pytest.fixture(scope="module")
def tester(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadTester]:
    """With bash, and without a shell for the rest."""
    found = Programs(tmp_path_factory.mktemp("tester"))
    found.write("ok", 'echo "$@"')
    found.write("fails", "echo out; echo err >&2; exit 3")
    found.write("dies", "kill -KILL $$")
    found.write("floods", "yes | head -c 5000000")
    found.write("shows-env", "env")
    found.write("escapes", r"printf 'a\033[2Jb\r\nc'; exit $1")
    found.write("helm", 'echo "$@"')
    found.write("forbidden")
    found.waits("hey")
    found.waits("waits")
    allowed = "-allow-programs=ok,fails,dies,floods,shows-env,escapes,helm,hey,waits,missing"
    own = {"DEEP_SECRET": "hush", "WANTED": "this one", "https_proxy": "http://proxy.example:3128"}
    with LoadTester(found, allowed, "-enable-bash=true", "-pass-env=WANTED", environment=own) as running:
        yield running
        found.let_go()
