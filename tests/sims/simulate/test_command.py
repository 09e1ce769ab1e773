"""``canary simulate`` as a user calls it: a process with an exit code."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from canary_adapters.manifests import policy_of, read_file
from canary_core import Policy

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]
CANARY = str(Path(sys.executable).with_name("canary"))
ARTICLE = "examples/article/canary.yaml"
CASES = {"errors": 1, "latency-creep": 1, "gate": 0}


def canary(*arguments: str, folder: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    return subprocess.run(
        [CANARY, "simulate", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_policies_of_the_other_tests_are_those_of_the_examples(article: Policy, gated: Policy) -> None:
    """So that a story that is told about a policy holds for the manifest."""
    for policy, path in ((article, ARTICLE), (gated, "examples/scenarios/canaries/gated.yaml")):
        assert policy_of(read_file(REPOSITORY / path).canaries[0]) == policy


def test_promoted() -> None:
    done = canary(ARTICLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Promoted: v2 serves all users after 9m." in done.stdout


def test_rolled_back() -> None:
    """The article's policy finds out about 5 % of errors."""
    done = canary(ARTICLE, "--scenario", "examples/scenarios/errors.yaml", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert (outcome["phase"], outcome["cause"], outcome["exit_code"]) == ("Failed", "checks", 1)


def test_same_bytes_on_every_run() -> None:
    """Also in another process, whose hashes are salted in another way."""
    assert canary(ARTICLE, "--json", "--seed", "3").stdout == canary(ARTICLE, "--json", "--seed", "3").stdout


def test_documented_commands_run(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    document = (REPOSITORY / "docs" / "simulate.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ canary simulate (.*)$", document, flags=re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        done = canary(*shlex.split(command), folder=tmp_path)
        expected = next((code for name, code in CASES.items() if f"scenarios/{name}.yaml" in command), 0)
        assert (done.returncode, done.stderr) == (expected, ""), command
    assert "<svg" in (tmp_path / "run.html").read_text(encoding="utf-8")


TWO = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: %s, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}
  service: {port: 80}
  analysis: {interval: 1m, threshold: 1, stepWeight: 50}
---
"""


def test_one_of_several_canaries(tmp_path: Path) -> None:
    """Which one is meant must be said, by name or, where that is not enough, with the namespace."""
    file = tmp_path / "two.yaml"
    file.write_text(TWO % ("cart", "cart") + TWO % ("till", "till"), encoding="utf-8")
    unclear = canary(str(file))
    assert unclear.returncode == 2
    assert "choose one of them with --name: shop/cart, shop/till" in unclear.stderr
    assert canary(str(file), "--name", "till").returncode == 0
    assert "till.shop" in canary(str(file), "--name", "shop/till").stdout
    wrong = canary(str(file), "--name", "tile")
    assert (wrong.returncode, "must be one of shop/cart, shop/till" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.yaml"], "none.yaml: there is no such file"),
        ([ARTICLE, "--scenario", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        ([ARTICLE, "--scenario", ARTICLE], "canary.yaml:1: apiVersion: unknown field, known are"),
        (["examples/scenarios/errors.yaml"], "errors.yaml"),
        ([ARTICLE, "--scenario", "examples/scenarios/gate.yaml"], 'events[0].hook.name: "gate" is not allowed: must'),
        ([ARTICLE, "--html", "no/such/folder/run.html"], "run.html: cannot be written: No such file or directory"),
        ([ARTICLE, "--seed", "x"], "--seed"),
        ([], "FILE"),
    ],
)
def test_bad_input(arguments: list[str], said: str) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout, and no traceback."""
    done = canary(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_quick_and_complete() -> None:
    done = canary("--help")
    assert done.returncode == 0
    for option in ("--scenario", "--name", "--seed", "--json", "--html"):
        assert option in done.stdout


def test_module_is_light() -> None:
    """Help and other subcommands must not wait for the simulator."""
    code = (
        "import sys, canary_sims.cli.simulate; "
        "print([name for name in ('cattrs', 'yaml', 'rich.table', 'canary_core') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
