"""However it ends, it leaves no process behind, and it takes only so much on."""

from __future__ import annotations

import signal
import threading

import pytest
import requests

from laboratories.load_tester import LoadTester, Programs, members, until

pytestmark = pytest.mark.slow

STUBBORN = "trap '' TERM; (trap '' TERM; sleep 600) &"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_commands_and_their_children(programs: Programs, number: signal.Signals) -> None:
    programs.waits("background", "sleep 600 &")
    programs.waits("blocking", "sleep 600 &")
    answers: list[tuple[int, str]] = []
    with LoadTester(programs, "-allow-programs=background,blocking") as running:
        assert running.ask(cmd="background") == (202, "")
        client = threading.Thread(target=lambda: answers.append(running.ask(cmd="blocking", blocking="true")))
        client.start()
        until(lambda: len(programs.groups) == 2)
        assert all(members(group) for group in programs.groups)
        running.process.send_signal(number)
        assert running.process.wait(60) == 0
        client.join()
    assert not any(map(members, programs.groups))
    assert answers == [(503, "the load tester is ending: the command was ended before its time")]
    assert "Traceback" not in running.log


def test_a_signal_that_comes_while_commands_begin_leaves_none(programs: Programs) -> None:
    programs.waits("waits", "sleep 600 &")
    with LoadTester(programs, "-allow-programs=waits", "-max-commands=20") as running:
        assert {running.ask(cmd=f"waits {number}")[0] for number in range(30)} == {202}
        assert running.end() == 0
    assert not any(map(members, programs.groups))


@pytest.mark.slow
def test_while_it_ends_no_work_is_taken_and_what_does_not_listen_is_ended_by_force(programs: Programs) -> None:
    programs.waits("stubborn", STUBBORN)
    with LoadTester(programs, "-allow-programs=stubborn") as running:
        assert running.ask(cmd="stubborn") == (202, "")
        until(lambda: len(programs.groups) == 1)
        running.terminate()
        until(lambda: any(line["msg"] == "ending" for line in running.lines))
        assert running.ask(cmd="stubborn again") == (503, "the load tester is ending")
        assert running.post("/gate/approve", b"").status_code == 503
        assert requests.get(f"http://127.0.0.1:{running.port}/healthz", timeout=60).status_code == 200
        assert running.process.wait(60) == 0
    assert not any(map(members, programs.groups))
    assert len(programs.groups) == 1


def test_so_many_of_a_namespace_run_and_wait_and_further_ones_are_turned_away(programs: Programs) -> None:
    programs.waits("waits")
    with LoadTester(programs, "-allow-programs=waits", "-max-commands=4", "-max-waiting=2") as running:
        assert [running.ask(cmd=f"waits {number}")[0] for number in range(5)] == [202, 202, 202, 429, 429]
        until(lambda: len(programs.started) == 2)
        assert running.metric("commands_running") == 2
        assert running.metric("commands_waiting") == 1
        turned_away = (429, "too many commands of this namespace run and wait: try later")
        assert running.ask(cmd="waits", blocking="true") == turned_away
        # The places of others are theirs.
        assert running.ask(namespace="there", cmd="waits 1") == (202, "")
        until(lambda: len(programs.started) == 3)
        programs.let_go()
        until(lambda: running.metric("commands_ended_total", program="waits", result="succeeded") == 4)
        assert running.ask(cmd="waits again", blocking="true") == (200, "")


def test_what_takes_too_long_is_ended_and_told(programs: Programs) -> None:
    programs.waits("waits", "echo begun; sleep 600 &")
    with LoadTester(programs, "-allow-programs=waits", "-timeout=300ms") as running:
        assert running.ask(cmd="waits", blocking="true") == (500, "command waits failed: begun\n: timed out")
        assert not any(map(members, programs.groups))
        assert running.metric("commands_ended_total", program="waits", result="timed_out") == 1


def test_a_shell_is_used_if_that_is_asked_for(programs: Programs) -> None:
    programs.write("it", 'echo "$X" "$1"')
    with LoadTester(programs, "-enable-shell", "-allow-programs=") as running:
        asked = {"cmd": "X=y it z | tr z a", "blocking": "true", "returnCmdOutput": "true"}
        assert running.ask(**asked) == (200, "y a\n")
        assert running.ask(type="bash", cmd="it")[0] == 403


def test_only_some_namespaces_are_served(programs: Programs) -> None:
    programs.write("it")
    with LoadTester(programs, "-allow-programs=it", "-namespace-regexp=^team-") as running:
        assert running.ask(namespace="team-a", cmd="it", blocking="true") == (200, "")
        assert running.ask(namespace="other-team-a", cmd="it", blocking="true") == (403, "Forbidden")
        gates = [running.post("/gate/open", {"namespace": name}).status_code for name in ("team-a", "x")]
        assert gates == [202, 403]
        assert running.post("/gate/approve", b"").status_code == 200
    assert len(programs.started) == 1
