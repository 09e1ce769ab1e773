"""The diagram of phases, generated from the table of edges and from what exploration has seen."""

from collections.abc import Collection

from canary_core import EDGES, Phase
from canary_sims.harness.ticking import Edge

__all__ = ["mermaid", "unknown_edges", "untaken_edges"]


def mermaid(taken: Collection[Edge] | None = None) -> str:
    """The phases and edges as a Mermaid ``stateDiagram-v2``.

    Args:
        taken: Edges to show; None: all of the table.
    """
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.INITIALIZING.value}"]
    for source, targets in EDGES.items():
        for target, trigger in targets.items():
            if taken is None or (source, target) in taken:
                lines.append(f"    {source.value} --> {target.value}: {trigger}")
    lines.append(f"    {Phase.TERMINATED.value} --> [*]")
    return "\n".join(lines) + "\n"


def unknown_edges(taken: Collection[Edge]) -> list[Edge]:
    """Edges that were taken although the table does not have them, in a fixed order."""
    found = [(source, target) for source, target in taken if target not in EDGES[source]]
    return sorted(found, key=lambda edge: (edge[0].value, edge[1].value))


def untaken_edges(taken: Collection[Edge]) -> list[Edge]:
    """Edges of the table that were not taken, in its order."""
    return [
        (source, target) for source, targets in EDGES.items() for target in targets if (source, target) not in taken
    ]
