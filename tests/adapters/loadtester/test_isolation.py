"""Commands that try to look into the load tester: as its own user, whoever that is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from laboratories.load_tester import NOBODY, LoadTester, Programs, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux can keep a process out of another"),
]

MARK: Final = "hush-in-the-environment"
ATTACK: Final = """#!{python}
import ctypes, os, sys

process = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


def contents(name):
    with open(f"/proc/{{process}}/{{name}}", "rb") as file:
        return file.read()


def memory():
    "Where the kernel has put the environment: the secrets of the start, whatever has been set since."
    begin = int(contents("stat").rpartition(b")")[2].split()[47])
    with open(f"/proc/{{process}}/mem", "rb", buffering=0) as file:
        file.seek(begin)
        return file.read(4096)


def debugger():
    if libc.ptrace(PTRACE_ATTACH, process, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.waitpid(process, WALL)
    libc.ptrace(PTRACE_DETACH, process, 0, 0)
    return b""


WAYS = {{
    "environ": lambda: contents("environ"),
    "mem": memory,
    "debugger": debugger,
    "open files": lambda: os.readlink(f"/proc/{{process}}/fd/2").encode(),
    "maps": lambda: contents("maps"),
    "stack": lambda: contents("auxv"),
}}
for way, attack in WAYS.items():
    try:
        found = attack()
    except OSError as error:
        print(f"{{way}}: {{error.strerror}}")
    else:
        print(f"{{way}}: open", *[word for word in found.decode("latin-1").split("\\0") if "hush" in word])
"""
REFUSED: Final = [
    "environ: Permission denied",
    "mem: Permission denied",
    "debugger: Operation not permitted",
    "open files: Permission denied",
    "maps: Permission denied",
    "stack: Permission denied",
]


@cache
def _python(*, as_nobody: bool) -> str:
    """One that the user can run."""
    if not as_nobody:
        return sys.executable
    for found in (sys.executable, *filter(None, [shutil.which("python3", path="/usr/local/bin:/usr/bin")])):
        if _runs(found):
            return found
    pytest.skip(f"user {NOBODY} can run no Python on this machine")


def _runs(python: str) -> bool:
    try:
        command = [python, "-c", "import ctypes"]
        return not subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], check=False).returncode
    except PermissionError:
        return False


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="as this user"),
        pytest.param(
            True,
            id="as nobody",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
        ),
    ],
)
def tester(request: pytest.FixtureRequest) -> Iterator[LoadTester]:
    """A load tester with a secret, run by root or by a user without rights; folders of pytest are closed to that."""
    as_nobody: bool = request.param
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = Programs(folder)
        folder.chmod(0o755)
        (folder / "started").chmod(0o666)
        attack = folder / "attack.py"
        attack.write_text(ATTACK.format(python=_python(as_nobody=as_nobody)))
        attack.chmod(0o755)
        programs.write("attack", f'exec {attack} "$@"')
        programs.write("status", "cat /proc/self/status")
        programs.waits("victim")
        environment = {"SLACK_TOKEN": MARK, "GIVEN": "hush-given-to-commands"}
        flags = ("-allow-programs=attack,status,victim", "-pass-env=GIVEN")
        with LoadTester(programs, *flags, environment=environment, as_nobody=as_nobody) as running:
            yield running
            programs.let_go()


def _attack(tester: LoadTester, process: int) -> list[str]:
    status, body = tester.ask("attacker", "theirs", cmd=f"attack {process}", blocking="true", returnCmdOutput="true")
    assert status == 200, body
    return body.splitlines()


def test_a_command_cannot_read_the_load_testers_environment_memory_and_files(tester: LoadTester) -> None:
    assert _attack(tester, tester.process.pid) == REFUSED


def test_the_same_command_reads_what_others_were_given(tester: LoadTester) -> None:
    """So the attacks work; and that commands are not kept out of each other is what the documentation says."""
    tester.ask("victim", "ours", cmd="victim")
    until(lambda: any(line[0] == "victim" for line in tester.programs.started))
    (process,) = (int(line[1]) for line in tester.programs.started if line[0] == "victim")
    found = _attack(tester, process)
    assert [line.partition(": ")[2].split()[0] for line in found] == ["open"] * len(REFUSED)
    assert "environ: open GIVEN=hush-given-to-commands" in found
    assert "GIVEN=hush-given-to-commands" in found[1].split()
    assert MARK not in "\n".join(found)


def test_commands_have_no_capabilities_and_can_gain_none(tester: LoadTester) -> None:
    status, body = tester.ask(cmd="status", blocking="true", returnCmdOutput="true")
    assert status == 200
    found = dict(line.split(":\t", 1) for line in body.splitlines() if ":\t" in line)
    assert {name: int(found[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == dict.fromkeys(
        ("CapPrm", "CapEff", "CapInh", "CapAmb"), 0
    )
    assert found["NoNewPrivs"] == "1"


def test_it_still_measures_itself(tester: LoadTester) -> None:
    """What of /proc/self belongs to root now is not needed for that."""
    shown = tester.get("/metrics").text
    assert "\nprocess_open_fds " in shown
    assert "\nprocess_resident_memory_bytes " in shown
