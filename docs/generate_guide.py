"""The parts of the guide that are made from code: flags of the commands, built-in queries, what each example means.

Run by ``docs/generate.py``; a test checks that what is written is what the code says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import typer

from canary_adapters.manifests import policy_of, read_file
from canary_adapters.manifests.analysis import BUILT_IN
from canary_adapters.manifests.describe import describe_policy
from canary_adapters.prometheus.queries import QUERIES_OF, built_in

DOCS: Final = Path(__file__).resolve().parent
GUIDE: Final = DOCS / "guide"
STRATEGIES: Final = DOCS.parent / "examples" / "strategies"
_HEAD: Final = """\
# Reference

Written by `make docs` from the commands themselves; `canary COMMAND --help` says the same. The values of the charts are
in the pages of [the controller's](../../charts/canary/README.md) and [the load
tester's](../../charts/loadtester/README.md) chart.

`canary controller` and `canary loadtester` take options with one dash or two, and switches with `=true` or `=false`."""


# -- Commands -------------------------------------------------------------------------------------------------------


def reference_page() -> str:
    """The page on the flags of all commands."""
    return "\n\n".join([_HEAD, *(part for name in commands() for part in _command(name))]) + "\n"


def commands() -> tuple[str, ...]:
    """Names of our own commands; other distributions may add some that are not ours to describe."""
    found = distribution("canary-core").entry_points.select(group="canary.commands")
    return tuple(sorted(found.names))


def command(name: str) -> Any:
    """A command as the framework runs it."""
    (point,) = distribution("canary-core").entry_points.select(group="canary.commands", name=name)
    loaded = point.load()
    if isinstance(loaded, typer.Typer):
        return typer.main.get_command(loaded)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(loaded)
    return typer.main.get_command(alone)


def _command(name: str) -> Iterator[str]:
    found = command(name)
    yield f"## canary {name}"
    for paragraph in re.split(r"\n[ \t]*\n", found.help.strip()):
        yield " ".join(paragraph.split())
    shown = [each for each in found.params if not each.hidden]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    if arguments:
        rows = [f"| `{each.metavar}` | {_cell(each.help)} |" for each in arguments]
        yield "\n".join(["| argument | meaning |", "| --- | --- |", *rows])
    options = [each for each in shown if each.param_type_name == "option"]
    rows = [f"| {_names(each)} | {_default(each)} | {_cell(each.help)} |" for each in options]
    yield "\n".join(["| option | default | meaning |", "| --- | --- | --- |", *rows])
    accepted = [each.opts[0] for each in found.params if each.hidden and (each.help or "").startswith("Accepted")]
    if accepted:
        listed = ", ".join(f"`{each}`" for each in accepted)
        yield f"Accepted from a command line of Flagger's, without effect: {listed}."


def _names(option: Any) -> str:
    metavar = f" {option.metavar}" if option.metavar else ""
    return ", ".join(f"`{name}{metavar}`" for name in (*option.opts, *option.secondary_opts))


def _default(option: Any) -> str:
    if option.is_flag:
        return "on" if option.default else "off"
    if option.default is None or option.default == "":
        return ""
    value = option.default
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


# -- Parts of pages that people write -------------------------------------------------------------------------------


def parts() -> dict[str, dict[str, str]]:
    """What is written into pages: text by name of the part, by name of the page."""
    files = sorted(STRATEGIES.glob("*.yaml"))
    return {
        "strategies.md": {
            path.stem: f"![{path.stem}](../pictures/strategy-{path.stem}.svg)\n\n{meaning(path)}"
            for path in files
            if path.stem != "gates"
        },
        "webhooks.md": {"gates": meaning(STRATEGIES / "gates.yaml")},
        "metrics.md": {"queries": queries_part()},
    }


def meaning(path: Path) -> str:
    """What an example means."""
    (canary,) = read_file(path).canaries
    said = describe_policy(policy_of(canary))
    return f"[{path.name}](../../examples/strategies/{path.name}) means, as `canary validate` says: *{said}*."


def queries_part() -> str:
    """The queries of the built-in checks, with words in capitals for what a Canary names."""
    said = [
        f"# {name}, provider {provider}\n{_query(provider, name)}"
        for provider in QUERIES_OF
        for name in sorted(BUILT_IN, reverse=True)
    ]
    return "```promql\n" + "\n\n".join(said) + "\n```"


def _query(provider: str, name: str) -> str:
    words = {"namespace": "NAMESPACE", "target": "TARGET", "window": "INTERVAL"}
    found = built_in(name, provider=provider, is_service=False, **words)
    if found is None:
        raise LookupError(f"there is no built-in check {name}")
    return found.query


def filled(text: str, bodies: dict[str, str]) -> str:
    """A page with its parts as they should be.

    Raises:
        LookupError: The page has no such part.
    """
    for name, body in bodies.items():
        begin, end = f"<!-- {name}: written by make docs -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise LookupError(f"the page has no part {name}")
        text = f"{before}{begin}{body}\n{end}{after}"
    return text


def write() -> None:
    """Write everything."""
    (GUIDE / "reference.md").write_text(reference_page(), encoding="utf-8")
    for name, bodies in parts().items():
        page = GUIDE / name
        page.write_text(filled(page.read_text(encoding="utf-8"), bodies), encoding="utf-8")
