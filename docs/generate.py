"""Write the parts of the documentation that are made from code: docs/phases.md, docs/pictures/, parts of docs/guide/.

Run by ``make docs``; a test checks that what is written is what the code says.
"""

from pathlib import Path

import generate_guide
from canary_adapters.manifests import policy_of, read_file
from canary_core import EDGES, phases
from canary_core.messages import Names
from canary_sims.harness.diagram import mermaid
from canary_sims.report.picture import picture
from canary_sims.scenario import read_scenario
from canary_sims.simulation import simulate

DOCS = Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / "examples"
PICTURES = {
    "healthy": (EXAMPLES / "article" / "canary.yaml", EXAMPLES / "scenarios" / "healthy.yaml"),
    "errors": (EXAMPLES / "article" / "canary.yaml", EXAMPLES / "scenarios" / "errors.yaml"),
    "latency-creep": (EXAMPLES / "article" / "canary.yaml", EXAMPLES / "scenarios" / "latency-creep.yaml"),
    **{
        f"strategy-{path.stem}": (path, EXAMPLES / "scenarios" / "healthy.yaml")
        for path in sorted((EXAMPLES / "strategies").glob("*.yaml"))
    },
    "strategy-gates": (EXAMPLES / "scenarios" / "canaries" / "gated.yaml", EXAMPLES / "scenarios" / "gate.yaml"),
}


def phases_page() -> str:
    """The page on phases: when each ends, the diagram, and every edge with what makes it so."""
    ends = (phases.__doc__ or "").split("A phase is left")[1]
    rows = [line for line in ends.splitlines() if line and not line.startswith((" ", "=")) and "  " in line]
    split = [line.split("  ", 1) for line in rows if not line.startswith("Phase  ")]
    when = [f"| {name.strip()} | {text.strip()} |" for name, text in split]
    edges = [
        f"| {source.value} | {target.value} | {trigger} |"
        for source, targets in EDGES.items()
        for target, trigger in targets.items()
    ]
    parts = [
        "# Phases",
        (
            "Written by `make docs` from `canary_core/phases.py`, the one table that the machine goes by.\n"
            "`canary explore` takes every edge of it and finds no other."
        ),
        "```mermaid\n" + mermaid() + "```",
        "## When a phase ends",
        "A phase is left only when what it was to bring about has been observed, not when a call returned.",
        "\n".join(["| phase | ends when |", "| --- | --- |", *when]),
        "## Every edge",
        "\n".join(["| from | to | because |", "| --- | --- | --- |", *edges]),
    ]
    return "\n\n".join(parts) + "\n"


def picture_of(manifest: Path, scenario: Path) -> str:
    """A canary under a scenario, as an SVG picture."""
    (canary,) = read_file(manifest).canaries
    names = Names(canary=canary.name, namespace=canary.namespace, target=canary.spec.target_ref.name)
    drawn = picture(simulate(policy_of(canary), read_scenario(scenario), names=names))
    head, rest = drawn.split(">", 1)
    return f'{head}><rect width="100%" height="100%" fill="white"/>{rest}\n'


def main() -> None:
    """Write everything."""
    (DOCS / "phases.md").write_text(phases_page(), encoding="utf-8")
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)
    for name, (manifest, scenario) in PICTURES.items():
        (folder / f"{name}.svg").write_text(picture_of(manifest, scenario), encoding="utf-8")
    generate_guide.write()


if __name__ == "__main__":
    main()
