"""Write the parts of the charts that are made from other files: definitions, denied addresses, and tables of values.

``python charts/generate_charts.py``; a test checks that what is written is what the sources say.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from canary_adapters.denied_addresses import DEFAULT
from canary_adapters.kubernetes.crds import definitions

CHARTS: Final = Path(__file__).resolve().parent
BEGIN: Final = "<!-- values: written by charts/generate_charts.py from the comments of values.yaml -->"
END: Final = "<!-- end of values -->"


class Value(NamedTuple):
    """A row of a table."""

    path: tuple[str, ...]
    default: Any
    comment: str
    """Empty: nobody has written one."""


def crds() -> str:
    """The definitions, as ``canary crds`` prints them."""
    dumper = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    text: str = yaml.dump_all(definitions(), Dumper=dumper, sort_keys=False, explicit_start=True, width=120)
    return text


def denied() -> str:
    """Networks that ``default`` stands for in a list of denied addresses, for policies of the network."""
    return "".join(f"{network}\n" for network in DEFAULT.networks)


def values(chart: str) -> list[Value]:
    """What can be set, in the order of values.yaml: keys with a comment, and others that hold no such keys."""
    text = (CHARTS / chart / "values.yaml").read_text("utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError(f"{chart}/values.yaml: must be a mapping")
    return list(_rows(root, text.splitlines(), ()))


def _rows(node: yaml.MappingNode, lines: list[str], above: tuple[str, ...]) -> Iterator[Value]:
    for key, value in node.value:
        path, comment = (*above, key.value), _comment(lines, key.start_mark)
        inner = list(_rows(value, lines, path)) if isinstance(value, yaml.MappingNode) else []
        if any(row.comment for row in inner) and not comment:
            yield from inner
        else:
            yield Value(path, yaml.SafeLoader("").construct_object(value, deep=True), comment)


def _comment(lines: list[str], mark: Any) -> str:
    found: list[str] = []
    for line in reversed(lines[: mark.line]):
        if not line.startswith(" " * mark.column + "#"):
            break
        found.insert(0, line.strip().removeprefix("#").strip())
    return " ".join(found)


def table(chart: str) -> str:
    """The table of values."""
    rows = [
        f"| `{'.'.join(row.path)}` | `{_shown(row.default)}` | {row.comment.replace('|', chr(92) + '|')} |"
        for row in values(chart)
    ]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])


def _shown(default: Any) -> str:
    text = json.dumps(default)
    return text if len(text) <= 60 else "see values.yaml"


def readme(chart: str) -> str:
    """The page on a chart with the table as it should be."""
    text = (CHARTS / chart / "README.md").read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(chart)}\n{END}{after}"


def main() -> None:
    """Write everything."""
    (CHARTS / "canary" / "files" / "crds.yaml").write_text(crds(), "utf-8")
    for chart in ("canary", "loadtester"):
        (CHARTS / chart / "files").mkdir(exist_ok=True)
        (CHARTS / chart / "files" / "denied.txt").write_text(denied(), "utf-8")
        (CHARTS / chart / "README.md").write_text(readme(chart), "utf-8")


if __name__ == "__main__":
    main()
