"""Every strategy in every reachable state: invariants hold, rollouts end, and every edge of the table is taken."""

from pathlib import Path

import pytest

from canary_adapters.manifests import policy_of, read_file
from canary_core import EDGES, Hook, HookType, Phase, Policy, Progressive, Rollout, SessionAffinity
from canary_sims.harness import Exploration, abstracted, explore, mermaid, unknown_edges, untaken_edges

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = [*sorted((EXAMPLES / "strategies").glob("*.yaml")), EXAMPLES / "article" / "canary.yaml"]
EXPLORED = [file for file in FILES if file.stem in {"blue-green-mirror", "session-affinity"}]
"""Those with most to go wrong; a progressive one is explored as the guide says."""

GATED = Policy(
    strategy=Progressive(weights=(10, 50)),
    threshold=2,
    hooks=tuple(Hook(id=kind.value, type=kind) for kind in HookType),
    session_affinity=SessionAffinity(cookie_name="canary"),
    promotion_step=10,
)


def declared(file: Path) -> Policy:
    (canary,) = read_file(file).canaries
    return policy_of(canary)


def explored(file: Path) -> Exploration:
    return explore(declared(file), people=False)


@pytest.mark.slow
@pytest.mark.parametrize("file", EXPLORED, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_invariants_hold_in_every_reachable_state(file: Path) -> None:
    """Whatever pods, users, checks and gates do, and wherever the driver dies.

    The article's policy comes next, with more, and gates with the edges of the table; `make explore` visits all files.
    """
    found = explored(file)
    assert found.holds, str(found.counterexamples[0])
    assert not unknown_edges(found.edges)
    assert found.states > 500


@pytest.mark.slow
def test_invariants_hold_whatever_else_interferes() -> None:
    """Hand edits, deletions and requests of people as well, in every reachable state of the article's policy."""
    found = explore(declared(EXAMPLES / "article" / "canary.yaml"))
    assert found.holds, str(found.counterexamples[0])
    assert not unknown_edges(found.edges)


@pytest.mark.slow
def test_invariants_hold_with_a_drain_time() -> None:
    """Pods that wait for their last requests are taken away in the end, whoever had started them."""
    found = explore(Policy(strategy=Progressive(weights=(50,)), drain_s=30.0))
    assert found.holds, str(found.counterexamples[0])


@pytest.mark.slow
def test_every_edge_of_the_table_is_taken() -> None:
    """And no other: the table is the truth."""
    found = explore(gated_with_deadline())
    assert found.holds, str(found.counterexamples[0])
    assert not unknown_edges(found.edges)
    assert not untaken_edges(found.edges)
    assert found.phases == frozenset(Phase)


def gated_with_deadline() -> Policy:
    """Gates that give up: the policy with the most edges."""
    kinds = (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_PROMOTION)
    return Policy(
        strategy=Progressive(weights=(50,)),
        hooks=tuple(Hook(id=kind.value, type=kind) for kind in kinds),
        approval_deadline_s=600.0,
        revert_on_deletion=True,
    )


def test_an_abstracted_policy_is_a_fixed_point() -> None:
    """Making small what is small already changes nothing."""
    for file in FILES:
        small = abstracted(declared(file))
        assert abstracted(small) == small
    assert abstracted(abstracted(GATED)) == abstracted(GATED)


def test_abstraction_keeps_the_shape() -> None:
    """Kind of strategy, types of hooks and all flags stay."""
    small = abstracted(GATED)
    assert isinstance(small.strategy, Progressive)
    assert {hook.type for hook in small.hooks} == set(HookType) - {HookType.EVENT}
    assert small.session_affinity == GATED.session_affinity


@pytest.mark.slow
def test_exploration_is_reproducible() -> None:
    """The same policy, the same states, in the same order."""
    small = Policy(strategy=Progressive(weights=(50,)), skip_analysis=True)
    one, other = (explore(small, interference=0, people=False) for _ in range(2))
    assert one == other


def test_the_diagram_shows_every_edge_with_its_trigger() -> None:
    """Generated from the table, and from nothing else."""
    lines = mermaid().splitlines()
    edges = [(source, target, why) for source, targets in EDGES.items() for target, why in targets.items()]
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == len(edges) + 3
    for source, target, why in edges:
        assert f"    {source.value} --> {target.value}: {why}" in lines


def test_the_diagram_can_be_limited_to_what_was_taken() -> None:
    """As `canary explore --mermaid` does."""
    only = mermaid({(Phase.INITIALIZING, Phase.INITIALIZED)})
    assert only.count("-->") == 3
    assert f"{Rollout().phase.value} --> Initialized" in only
