"""Gates are opened and closed by whoever has a token for their namespace, and by nobody else."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.loadtester.gate_tokens import GateTokens, GateTokensError, token_of
from canary_adapters.webhook import HttpPool
from laboratories.load_tester import CANARY, LoadTester, Programs, fingerprints

TOKENS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)
NAMESPACES = st.sampled_from(["team-a", "team-b", "*", "team", "team-a.x"])


def fingerprint(token: str) -> str:
    """As `sha256sum` prints it."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def _lines(*entries: tuple[str, str]) -> str:
    return "".join(f"{namespace} {fingerprint(token)}\n" for namespace, token in entries)


def basic(user: str, password: str) -> str:
    """The header that an address with a user makes."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


# -- The file -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(NAMESPACES, TOKENS), max_size=5), TOKENS, NAMESPACES)
def test_a_token_opens_what_its_lines_say(lines: list[tuple[str, str]], other: str, namespace: str) -> None:
    known = GateTokens.parse("".join(f"{name}\t {fingerprint(token)} # of {name}\n\n" for name, token in lines))
    for token in [other, *(token for _, token in lines)]:
        expected = any(token == found and name in {"*", namespace} for name, found in lines)
        assert known.opens(token, namespace) == expected


def test_a_fingerprint_is_no_token() -> None:
    token = "a-long-random-text"  # noqa: S105 - of this test alone
    known = GateTokens.parse(f"* {fingerprint(token)}")
    assert known.opens(token, "team-a")
    assert not known.opens(fingerprint(token), "team-a")
    assert not known.opens(fingerprint(token).removeprefix("sha256:"), "team-a")


def test_without_a_line_nothing_opens() -> None:
    assert not GateTokens.parse("# nobody\n").opens("", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hush", "line 1: must be a namespace, or * for all, and sha256:"),
        ("# x\nteam-a hush", "line 2: must be a namespace"),
        (f"team-a {'a' * 64}", "line 1: must be a namespace"),
        (f"team-a sha256:{'a' * 63}", "line 1: must be a namespace"),
        (f"team-a sha256:{'g' * 64}", "line 1: must be a namespace"),
        (f"team-a sha256:{'a' * 64} hush", "line 1: must be a namespace"),
        (f"team-a {fingerprint('')}", "line 1: is the fingerprint of an empty token"),
    ],
)
def test_a_line_that_is_no_fingerprint_is_told_and_not_shown(text: str, words: str) -> None:
    """A token may stand there by mistake."""
    with pytest.raises(GateTokensError, match="^" + words.replace("*", r"\*")) as caught:
        GateTokens.parse(text)
    assert "hush" not in str(caught.value)


@given(st.binary())
def test_any_file_is_read_or_refused(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    found: GateTokens | GateTokensError
    try:
        found = GateTokens.parse(text)
    except GateTokensError as error:
        found = error
    if isinstance(found, GateTokens):
        assert not found.opens(text, "team-a")
    else:
        assert str(found).startswith("line ")


READ: Final = """
import sys
from pathlib import Path
from canary_adapters.loadtester.gate_tokens import GateTokens, GateTokensError
from canary_adapters.loadtester.isolation import isolate

isolate()
for name in sys.argv[1:]:
    try:
        GateTokens.read(Path(name))
        print("read")
    except GateTokensError as error:
        print(error)
"""
"""As the load tester does it: where the tests are run by root, without the right to write everywhere."""


def test_a_file_that_cannot_be_read_or_could_be_changed_is_told(tmp_path: Path) -> None:
    sound = fingerprints(tmp_path, _lines(("*", "token-of-all")))
    changeable = tmp_path / "folder"
    changeable.mkdir()
    (changeable / "file").write_text(_lines(("*", "x")))
    (changeable / "closed").write_text(_lines(("*", "x")))
    (changeable / "closed").chmod(0o444)
    (changeable / "link").symlink_to(sound)
    (tmp_path / "large").mkdir()
    large = fingerprints(tmp_path / "large", "#" * (1024 * 1024 + 1))
    names = [sound, "/nowhere/file", large, "/dev/zero", *(changeable / name for name in ("file", "closed", "link"))]
    done = subprocess.run([sys.executable, "-c", READ, *map(str, names)], capture_output=True, text=True, check=True)
    changed = "commands could change it: make the file and its folder read-only for this user"
    expected = ["read", "No such file or directory", "more than 1048576 bytes", *[changed] * 4]
    assert done.stdout.splitlines() == expected


@pytest.mark.slow
def test_a_file_that_commands_could_change_is_no_file_to_start_with(tmp_path: Path) -> None:
    (tmp_path / "fingerprints").write_text(_lines(("*", "x")))
    command = [str(CANARY), "loadtester", "-port=0", "-host=127.0.0.1", f"-gate-token-file={tmp_path / 'fingerprints'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={"COLUMNS": "300"})
    assert done.returncode == 2
    assert "commands could change it" in done.stderr


# -- The header -----------------------------------------------------------------------------------------------------


@given(TOKENS.filter(lambda text: text == text.strip()), st.text(st.characters(exclude_characters=":", codec="utf-8")))
def test_a_token_comes_as_bearer_or_as_a_password(token: str, user: str) -> None:
    assert token_of(f"Bearer {token}") == token_of(f"bearer  {token}") == token
    assert token_of(basic(user, token)) == token


@given(st.text() | st.text().map("Basic {}".format) | st.just("Bearer "))
def test_any_header_is_a_token_or_none(header: str) -> None:
    assert token_of(header) != ""


# -- A load tester --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadTester]:
    """One whose gates need a token, with commands that can read files and send requests."""
    programs = Programs(tmp_path_factory.mktemp("guarded"))
    for name in ("cat", "curl"):
        programs.write(name, f'exec {shutil.which(name)} "$@"')
    file = fingerprints(programs.folder, _lines(("*", "token-of-all"), ("team-a", "token-of-a")))
    flags = ("-allow-programs=cat,curl", f"-gate-token-file={file}")
    with LoadTester(programs, *flags) as running:
        yield running


def _change(tester: LoadTester, action: str, namespace: str, authorization: str | None = None) -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    url = f"http://127.0.0.1:{tester.port}/{action}"
    return requests.post(url, json={"name": "app", "namespace": namespace}, headers=headers, timeout=60)


def _is_open(tester: LoadTester, kind: str, namespace: str) -> bool:
    answer = tester.post(f"/{kind}/check", {"name": "app", "namespace": namespace})
    assert (answer.status_code, answer.text) in {(200, "Approved"), (403, "Forbidden")}
    return answer.ok


@pytest.mark.parametrize("kind", ["gate", "rollback"])
@pytest.mark.slow
def test_a_token_opens_and_closes_the_gates_of_its_namespace(guarded: LoadTester, kind: str) -> None:
    for authorization in ("Bearer token-of-a", basic("any", "token-of-a"), "Bearer token-of-all"):
        assert _change(guarded, f"{kind}/open", "team-a", authorization).status_code == 202
        assert _is_open(guarded, kind, "team-a")
        assert not _is_open(guarded, kind, "team-b")
        assert _change(guarded, f"{kind}/close", "team-a", authorization).status_code == 202
        assert not _is_open(guarded, kind, "team-a")


@pytest.mark.parametrize("kind", ["gate", "rollback"])
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("token-of-a", 401),
        ("Bearer", 401),
        ("Basic token-of-a", 401),
        ("Bearer token-of-b", 403),
        ("Bearer token-of-a", 403),
        (basic("team-b", "token-of-a"), 403),
        (f"Bearer {fingerprint('token-of-all')}", 403),
    ],
)
@pytest.mark.slow
def test_without_a_token_of_the_namespace_no_gate_is_touched(
    guarded: LoadTester, kind: str, authorization: str | None, status: int
) -> None:
    assert _change(guarded, f"{kind}/open", "team-b", "Bearer token-of-all").status_code == 202
    refused = _change(guarded, f"{kind}/close", "team-b", authorization)
    assert refused.status_code == status
    assert ("token" in refused.text, "WWW-Authenticate" in refused.headers) == (True, status == 401)
    assert _is_open(guarded, kind, "team-b")
    assert _change(guarded, f"{kind}/close", "team-b", "Bearer token-of-all").status_code == 202
    assert _change(guarded, f"{kind}/open", "team-b", authorization).status_code == status
    assert not _is_open(guarded, kind, "team-b")
    assert "token-of" not in guarded.log


@pytest.mark.slow
def test_a_command_opens_no_gate_of_another_namespace(guarded: LoadTester) -> None:
    """It reads what the load tester reads, and sends what it has found; with the token of its own namespace as well."""
    stolen = _command(guarded, f"cat {guarded.programs.folder / 'gates' / 'fingerprints'}").split()
    assert len(stolen) == 4
    url = f"http://127.0.0.1:{guarded.port}/gate/open"
    for token in (*stolen, *(text.removeprefix("sha256:") for text in stolen), "token-of-a"):
        sent = f"""curl -s -o /dev/null -w %{{http_code}} -H 'Authorization: Bearer {token}' \\
            -d '{{"name":"app","namespace":"team-b"}}' {url}"""
        assert _command(guarded, sent) == "403"
    assert not _is_open(guarded, "gate", "team-b")


@pytest.mark.slow
def test_a_command_adds_no_token_of_its_own(guarded: LoadTester) -> None:
    file = guarded.programs.folder / "gates" / "fingerprints"
    before = file.read_text()
    mine = guarded.programs.folder / "mine"
    mine.write_text(_lines(("*", "mine")))
    for ways in (f"-o {file}", f"-o /dev/null -D {file}", f"-o /dev/null -c {file}", f"-o {file.parent}/other"):
        guarded.ask("app", "team-a", cmd=f"curl -s {ways} file://{mine}", blocking="true")
    assert file.read_text() == before
    assert [each.name for each in file.parent.iterdir()] == ["fingerprints"]


def _command(tester: LoadTester, text: str) -> str:
    status, body = tester.ask("app", "team-a", cmd=text, blocking="true", returnCmdOutput="true")
    assert status == 200, body
    return body


@pytest.mark.slow
def test_a_webhook_sends_the_token_of_its_address(guarded: LoadTester) -> None:
    """Which is how a Canary may close its own gate at the end of a rollout, if a team wants that."""
    pool = HttpPool()
    answers = [
        pool.post(
            f"http://{user}127.0.0.1:{guarded.port}/gate/close",
            {"name": "app", "namespace": "team-a"},
            timeout_s=60,
            namespace="team-a",
        )
        for user in ("", "team-a:token-of-a@")
    ]
    assert [answer.status for answer in answers] == [401, 202]
    pool.close()


@pytest.mark.slow
def test_a_token_that_was_replaced_opens_nothing_any_more(programs: Programs) -> None:
    file = fingerprints(programs.folder, _lines(("team-a", "old")))
    with LoadTester(programs, f"-gate-token-file={file}") as running:
        assert _change(running, "gate/open", "team-a", "Bearer old").status_code == 202
        fingerprints(programs.folder, _lines(("team-a", "new")))
        assert _change(running, "gate/close", "team-a", "Bearer old").status_code == 403
        assert _change(running, "gate/close", "team-a", "Bearer new").status_code == 202
        fingerprints(programs.folder, "hush")
        broken = _change(running, "gate/open", "team-a", "Bearer new")
        assert (broken.status_code, broken.text) == (503, "the file of gate tokens cannot be used")
        assert not _is_open(running, "gate", "team-a")
        assert "line 1: must be a namespace" in running.log
        assert "hush" not in running.log
