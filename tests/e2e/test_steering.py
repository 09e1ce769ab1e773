"""A person in the middle of rollouts: what they type, what is printed, and what becomes of the rollout."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from applications.demo_app import App
from laboratories.forked import run
from laboratories.helm import CONTROLLER, Helm
from laboratories.lab import CANARY, Lab, eventually

pytestmark = pytest.mark.slow

LISTENING = ("env", "--default-signal=INT")
"""What shells start in the background ignores Ctrl-C, and so does all that it starts: the tests may be such."""


@pytest.fixture(scope="module", autouse=True)
def running(lab: Lab) -> Iterator[None]:
    with lab.controller():
        yield


@pytest.fixture(autouse=True)
def deployed(app: App) -> None:
    """The application, initialised, with steps that no test waits for the end of."""
    app.deploy(analysis={"stepWeight": 1, "maxWeight": 50})
    app.until("Initialized")


def typed(app: App, *arguments: str, kubeconfig: Path | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    known = {**os.environ, "KUBECONFIG": str(kubeconfig or app.lab.kubeconfig), "NO_COLOR": "1"}
    done = run([CANARY, *arguments, "-n", app.namespace], env=known, timeout_s=120)
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_rollout_is_paused_resumed_aborted_retried_and_promoted(app: App) -> None:
    app.image("v2")
    app.until("Progressing")
    full = f"canary.flagger.app/{app.name}"
    assert typed(app, "pause", app.name) == (0, f"{full}: pause accepted (phase Progressing)\n", "")
    eventually(lambda: "Paused" in typed(app, "list")[1])
    assert "Waits for:        a request to resume" in typed(app, "status", app.name)[1]
    assert typed(app, "resume", full)[0] == 0
    code, out, _ = typed(app, "abort", app.name)
    assert (code, out) == (0, f"{full}: abort accepted (phase Failed)\n")
    code, out, err = typed(app, "abort", app.name)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {full}: abort refused: the phase is Failed; abort is possible in Waiting")
    eventually(lambda: app.replicas() == 0)
    assert typed(app, "retry", app.name)[0] == 0
    app.until("Progressing")
    code, out, _ = typed(app, "promote", app.name, "-o", "json")
    assert (code, json.loads(out)["metadata"]["name"]) == (0, app.name)
    app.until("Succeeded")
    page = typed(app, "status", app.name)[1]
    assert "Primary runs:     example.com/app:v2" in page
    assert "promote/" in page
    assert "Promotion completed!" in page


def test_lists_in_all_forms(app: App) -> None:
    heading, line = typed(app, "list")[1].splitlines()
    assert heading.split() == ["NAME", "PHASE", "WEIGHT", "FAILED", "REASON", "SINCE", "AGE"]
    assert line.split()[:4] == [app.name, "Initialized", "0%", "0/10"]
    assert typed(app, "list", "-o", "name")[1] == f"canary.flagger.app/{app.name}\n"
    (item,) = json.loads(typed(app, "list", "-o", "json")[1])["items"]
    assert (item["kind"], item["metadata"]["namespace"]) == ("Canary", app.namespace)
    assert yaml.safe_load(typed(app, "status", app.name, "-o", "yaml")[1])["metadata"]["name"] == app.name
    wide = typed(app, "list", "-A", "-o", "wide")[1]
    assert wide.splitlines()[0].split()[-4:] == ["TARGET", "PROVIDER", "REQUEST", "MESSAGE"]
    assert app.namespace in wide


def test_what_is_not_there_or_not_allowed_is_one_line(app: App, tmp_path: Path) -> None:
    assert typed(app, "abort", "nobody") == (1, "", f"error: no canary nobody in namespace {app.namespace}\n")
    code, _, err = typed(app, "list", "--context", "other")
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no context other" in err
    code, _, err = typed(app, "list", "-o", "xml")
    assert (code, "must be wide, json, yaml or name" in err) == (2, True)
    app.kubectl("create", "serviceaccount", "ann")
    token = app.kubectl("create", "token", "ann").strip()
    ann = app.lab.of_token(token, tmp_path / "ann")
    code, _, err = typed(app, "list", kubeconfig=ann)
    assert (code, err.count("\n")) == (1, 1)
    assert f"missing right: list canaries.flagger.app in namespace {app.namespace}" in err
    wrong = app.lab.of_token("nobody's", tmp_path / "wrong")
    code, _, err = typed(app, "list", kubeconfig=wrong)
    assert (code, err) == (1, "error: the API server does not accept the credentials of the kubeconfig (401)\n")


def _of_role(app: App, tmp_path: Path, who: str, *roles: str) -> Path:
    """A kubeconfig of somebody with rights in the namespace.

    The embedded server adds no roles up, so that what the chart adds to a role is bound beside it.
    """
    app.kubectl("create", "serviceaccount", who)
    for role in roles:
        app.kubectl(
            *("create", "rolebinding", f"{who}-{role}", f"--clusterrole={role}"),
            f"--serviceaccount={app.namespace}:{who}",
        )
    return app.lab.of_token(app.kubectl("create", "token", who).strip(), tmp_path / who)


def test_whoever_may_view_sees_and_whoever_may_edit_asks(app: App, tmp_path: Path) -> None:
    """With the roles of the chart."""
    roles = [obj for obj in Helm(tmp_path).render(CONTROLLER) if obj["kind"] == "ClusterRole"]
    app.lab.apply(yaml.safe_dump_all(roles))
    viewer = _of_role(app, tmp_path, "viewer", "view", "canary-view")
    editor = _of_role(app, tmp_path, "editor", "edit", "canary-view", "canary-edit")
    app.image("v2")
    app.until("Progressing")
    for arguments in (("list",), ("status", app.name), ("list", "-o", "wide")):
        assert typed(app, *arguments, kubeconfig=viewer)[0] == 0
    page = typed(app, "status", app.name, kubeconfig=viewer)[1]
    assert "Canary runs:      example.com/app:v2" in page
    assert f"{app.name}.{app.namespace}" in page.partition("Events:")[2]
    assert typed(app, "wait", app.name, "--image", "example.com/app:v2", "--timeout", "1s", kubeconfig=viewer)[0] == 3
    for verb in ("pause", "resume", "abort", "retry", "promote"):
        code, _, err = typed(app, verb, app.name, kubeconfig=viewer)
        assert (code, err.count("\n")) == (1, 1)
        assert f"missing right: patch canaries.flagger.app in namespace {app.namespace}" in err
    assert typed(app, "pause", app.name, kubeconfig=editor)[0] == 0
    assert typed(app, "abort", app.name, kubeconfig=editor)[0] == 0


def test_a_pipeline_waits_for_its_image(app: App) -> None:
    app.declare(analysis={"stepWeight": 10, "maxWeight": 50})
    app.image("v2")
    code, out, _ = typed(app, "wait", app.name, "--image", "example.com/app:v2", "--timeout", "90s")
    *changes, end = out.splitlines()
    assert (code, end) == (0, f"canary.flagger.app/{app.name}: image example.com/app:v2 promoted")
    assert len(changes) == len(set(changes)) > 1
    assert [line for line in changes if f"{app.name}: Progressing, canary " in line]
    assert typed(app, "wait", app.name, "--image", "a", "--revision", "b")[0] == 2
    assert typed(app, "wait", app.name, "--timeout", "soon")[0] == 2
    app.lab.prometheus.success_rate = 1.0
    app.declare(analysis={"stepWeight": 10, "maxWeight": 50, "threshold": 1})
    app.image("v3")
    code, _, err = typed(app, "wait", app.name, "--image", "example.com/app:v3", "--timeout", "90s")
    assert (code, "failed (checks)" in err) == (1, True)


def _watching(app: App, *arguments: str) -> subprocess.Popen[str]:
    where = ("-n", app.namespace, "--kubeconfig", str(app.lab.kubeconfig))
    found = subprocess.Popen(
        [*LISTENING, CANARY, "watch", app.name, *where, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert found.stdout is not None
    assert found.stdout.readline() == f"canary.flagger.app/{app.name}: Initialized, canary 0 %\n"
    return found


def test_a_rollout_is_watched_until_it_is_over(app: App) -> None:
    app.declare(analysis={"stepWeight": 10, "maxWeight": 50})
    watching = _watching(app, "--until-over")
    app.image("v2")
    out, err = watching.communicate(timeout=120)
    assert (watching.returncode, err, out.splitlines()[-1]) == (0, "", f"canary.flagger.app/{app.name}: promoted")
    assert f"  Advance {app.name}.{app.namespace} canary weight 10" in out
    assert "  Promotion completed!" in out


def test_ctrl_c_ends_a_watch_without_a_word(app: App) -> None:
    watching = _watching(app)
    watching.send_signal(signal.SIGINT)
    assert watching.communicate(timeout=30) == ("", "")
    assert watching.returncode == 130


def test_on_a_terminal_it_is_a_panel_as_wide_as_that(app: App) -> None:
    master, slave = pty.openpty()
    watching = subprocess.Popen(
        [*LISTENING, CANARY, "watch", app.name, "-n", app.namespace, "--kubeconfig", str(app.lab.kubeconfig)],
        env={**os.environ, "COLUMNS": "137", "LINES": "40", "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    seen = ""
    while "╰" not in seen:
        seen += os.read(master, 65536).decode("utf-8", "replace")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 130
    os.set_blocking(master, False)
    with suppress(OSError):  # nobody writes to the terminal any more
        seen += os.read(master, 65536).decode("utf-8", "replace")
    os.close(master)
    assert "Traceback" not in seen
    assert f"{app.namespace}/{app.name}" in seen
    top = next(line for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen).splitlines() if "╭" in line)
    assert len(top.strip()) == 137


def test_where_nobody_answers_it_says_so(app: App, tmp_path: Path) -> None:
    config = yaml.safe_load(app.lab.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    (tmp_path / "nowhere").write_text(yaml.safe_dump(config))
    code, out, err = typed(app, "list", kubeconfig=tmp_path / "nowhere")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith("error: no answer from the API server http://127.0.0.1:9")


def test_what_happened_is_told_and_decided_once_more(lab: Lab, app: App, tmp_path: Path) -> None:
    assert typed(app, "history", app.name)[1] == "No rollout is recorded yet.\n"
    assert typed(app, "replay", app.name)[1] == "Nothing is recorded that could be decided once more.\n"
    app.declare(analysis={"stepWeight": 20, "maxWeight": 40, "threshold": 2})
    app.image("v2")
    app.until("Succeeded")
    lab.prometheus.success_rate = 12.5
    app.image("v3")
    app.until("Failed")
    code, out, _ = typed(app, "history", app.name)
    rollouts, checks = out.split("\n\nChecks of the last one:\n")
    head, failed, promoted = (re.split(r" {2,}", line) for line in rollouts.splitlines())
    assert (code, head) == (0, ["BEGAN", "TOOK", "IMAGE", "REVISION", "WEIGHT", "RESULT", "WHY"])
    assert (failed[2], failed[4:]) == ("app:v3", ["20%", "failed: checks", FAILED])
    assert (promoted[2], promoted[4:]) == ("app:v2", ["40%", "promoted", "-"])
    assert [re.split(r" {2,}", line)[1:] for line in checks.splitlines()] == [
        ["AT", "CHECK", "VALUE", "WANTED", "VERDICT"],
        ["20%", "request-success-rate", "12.5", "at least 99", "fail"],
        ["request-duration", "50", "at most 500", "pass"],
        ["20%", "request-success-rate", "12.5", "at least 99", "fail"],
        ["request-duration", "50", "at most 500", "pass"],
    ]
    record = json.loads(typed(app, "history", app.name, "-o", "json")[1])
    assert record["now"]["check"] == {"name": "request-success-rate", "value": 12.5, "min": 99, "verdict": "fail"}
    _decided_once_more(lab, app, tmp_path)


FAILED = "request-success-rate 12.5, wanted at least 99 (2 times)"


def _decided_once_more(lab: Lab, app: App, folder: Path) -> None:
    """By name, from a file, and from the log, which has the rollout before as well; and by another policy."""
    file, other = folder / "canary.yaml", folder / "other.yaml"
    file.write_text(app.kubectl("get", "canary", app.name, "-o", "yaml"))
    log = str(lab.controllers[0].log)
    assert typed(app, "replay", app.name) == (0, "2 rounds: the same decisions.\n", "")
    assert typed(app, "replay", "-f", str(file)) == (0, "2 rounds: the same decisions.\n", "")
    assert typed(app, "replay", "-f", str(file), "--log", log) == (0, "4 rounds: the same decisions.\n", "")
    other.write_text(file.read_text().replace("min: 99", "min: 12"))
    code, out, _ = typed(app, "replay", "-f", str(other))
    assert code == 1
    assert "the rollout went to Progressing at 20% with 1 not passed; the machine goes to Progressing at 40%" in out
    assert typed(app, "replay")[0] == 2
    assert typed(app, "replay", "-f", log)[0] == 2
    assert typed(app, "replay", "-f", str(folder / "nothing"))[0] == 2


def test_a_rollout_is_explained(app: App) -> None:
    """Why, what for, and until when; the times are those of a ladder of steps of a second."""
    code, out, err = typed(app, "explain", app.name)
    assert (code, err) == (0, "")
    assert "Waits for:  a new revision" in out
    assert "cannot be told: no rollout is under way" in out
    app.image("v2")
    app.until("Progressing")
    code, out, _ = typed(app, "explain", app.name)
    assert out.startswith(f"{app.namespace}/{app.name} is Progressing")
    assert "At best:    Succeeded in" in out
    assert "At worst:   Failed in" in out
    assert "   Finalising" in out
    found = json.loads(typed(app, "explain", app.name, "-o", "json")[1])
    assert (found["phase"], found["atBest"]["outcome"], found["atWorst"]["outcome"]) == (
        "Progressing",
        "completed",
        "checks",
    )
    assert [each["weight"] for each in found["atBest"]["stages"]][-1] == 0
    assert typed(app, "explain", app.name, "-o", "yaml")[0] == 2
