"""The Go types behind the built-in resources, read from `gotypes.txt`: what a field is called, holds and leaves out.

The JSON that a real server writes follows from its Go structs: empty fields with `omitempty` vanish, others show as
zero values, lists merge by the keys in their tags. One table of these structs replaces code for each kind.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from attrs import frozen

STRING_LEAVES = {"meta/v1.Time", "meta/v1.MicroTime", "meta/v1.Duration", "resource.Quantity"}
ANY_LEAVES = {"meta/v1.FieldsV1", "runtime.RawExtension", "apiextensions/v1.JSONSchemaProps", "apiextensions/v1.JSON"}
LEAVES = STRING_LEAVES | ANY_LEAVES | {"intstr.IntOrString"}


@frozen
class Field:
    """One field of a Go struct."""

    go_name: str
    name: str
    """The JSON name; "-" for an inlined struct."""
    type: str
    flags: frozenset[str]
    """Of "o" omitempty, "z" omitzero, "i" inline, "R" required."""
    tags: dict[str, str]
    """p, k, L, K, M, S: see the head of `gotypes.txt`."""
    number: int
    """That of protobuf; 0 if it has none."""


@frozen
class Struct:
    """A Go struct: its fields in the order of the source, which is the order of the JSON."""

    name: str
    fields: tuple[Field, ...]
    """As declared."""
    atomic: bool

    @property
    def go_name(self) -> str:
        """The name without its package, as Go's JSON errors say it."""
        return self.name.rpartition(".")[2]


class Types:
    """All structs and named types by name, such as `core/v1.Pod`."""

    def __init__(self, text: str) -> None:
        self.structs: dict[str, Struct] = {}
        self.aliases: dict[str, str] = {}
        self._flat: dict[str, dict[str, Field]] = {}
        for block in _blocks(text):
            self._add(block)

    def _add(self, block: list[str]) -> None:
        if " = " in block[0]:
            name, _, target = block[0].partition(" = ")
            self.aliases[name] = target
            return
        name, *marks = block[0].split()
        fields = tuple(_field(line) for line in block[1:])
        self.structs[name] = Struct(name, fields, "S=atomic" in marks)

    def fields(self, struct: str) -> dict[str, Field]:
        """The JSON fields of a struct by name, inlined ones in their place."""
        found = self._flat.get(struct)
        if found is None:
            found = {}
            for field in self.structs[struct].fields:
                if "i" in field.flags:
                    found.update(self.fields(field.type.lstrip("*")))
                else:
                    found[field.name] = field
            self._flat[struct] = found
        return found


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        if line.startswith(" "):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _field(line: str) -> Field:
    go_name, name, type_, *marks = line.split()
    number = next((int(m[1:]) for m in marks if m.startswith("#")), 0)
    flags = frozenset(m for m in marks if "=" not in m and not m.startswith("#"))
    return Field(go_name, name, type_, flags, dict(m.split("=", 1) for m in marks if "=" in m), number)


@cache
def types() -> Types:
    """The table, read once."""
    return Types(resources.files(__package__).joinpath("gotypes.txt").read_text())


@cache
def split_type(expr: str) -> tuple[str, str]:
    """What a type expression is, and of what: ("ptr"|"slice"|"map"|"name", inner)."""
    if expr.startswith("*"):
        return "ptr", expr[1:]
    if expr.startswith("[]"):
        return "slice", expr[2:]
    if expr.startswith("map["):
        return "map", expr[expr.index("]") + 1 :]
    alias = types().aliases.get(expr)
    if alias is not None and alias.startswith(("[]", "map[")):
        return split_type(alias)
    return "name", expr
