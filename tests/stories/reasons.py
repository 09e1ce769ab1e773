"""Every reason that the adapters give for a refusal, read from their source, so that none is forgotten."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import canary_adapters
from canary_adapters.kubernetes.ownership import REASONS as OWNED

__all__ = ["reasons"]

_NAMES: Final = ("RefusedError", "Unserved", "Obstacle")
_MADE: Final = {
    "ownership.py": {*OWNED.values(), *(f"{kind}NotOurs" for kind in ("Service", "VirtualService", "DestinationRule"))},
    "rehearsal.py": {"RehearsalFailed", "Forbidden"},
    "references.py": {"MetricTemplateInvalid", "AlertProviderInvalid"},
}
"""Reasons that are made of kinds, or chosen."""
_PASSED_ON: Final = {"attempts.py", "reader.py", "mistakes.py"}
"""Where a refusal that was made elsewhere is raised once more."""


def reasons() -> set[str]:
    """All that is given as a reason anywhere in the adapters."""
    found = set()
    root = Path(next(iter(canary_adapters.__path__)))
    for path in root.rglob("*.py"):
        if "loadtester" not in path.parts:
            found |= _given(path)
    return found


def _given(path: Path) -> set[str]:
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    named = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant)
        for target in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NAMES:
            reason = _reason(node)
            if isinstance(reason, ast.Name):
                reason = ast.Constant(named.get(reason.id))
            if isinstance(reason, ast.Constant) and reason.value is not None:
                found.add(str(reason.value))
            else:
                assert path.name in _PASSED_ON | _MADE.keys(), f"{path}:{node.lineno}: which reasons can this have?"
                found |= _MADE.get(path.name, set())
    return found


def _reason(call: ast.Call) -> ast.expr:
    """The expression that is given as the reason, or stands for it by default."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    return keywords.get("reason") or (call.args[0] if call.args else ast.Constant("InvalidSpec"))
