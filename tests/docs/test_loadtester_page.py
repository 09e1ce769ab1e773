"""What the page of the load tester says to type for tokens makes tokens that work."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from canary_adapters.loadtester.gate_tokens import GateTokens

SECTION = (
    (Path(__file__).parents[2] / "docs" / "loadtester.md").read_text("utf-8").split("### Tokens")[1].split("\n## ")[0]
)
EXAMPLE, MAKE, *_ = (
    "\n".join(line[4:] for line in block.splitlines()) for block in re.findall(r"(?<=\n\n)((?:    .*\n)+)", SECTION)
)


def test_the_file_that_is_shown_can_be_read() -> None:
    names = [namespace for namespace, _ in GateTokens.parse(EXAMPLE).fingerprints]
    assert names == ["team-a", "*"]


def test_a_token_that_is_made_as_shown_opens_the_gates_of_its_namespace() -> None:
    script = f'{MAKE}\necho "$TOKEN"'
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True)
    line, token = done.stdout.splitlines()
    known = GateTokens.parse(line)
    assert len(token) > 32
    assert (known.opens(token, "team-a"), known.opens(token, "team-b")) == (True, False)
