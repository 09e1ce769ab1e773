"""The manifests and commands of the documentation, for the tests that use them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
GITOPS: Final = ROOT / "docs" / "gitops.md"
FROM_FLAGGER: Final = ROOT / "docs" / "from-flagger.md"


def blocks(page: Path) -> dict[str, Any]:
    """The YAML blocks of a page, by their first line, which is a comment."""
    found: dict[str, Any] = {}
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        title, _, rest = text.partition("\n")
        assert title.startswith("# "), title
        assert title[2:] not in found, title
        found[title[2:]] = yaml.safe_load(rest)
    return found


def script(page: Path, part: str) -> str:
    """The indented block of a page that has this in it, as a shell reads it."""
    (block,) = [
        block
        for block in re.findall(r"(?:^ {4,}.*\n)+", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if part in block
    ]
    return "\n".join(line.strip() for line in block.splitlines())


def command(page: Path, part: str, **names: str) -> list[str]:
    """The command of a page that has this in it, in words, with names in the place of words in capitals."""
    lines = [line.strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
    (line,) = [line for line in lines if part in line]
    return [names.get(word, word) for word in shlex.split(line)]
