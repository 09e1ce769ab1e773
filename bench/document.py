"""docs/performance.md: a part for each bench, replaced as a whole when that bench has run, with its day and machine."""

import os
import platform
import re
import time
from pathlib import Path

from attrs import field, frozen

__all__ = ["Part", "Table", "Target", "show", "write"]

FILE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
HEAD = """# Performance

Written by `make bench`, part by part. Ratios of one run count, not absolute numbers: the machine is shared, and the
load that it had from others is noted. Why things are as they are: ADR 0031.
"""


@frozen
class Table:
    """Rows under a head."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        """As Markdown."""
        lines = ["| " + " | ".join(self.head) + " |", "|" + " --- |" * len(self.head)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)])


@frozen(kw_only=True)
class Target:
    """What is aimed at, and how near it is."""

    what: str
    wanted: str
    found: str
    holds: bool


@frozen(kw_only=True)
class Part:
    """What one bench has found."""

    name: str
    title: str
    tables: list[Table]
    targets: list[Target] = field(factory=list)
    pictures: list[str] = field(factory=list)
    """Files in docs/pictures."""
    remark: str = ""

    def markdown(self) -> str:
        """As a chapter."""
        pieces = [f"## {self.title}", _where()]
        pieces += [self.remark] if self.remark else []
        pieces += [table.markdown() for table in self.tables]
        if self.targets:
            rows = [(each.what, each.wanted, each.found, "yes" if each.holds else "**no**") for each in self.targets]
            pieces.append(Table(("target", "wanted", "found", "holds"), rows).markdown())
        pieces += [f"![{name}](pictures/{name})" for name in self.pictures]
        body = "\n\n".join(pieces)
        return f"{_begin(self.name)}\n\n{body}\n\n{_end(self.name)}\n"


def show(part: Part) -> None:
    """Print a part."""
    print(part.markdown(), flush=True)


def write(part: Part, order: list[str]) -> None:
    """Put a part into the documentation, in place of what it said before.

    Args:
        part: What was found.
        order: Names of all parts.
    """
    text = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    kept = {
        name: found[0]
        for name in order
        if (found := re.search(f"{re.escape(_begin(name))}.*?{re.escape(_end(name))}\n", text, re.DOTALL))
    }
    kept[part.name] = part.markdown()
    FILE.write_text("\n".join([HEAD, *(kept[name] for name in order if name in kept)]), encoding="utf-8")


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"


def _where() -> str:
    day = time.strftime("%Y-%m-%d", time.gmtime())
    load = os.getloadavg()[0]
    return (
        f"{day}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; load average of the "
        f"last minute {load:.1f}."
    )
