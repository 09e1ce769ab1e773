"""Commands are bounded in number, time and output, and nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any, Final

import pytest

from canary_adapters.loadtester.command import Command
from canary_adapters.loadtester.metrics import Metrics
from canary_adapters.loadtester.options import Options
from canary_adapters.loadtester.payload import Payload
from canary_adapters.loadtester.process import MOST_OUTPUT, Cause, Ended, Process
from canary_adapters.loadtester.runner import ClosedError, FullError, Runner
from laboratories.load_tester import Programs, members, until

PAYLOAD = Payload(name="app", namespace="here")


async def _run(programs: Programs, name: str, *, timeout_s: float = 60.0, grace_s: float = 60.0) -> Ended:
    environment = {"PATH": os.environ["PATH"]}
    return await Process().run(
        [str(programs.bin / name), "a b"], environment=environment, timeout_s=timeout_s, grace_s=grace_s
    )


def _ended(programs: Programs, name: str, **bounds: float) -> Ended:
    found = asyncio.run(_run(programs, name, **bounds))
    for group in programs.groups:
        until(lambda group=group: not members(group))  # type: ignore[misc]
    return found


@pytest.mark.parametrize(
    ("script", "expected", "result", "error"),
    [
        ('echo "$1"', Ended(cause=Cause.EXITED, status=0, output="a b\n"), "succeeded", ""),
        ("echo x >&2; exit 3", Ended(cause=Cause.EXITED, status=3, output="x\n"), "failed", "exit status 3"),
        ("kill -KILL $$", Ended(cause=Cause.EXITED, status=-9), "failed", "signal: killed"),
        ("read line || echo none", Ended(cause=Cause.EXITED, status=0, output="none\n"), "succeeded", ""),
        (r"printf '\377'", Ended(cause=Cause.EXITED, status=0, output="\ufffd"), "succeeded", ""),
    ],
)
def test_how_it_went_is_told(programs: Programs, script: str, expected: Ended, result: str, error: str) -> None:
    programs.write("it", script)
    found = _ended(programs, "it")
    assert found == expected
    assert (found.ok, found.result, found.error) == (result == "succeeded", result, error)


def test_what_cannot_be_started_is_told(programs: Programs) -> None:
    (programs.bin / "it").write_bytes(b"\x7fELF")
    (programs.bin / "it").chmod(0o755)
    found = _ended(programs, "it")
    assert found == Ended(cause=Cause.NOT_STARTED, reason="Exec format error")
    assert (found.ok, found.result, found.error) == (False, "not_started", "Exec format error")


def test_output_is_cut_and_the_program_goes_on(programs: Programs) -> None:
    programs.write("it", 'yes | head -c 3000000; echo done > "$HERE/done"')
    assert _ended(programs, "it") == Ended(cause=Cause.EXITED, status=0, output="y\n" * (MOST_OUTPUT // 2))
    assert (programs.folder / "done").exists()


def test_what_it_leaves_behind_is_ended_with_it(programs: Programs) -> None:
    """The child holds the output open, too."""
    programs.write("it", "sleep 600 & trap '' TERM; echo x")
    assert _ended(programs, "it") == Ended(cause=Cause.EXITED, status=0, output="x\n")
    assert len(programs.groups) == 1


def test_what_takes_too_long_is_asked_to_end(programs: Programs) -> None:
    programs.write("it", "trap 'echo bye; exit 0' TERM; echo hello; sleep 600 & wait")
    found = _ended(programs, "it", timeout_s=0.5)
    assert (found.cause, found.status, found.error) == (Cause.TIMED_OUT, 0, "timed out")
    assert not found.ok
    assert len(programs.groups) == 1


def test_what_does_not_listen_is_ended_by_force(programs: Programs) -> None:
    programs.write("it", "trap '' TERM; (trap '' TERM; sleep 600) & sleep 600")
    found = _ended(programs, "it", timeout_s=0.5, grace_s=0.1)
    assert (found.cause, found.status) == (Cause.TIMED_OUT, -9)
    assert len(programs.groups) == 1


def test_what_is_stopped_before_it_begins_never_begins(programs: Programs) -> None:
    programs.write("it")

    async def run() -> Ended:
        process = Process()
        process.stop()
        return await process.run([str(programs.bin / "it")], environment={}, timeout_s=60, grace_s=60)

    assert asyncio.run(run()) == Ended(cause=Cause.STOPPED)
    assert programs.started == []


BURIES: Final = """
import asyncio, ctypes, os
from canary_adapters.loadtester.process import Process

ADOPT = 36  # PR_SET_CHILD_SUBREAPER: what the first process of a container always does
assert ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0) == 0
script = ["/bin/sh", "-c", "(sleep 600 & sleep 600) & echo $$"]


async def run():
    environment = {"PATH": os.environ["PATH"]}
    return await Process().run(script, environment=environment, timeout_s=60, grace_s=60)


assert asyncio.run(run()).ok
try:
    print("left", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none left")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked to have orphans adopted")
def test_the_first_process_of_a_container_buries_what_commands_leave_behind() -> None:
    done = subprocess.run([sys.executable, "-c", BURIES], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("none left\n", "")


# -- Loads ----------------------------------------------------------------------------------------------------------


def _command(programs: Programs, name: str, text: str = "") -> Command:
    return Command(program=name, argv=(str(programs.bin / name),), text=text or name, blocking=False)


def _runner(**options: Any) -> tuple[Runner, Metrics]:
    metrics = Metrics()
    return Runner(Options(**{"grace_s": 60.0, **options}), metrics, {"PATH": os.environ["PATH"]}), metrics


async def _soon(programs: Programs, count: int) -> None:
    async with asyncio.timeout(30):
        while len(programs.started) < count:
            await asyncio.sleep(0.01)


async def _idle(metrics: Metrics, ended: int) -> None:
    async with asyncio.timeout(30):
        while _count(metrics, "canary_loadtester_commands_ended_total") < ended:
            await asyncio.sleep(0.01)


def _count(metrics: Metrics, name: str) -> float:
    return sum(
        sample.value for metric in metrics.registry.collect() for sample in metric.samples if sample.name == name
    )


def test_a_load_that_ends_just_after_it_was_asked_for_is_started_again(programs: Programs) -> None:
    """Otherwise a load of a minute, asked for every minute, is there in every second minute only."""
    programs.waits("it")

    async def story() -> None:
        runner, metrics = _runner(handover_s=600.0)
        for _ in range(3):
            runner.load(_command(programs, "it"), PAYLOAD)
        await _soon(programs, 1)
        assert _count(metrics, "canary_loadtester_commands_running") == 1
        programs.let_go()
        await _idle(metrics, 2)
        assert _count(metrics, "canary_loadtester_commands_repeated_total") == 2
        runner.load(_command(programs, "it"), PAYLOAD)
        await _idle(metrics, 3)
        await runner.close()

    asyncio.run(story())
    assert len(programs.started) == 3


def test_a_load_that_runs_on_is_not_started_again(programs: Programs) -> None:
    programs.waits("it")

    async def story() -> None:
        runner, metrics = _runner(handover_s=0.0)
        for _ in range(2):
            runner.load(_command(programs, "it"), PAYLOAD)
        await _soon(programs, 1)
        programs.let_go()
        await _idle(metrics, 1)
        await runner.close()

    asyncio.run(story())
    assert len(programs.started) == 1


def test_other_commands_and_other_canaries_have_loads_of_their_own(programs: Programs) -> None:
    programs.waits("it")

    async def story() -> None:
        runner, _ = _runner()
        for text, name, namespace in (("x", "a", "b"), ("y", "a", "b"), ("x", "a.b", ""), ("x", "", "a.b")):
            runner.load(_command(programs, "it", text), Payload(name=name, namespace=namespace))
        await _soon(programs, 4)
        await runner.close()

    asyncio.run(story())
    assert len(programs.started) == 4
    assert not any(map(members, programs.groups))


def test_after_the_end_nothing_begins_not_even_what_waits(programs: Programs) -> None:
    programs.waits("it")

    async def story() -> None:
        runner, metrics = _runner(most_running=1, most_waiting=1, handover_s=600.0)
        runner.load(_command(programs, "it", "x"), PAYLOAD)
        runner.load(_command(programs, "it", "x"), PAYLOAD)
        runner.load(_command(programs, "it", "y"), PAYLOAD)
        assert runner.waiting == 1
        with pytest.raises(FullError):
            runner.load(_command(programs, "it", "z"), PAYLOAD)
        await _soon(programs, 1)
        await runner.close()
        assert runner.waiting == 0
        assert _count(metrics, "canary_loadtester_commands_running") == 0
        with pytest.raises(ClosedError):
            runner.load(_command(programs, "it"), PAYLOAD)
        with pytest.raises(ClosedError):
            await runner.run(_command(programs, "it"), PAYLOAD)

    asyncio.run(story())
    assert len(programs.started) == 1
    assert not any(map(members, programs.groups))


def test_a_command_that_cannot_be_started_frees_its_slot(programs: Programs) -> None:
    programs.write("it")
    (programs.bin / "broken").write_bytes(b"\x7fELF")
    (programs.bin / "broken").chmod(0o755)

    async def story() -> None:
        runner, _ = _runner(most_running=1)
        assert (await runner.run(_command(programs, "broken"), PAYLOAD)).cause is Cause.NOT_STARTED
        assert (await runner.run(_command(programs, "it"), PAYLOAD)).ok
        await runner.close()

    asyncio.run(story())
