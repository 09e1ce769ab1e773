"""What may be run, whatever is asked."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.loadtester.command import Command, RefusedError, command_for
from canary_adapters.loadtester.environment import environment_for
from canary_adapters.loadtester.options import DEFAULT_PROGRAMS, Options

ARTICLE = "hey -z 1m -q 10 -c 2 http://fleet-simple-app-canary.canary-demo:8080"
ALLOWED = frozenset({"hey", "curl"})
FRAGMENTS = [*ALLOWED, "sh", "rm", "bash", "/bin/", "./", " ", "\n", "'", '"', "\\", "|", ";", "$(", ")", "=", "-c"]


def _find(program: str) -> str | None:
    return f"/bin/{program}"


def _command(metadata: Mapping[str, str] | None, options: Options | None = None) -> Command:
    return command_for(metadata, options or Options(), find=_find)


def _refusal(metadata: Mapping[str, str] | None, options: Options | None = None) -> tuple[HTTPStatus, str]:
    with pytest.raises(RefusedError) as caught:
        _command(metadata, options)
    return caught.value.status, caught.value.text


@pytest.mark.parametrize("kind", [{}, {"type": "cmd"}])
def test_the_articles_command_is_run_as_it_stands(kind: dict[str, str]) -> None:
    assert _command({**kind, "cmd": ARTICLE, "logCmdOutput": "true"}) == Command(
        program="hey",
        argv=("/bin/hey", *ARTICLE.split()[1:]),
        text=ARTICLE,
        blocking=False,
        log_output=True,
    )


def test_a_shell_gets_the_text_if_there_is_one() -> None:
    found = _command({"cmd": "A=b hey | cat"}, Options(enable_shell=True))
    assert (found.argv, found.blocking) == (("/bin/sh", "-c", "A=b hey | cat"), False)
    assert _command({"cmd": "hey | cat", "blocking": "true"}, Options(enable_shell=True)).blocking


def test_bash_is_off_unless_it_is_asked_for() -> None:
    asked = {"type": "bash", "cmd": "curl x | grep y"}
    status, text = _refusal(asked)
    assert status == HTTPStatus.FORBIDDEN
    assert "-enable-bash (chart: cmd.enableBash" in text
    found = _command(asked, Options(enable_bash=True))
    assert (found.argv, found.blocking) == (("/bin/bash", "-c", "curl x | grep y"), True)


@pytest.mark.parametrize("program", ["helm", "helmv3", "kubectl"])
def test_types_that_are_programs_must_be_allowed_and_know_no_quotes(program: str) -> None:
    asked = {"type": program, "cmd": "test 'my app' --logs", "returnCmdOutput": "true"}
    status, text = _refusal(asked)
    assert status == HTTPStatus.FORBIDDEN
    assert "-allow-programs" in text
    found = _command(asked, Options(programs=frozenset({program})))
    assert found.argv == (f"/bin/{program}", "test", "'my", "app'", "--logs")
    assert (found.blocking, found.return_output) == (True, True)


@pytest.mark.parametrize(
    ("metadata", "status", "words"),
    [
        (None, 400, "metadata not found in payload"),
        ({}, 400, "cmd not found in metadata"),
        ({"type": "bash"}, 400, "cmd not found in metadata"),
        ({"cmd": " "}, 400, "cmd in metadata is empty"),
        ({"cmd": "\\\n"}, 400, "cmd in metadata is empty"),
        ({"type": "concord", "cmd": "x"}, 400, "type concord is not served; allowed: cmd, bash, helm, helmv3, kubectl"),
        ({"type": "ngrinder"}, 400, "type ngrinder is not served; allowed: cmd, bash, helm, helmv3, kubectl"),
        ({"type": "", "cmd": "hey"}, 400, "type '' is unknown; allowed: cmd, bash, helm, helmv3, kubectl"),
        ({"cmd": "/usr/bin/hey"}, 400, "bare name"),
        ({"cmd": "hey | cat"}, 400, "`|` at character 5 needs a shell"),
        ({"cmd": "hey && x"}, 400, "-enable-shell"),
        ({"cmd": "TOKEN=hush hey"}, 400, "a variable that is set for the command"),
        ({"cmd": "wrk -t1"}, 403, "program 'wrk' is not allowed; allowed: curl, ghz, grpc_health_probe, hey"),
        ({"cmd": "''"}, 403, "program '' is not allowed"),
        ({"cmd": "hey", "blocking": "yes"}, 400, "blocking in metadata: 'yes' is neither true nor false"),
    ],
)
def test_a_refusal_says_what_to_do(metadata: dict[str, str] | None, status: int, words: str) -> None:
    found, text = _refusal(metadata)
    assert found == status
    assert words in text
    assert "hush" not in text


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(RefusedError, match="program 'hey' is not installed"):
        command_for({"cmd": "hey"}, Options(), find=lambda _: None)


def test_no_interpreter_is_allowed_by_default() -> None:
    """Nor wrk, which runs Lua from files that curl may have written."""
    assert not {"sh", "bash", "env", "python3", "wrk", "kubectl", "helm", "xargs"} & set(DEFAULT_PROGRAMS)


@given(
    st.dictionaries(
        st.sampled_from(["type", "cmd", "blocking", "logCmdOutput"]),
        st.one_of(
            st.text(),
            st.sampled_from(["cmd", "bash", "helm", "kubectl", "true"]),
            st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join),
        ),
    )
)
def test_nothing_but_what_is_allowed_is_ever_run(metadata: dict[str, str]) -> None:
    looked_for: list[str] = []

    def find(program: str) -> str:
        looked_for.append(program)
        return f"/bin/{program}"

    found: Command | RefusedError
    try:
        found = command_for(metadata, Options(programs=ALLOWED), find=find)
    except RefusedError as refused:
        found = refused
    assert set(looked_for) <= ALLOWED
    if isinstance(found, RefusedError):
        assert found.status in {400, 403}
    else:
        assert looked_for == [found.program]
        assert found.argv[0] == f"/bin/{found.program}"


@given(st.dictionaries(st.sampled_from("ABCDE"), st.text()), st.lists(st.sampled_from("ABCDEF")))
def test_commands_inherit_what_is_named_and_no_more(own: dict[str, str], passed_on: list[str]) -> None:
    usual = {"PATH": "/bin", "HOME": "/", "HTTPS_PROXY": "http://p", "no_proxy": "x", "LANG": "C"}
    named = {name: own[name] for name in passed_on if name in own}
    assert environment_for({**own, "SLACK_TOKEN": "hush", **usual}, passed_on) == {**usual, **named}
