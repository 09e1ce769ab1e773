"""Looks at every regular expression of the code and of the schemas: none may backtrack, none may come from elsewhere.

regexploit finds expressions whose work grows with the cube of a text, or worse. Two things are told to it besides, so
that it finds squares, too: that a match must go on to the end, where it must, and that something that matches any text
stands before (which is what a search does: it begins anew at each place).

Usage: python tests/tools/patterns.py FOLDER...
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from attrs import fields, frozen, has

__all__ = ["Found", "ambiguous", "faults", "in_code", "in_schemas"]

FUNCTIONS: Final = {
    "compile": 1,
    "search": 2,
    "match": 2,
    "fullmatch": 2,
    "findall": 2,
    "finditer": 2,
    "split": 3,
    "sub": 4,
}
"""Functions of `re`, and which of their arguments are the flags."""
SEARCHING: Final = frozenset({"search", "findall", "finditer", "split", "sub"})
MADE_ELSEWHERE: Final = {
    ("adapters/canary_adapters/cli/loadtester.py", "_pattern"): "the operator's own -namespace-regexp",
    (
        "adapters/canary_adapters/manifests/values.py",
        "_matches",
    ): "of our own declarations, which are looked at as such",
    ("adapters/canary_adapters/controls.py", ""): "our own sets of characters",
    ("bench/document.py", "write"): "marks in our own pages",
    ("docs/adapter_tables.py", "stable"): "names of our own stories",
}
"""Where a pattern is put together, and whose it is."""
_ANY: Final = r"[\s\S]*"
_END: Final = "\ue0ff"
"""Stands in no text, so that it ends a match as the end of the text does, which regexploit does not look at."""


@frozen
class Found:
    """An expression, or a place where one is put together."""

    where: str
    pattern: str | None
    """None: it is put together when the code runs."""
    flags: int = 0
    how: str = "compile"
    """The function of `re` that is given it."""
    function: str = ""
    """In which function that is."""


def ambiguous(found: Found) -> str:
    """In which way the work that an expression makes can grow faster than a text; empty: in none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses a module that has another name in newer Pythons
        from regexploit.ast.sre import SreOpParser
        from regexploit.redos import find

        for pattern in _told(found):
            risks = [risk for risk in find(SreOpParser().parse_sre(pattern, found.flags)) if risk.starriness > 2]
            if risks:
                return f"try {risks[0].example()} (told as {pattern!r})"
    return ""


def _told(found: Found) -> Iterator[str]:
    """The expression as it is used, and the same with more before it."""
    pattern = found.pattern or ""
    yield pattern
    begun, ended = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith(r"\$")
    middle = pattern[1 if begun else 0 : -1 if ended else None]
    end = _END if ended or found.how == "fullmatch" else ""
    yield f"(?:{middle}){end}"
    yield f"{_ANY * (2 if found.how in SEARCHING and not begun else 1)}(?:{middle}){end}"


# -- In code --------------------------------------------------------------------------------------------------------


def in_code(path: Path, root: Path) -> Iterator[Found]:
    """All that a file gives to `re`.

    Args:
        path: Of a Python file.
        root: What its name is shown from.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    visitor = _Visitor(_constants(tree))
    visitor.visit(tree)
    name = path.relative_to(root).as_posix()
    for line, pattern, flags, how, function in visitor.found:
        yield Found(f"{name}:{line}", pattern, flags, visitor.used.get(pattern, how), function)


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What names stand for that are given a value once, at the top of a file."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
        elif isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    return found


class _Visitor(ast.NodeVisitor):
    def __init__(self, constants: dict[str, ast.expr]) -> None:
        self.constants = constants
        self.found: list[tuple[int, str | None, int, str, str]] = []
        self.used: dict[str | None, str] = {}
        """How expressions are used that have a name."""
        self._functions = [""]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "re":
            self._unknown(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A function of `re` that is handed on: nobody knows what it will be given."""
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "re" and node.attr in FUNCTIONS:
            self._unknown(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if (
            not isinstance(called, ast.Attribute)
            or called.attr not in FUNCTIONS
            or not isinstance(called.value, ast.Name)
        ):
            self.generic_visit(node)
            return
        for part in (*node.args, *node.keywords):
            self.visit(part)
        owner, how = called.value.id, called.attr
        if owner == "re":
            pattern = self._text(node.args[0])
            self.found.append((node.lineno, pattern, self._flags(node, how), how, self._functions[-1]))
        elif isinstance(made := self.constants.get(owner), ast.Call) and made.args:
            self.used[self._text(made.args[0])] = how

    def _unknown(self, node: ast.stmt | ast.expr) -> None:
        self.found.append((node.lineno, None, 0, "compile", self._functions[-1]))

    def _text(self, node: ast.expr) -> str | None:
        """The text of an expression that is made of constants only."""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Constant(value=bytes() as data):
                return data.decode("latin-1")
            case ast.Name(id=name) if name in self.constants:
                return self._text(self.constants[name])
            case ast.Attribute(value=ast.Name(id=name), attr="pattern") if name in self.constants:
                made = self.constants[name]
                return self._text(made.args[0]) if isinstance(made, ast.Call) and made.args else None
            case ast.JoinedStr(values=parts):
                texts = [self._text(part.value if isinstance(part, ast.FormattedValue) else part) for part in parts]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                texts = [self._text(left), self._text(right)]
            case _:
                return None
        known = [text for text in texts if text is not None]
        return "".join(known) if len(known) == len(texts) else None

    def _flags(self, node: ast.Call, how: str) -> int:
        given = [keyword.value for keyword in node.keywords if keyword.arg == "flags"]
        given += node.args[FUNCTIONS[how] : FUNCTIONS[how] + 1]
        names = [each.attr for part in given for each in ast.walk(part) if isinstance(each, ast.Attribute)]
        return sum(getattr(re, name) for name in names)


# -- In declarations ------------------------------------------------------------------------------------------------


def in_schemas() -> Iterator[Found]:
    """Patterns of the definitions, and of the declarations that they are made from; both are searched for."""
    from canary_adapters.kubernetes.crds import definitions
    from canary_adapters.manifests.objects import AlertProvider, Canary, MetricTemplate

    for pattern in sorted(_patterns(definitions())):
        yield Found("a definition", pattern, 0, "search")
    for kind in (Canary, MetricTemplate, AlertProvider):
        for pattern in sorted(_declared(kind)):
            yield Found(f"a declaration of {kind.__name__}", pattern, re.ASCII, "search")


def _patterns(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        return own.union(*map(_patterns, schema.values()))
    return set[str]().union(*map(_patterns, schema)) if isinstance(schema, list) else set()


def _declared(kind: Any) -> set[str]:
    from canary_adapters.manifests.declare import rule_of

    parts = [field for field in fields(kind) if field.metadata] if has(kind) else []
    own = {rule.pattern for rule in map(rule_of, parts) if rule.pattern is not None}
    inner = [part.type for part in parts] if has(kind) else getattr(kind, "__args__", ())
    return own.union(*map(_declared, inner))


# -- All together ---------------------------------------------------------------------------------------------------


def faults(found: Iterable[Found]) -> Iterator[str]:
    """What is wrong, one line for each."""
    for each in found:
        name = each.where.partition(":")[0]
        if each.pattern is None:
            if (name, each.function) not in MADE_ELSEWHERE:
                yield f"{each.where}: a pattern is put together here: say in {Path(__file__).name} whose it is"
        elif why := ambiguous(each):
            yield f"{each.where}: {each.pattern!r} backtracks: {why}"


def main(folders: list[str]) -> int:
    """Look at all files of some folders, and at the schemas."""
    root = Path.cwd()
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    found = [*(each for path in paths for each in in_code(path, root)), *in_schemas()]
    wrong = list(faults(found))
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{len(found)} patterns in {len(paths)} files and the schemas\n")
    return 1 if wrong or len(found) < 50 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
