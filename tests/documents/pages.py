"""The pages of the guide: what they say to type, what is printed then, and their manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import frozen

ROOT: Final = Path(__file__).resolve().parents[2]
GUIDE: Final = ROOT / "docs" / "guide"
PAGES: Final = tuple(sorted(GUIDE.glob("*.md")))
ANYTHING: Final = "..."


@frozen
class Line:
    """A command of a page."""

    typed: str
    printed: tuple[str, ...]
    """What the page shows below it; ``...`` stands for anything."""

    def mismatch(self, output: str) -> str:
        """Why an output is not what the page shows; empty if it is. A page may show nothing of it."""
        if not self.printed:
            return ""
        shown = "\n".join(self.printed).strip()
        # kubectl sorts events by the second: within one, any order will do.
        texts = self.printed if " describe " in self.typed else (shown,)
        patterns = [".*".join(re.escape(part) for part in text.strip().split(ANYTHING)) for text in texts]
        found = all(re.search(pattern, output.strip(), flags=re.DOTALL) for pattern in patterns)
        return "" if found else f"{self.typed}\nshows:\n{shown}\nprints:\n{output}"


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def lines(page: Path) -> list[Line]:
    """All commands of a page, in order."""
    return [line for block in blocks(page, "console") for line in _lines(block)]


def _lines(block: str) -> Iterator[Line]:
    whole = re.sub(r"\\\n\s+", "", block)
    assert whole.startswith("$ "), block
    for part in re.split(r"^\$ ", whole, flags=re.MULTILINE)[1:]:
        typed, *printed = part.splitlines()
        yield Line(typed, tuple(printed))


def manifests(page: Path) -> dict[str, Any]:
    """The YAML blocks of a page, by their first line, which is a comment."""
    found: dict[str, Any] = {}
    for block in blocks(page, "yaml"):
        title, _, rest = block.partition("\n")
        assert title.startswith("# "), title
        assert title[2:] not in found, title
        found[title[2:]] = yaml.safe_load(rest)
    return found
