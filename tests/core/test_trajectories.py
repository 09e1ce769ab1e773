"""The thirteen trajectories of Flagger, tick by tick: phase, weight, iterations, failed checks, routes, replicas.

Numbers of tests are those of the trajectories. Events are told once, when something begins, where Flagger repeats
them with every tick; other deliberate differences name their record in ``ADR/``.
"""

from attrs import evolve

from canary_core import (
    ABTest,
    Audience,
    BlueGreen,
    Cookies,
    HookType,
    KnownGood,
    Mirror,
    Outcome,
    Progressive,
    SessionAffinity,
    Traffic,
    weights_by_step,
)
from canary_ports import tick
from canary_sims.world import World
from stories.trajectories import (
    INTERVAL_S,
    START,
    V1,
    V2,
    V3,
    a_gate,
    a_policy,
    close_gate,
    declare,
    open_gate,
    play,
    table,
)


def test_3_1_progressive_by_step_weight() -> None:
    """Max 50, step 10: five weights, five checks, promotion, one interval each."""
    policy = a_policy(Progressive(weights=weights_by_step(10, 50)))
    _, seen = play(policy, 16, {4: declare(V2)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 20 0 0 80/20 2/2 WeightAdvanced
        8  Progressing 30 0 0 70/30 2/2 WeightAdvanced
        9  Progressing 40 0 0 60/40 2/2 WeightAdvanced
        10 Progressing 50 0 0 50/50 2/2 WeightAdvanced
        11 Promoting   50 0 0 50/50 2/2 PromotionStarted
        12 Promoting   50 0 0 50/50 2/2 PrimaryNotReady
        13 Finalising  0  0 0 100/0 2/2 TrafficReturned
        14 Succeeded   0  0 0 100/0 0/2 Promoted
        15 Succeeded   0  0 0 100/0 0/2 -
        16 Succeeded   0  0 0 100/0 0/2 -
    """)


def test_3_2_progressive_by_step_weights() -> None:
    policy = a_policy(Progressive(weights=(1, 2, 10, 80)))
    _, seen = play(policy, 13, {4: declare(V2)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 1  0 0 99/1  2/2 AnalysisStarted WeightAdvanced
        7  Progressing 2  0 0 98/2  2/2 WeightAdvanced
        8  Progressing 10 0 0 90/10 2/2 WeightAdvanced
        9  Progressing 80 0 0 20/80 2/2 WeightAdvanced
        10 Promoting   80 0 0 20/80 2/2 PromotionStarted
        11 Promoting   80 0 0 20/80 2/2 PrimaryNotReady
        12 Finalising  0  0 0 100/0 2/2 TrafficReturned
        13 Succeeded   0  0 0 100/0 0/2 Promoted
    """)


def test_3_3_mirror_before_the_first_step() -> None:
    policy = a_policy(Progressive(weights=weights_by_step(10, 30), mirror=Mirror()))
    _, seen = play(policy, 13, {4: declare(V2)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 0  0 0 100/0/mirrored 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 10 0 0 90/10 2/2 WeightAdvanced
        8  Progressing 20 0 0 80/20 2/2 WeightAdvanced
        9  Progressing 30 0 0 70/30 2/2 WeightAdvanced
        10 Promoting   30 0 0 70/30 2/2 PromotionStarted
        11 Promoting   30 0 0 70/30 2/2 PrimaryNotReady
        12 Finalising  0  0 0 100/0 2/2 TrafficReturned
        13 Succeeded   0  0 0 100/0 0/2 Promoted
    """)


def test_3_4_ab_testing() -> None:
    """The weights concern matching requests only; everybody else stays on the primary."""
    policy = a_policy(ABTest(iterations=3))
    world, seen = play(policy, 12, {4: declare(V2)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 0 1 0 0/100 2/2 AnalysisStarted IterationAdvanced
        7  Progressing 0 2 0 0/100 2/2 IterationAdvanced
        8  Progressing 0 3 0 0/100 2/2 IterationAdvanced
        9  Promoting   0 3 0 0/100 2/2 PromotionStarted
        10 Promoting   0 3 0 0/100 2/2 PrimaryNotReady
        11 Finalising  0 0 0 100/0 2/2 TrafficReturned
        12 Succeeded   0 0 0 100/0 0/2 Promoted
    """)
    assert world.traffic == Traffic(audience=Audience.MATCHED)


_BLUE_GREEN = """
    {}
    9  Progressing 0 4 0 0/100 2/2 TrafficSwitched
    10 Promoting   0 4 0 0/100 2/2 PromotionStarted
    11 Promoting   0 4 0 0/100 2/2 PrimaryNotReady
    12 Finalising  0 0 0 100/0 2/2 TrafficReturned
    13 Succeeded   0 0 0 100/0 0/2 Promoted
"""


def test_3_5_blue_green() -> None:
    _, seen = play(a_policy(BlueGreen(iterations=3)), 13, {4: declare(V2)})
    iterations = """
        6  Progressing 0 1 0 100/0 2/2 AnalysisStarted IterationAdvanced
        7  Progressing 0 2 0 100/0 2/2 IterationAdvanced
        8  Progressing 0 3 0 100/0 2/2 IterationAdvanced
    """
    assert seen == table(START) + "\n" + table(_BLUE_GREEN.format(iterations.strip()))


def test_3_5_blue_green_without_a_mesh() -> None:
    """Provider kubernetes: the same ticks and iterations, but no traffic moves before the promotion."""
    world, seen = play(a_policy(BlueGreen(iterations=3, shift=False)), 13, {4: declare(V2)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 0 1 0 100/0 2/2 AnalysisStarted IterationAdvanced
        7  Progressing 0 2 0 100/0 2/2 IterationAdvanced
        8  Progressing 0 3 0 100/0 2/2 IterationAdvanced
        9  Progressing 0 4 0 100/0 2/2 -
        10 Promoting   0 4 0 100/0 2/2 PromotionStarted
        11 Promoting   0 4 0 100/0 2/2 PrimaryNotReady
        12 Finalising  0 0 0 100/0 2/2 -
        13 Succeeded   0 0 0 100/0 0/2 Promoted
    """)
    assert world.writes.count("router.ensure") == 1


def test_3_6_blue_green_with_mirror() -> None:
    _, seen = play(a_policy(BlueGreen(iterations=3, mirror=Mirror())), 13, {4: declare(V2)})
    iterations = """
        6  Progressing 0 1 0 100/0/mirrored 2/2 AnalysisStarted IterationAdvanced
        7  Progressing 0 2 0 100/0/mirrored 2/2 IterationAdvanced
        8  Progressing 0 3 0 100/0/mirrored 2/2 IterationAdvanced
    """
    assert seen == table(START) + "\n" + table(_BLUE_GREEN.format(iterations.strip()))


def _cookies_by_tick(primary_cookie: str | None) -> list[Cookies]:
    affinity = SessionAffinity(cookie_name="cc", primary_cookie_name=primary_cookie)
    policy = a_policy(Progressive(weights=weights_by_step(10, 30)), session_affinity=affinity)
    world = World(policy=policy, version=V1, rate=1000.0)
    ports = world.ports()
    seen = []
    for number in range(1, 24):
        if number in {4, 16}:
            world.declare(V2 if number == 4 else V3)
        tick(ports)
        seen.append(world.traffic.cookies if world.traffic is not None else Cookies())
        world.advance(INTERVAL_S)
    return seen


def test_3_7_session_affinity() -> None:
    """A cookie for users of the canary while it has traffic, removed afterwards; a new one next time."""
    seen = _cookies_by_tick("pc")
    first, primary = seen[5].canary, seen[5].primary
    assert first is not None
    assert primary is not None
    assert len({first, primary}) == 2
    assert [len(first), first.isalpha()] == [10, True]
    assert seen[:5] == [Cookies()] * 5
    assert seen[5:10] == [Cookies(canary=first, primary=primary)] * 5
    assert seen[10:17] == [Cookies(primary=primary, expired=first)] * 7
    second = seen[17].canary
    assert second not in {None, first}
    assert seen[17:22] == [Cookies(canary=second, primary=primary)] * 5


def test_3_7_session_affinity_without_a_cookie_for_the_primary() -> None:
    """Flagger would store a nameless one."""
    assert {cookies.primary for cookies in _cookies_by_tick(None)} == {None}


def test_3_8_promotion_in_steps() -> None:
    policy = a_policy(Progressive(weights=weights_by_step(25, 50)), promotion_step=20)
    _, seen = play(policy, 13, {4: declare(V2)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 25 0 0 75/25 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 50 0 0 50/50 2/2 WeightAdvanced
        8  Promoting   50 0 0 50/50 2/2 PromotionStarted
        9  Promoting   50 0 0 50/50 2/2 PrimaryNotReady
        10 Promoting   30 0 0 70/30 2/2 PrimaryWeightAdvanced
        11 Promoting   10 0 0 90/10 2/2 PrimaryWeightAdvanced
        12 Finalising  0  0 0 100/0 2/2 PrimaryWeightAdvanced
        13 Succeeded   0  0 0 100/0 0/2 Promoted
    """)


def test_3_9_failing_canary() -> None:
    """Errors from 20 % on: threshold 3 means three failing checks, and the rollback one interval after the third."""
    policy = a_policy(Progressive(weights=weights_by_step(10, 50)), threshold=3)
    _, seen = play(policy, 15, {4: declare(V2), 7: _sicken, 14: declare(V3)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 20 0 0 80/20 2/2 WeightAdvanced
        8  Progressing 20 0 1 80/20 2/2 CheckNotPassed
        9  Progressing 20 0 2 80/20 2/2 CheckNotPassed
        10 Progressing 20 0 3 80/20 2/2 CheckNotPassed
        11 Failed      0  0 0 100/0 0/2 ThresholdReached RolledBack
        12 Failed      0  0 0 100/0 0/2 -
        13 Failed      0  0 0 100/0 0/2 -
        14 Progressing 0  0 0 100/0 2/2 RolloutStarted
        15 Progressing 0  0 0 100/0 2/2 CanaryNotReady
    """)


def _sicken(world: World) -> None:
    """From now on this version answers with errors."""
    assert world.target is not None
    world.target.version = evolve(world.target.version, error_rate=0.3)


def _heal(world: World) -> None:
    assert world.target is not None
    world.target.version = evolve(world.target.version, error_rate=0.0)


def test_3_9_a_pass_in_between_does_not_lower_the_count() -> None:
    policy = a_policy(Progressive(weights=weights_by_step(10, 50)), threshold=3)
    events = {4: declare(V2), 7: _sicken, 8: _heal, 9: _sicken, 10: _heal}
    _, seen = play(policy, 12, events)
    assert seen == table(START) + "\n" + table("""
        6  Progressing 10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 20 0 0 80/20 2/2 WeightAdvanced
        8  Progressing 20 0 1 80/20 2/2 CheckNotPassed
        9  Progressing 30 0 1 70/30 2/2 WeightAdvanced
        10 Progressing 30 0 2 70/30 2/2 CheckNotPassed
        11 Progressing 40 0 2 60/40 2/2 WeightAdvanced
        12 Progressing 50 0 2 50/50 2/2 WeightAdvanced
    """)


def test_3_10_a_newer_revision_restarts_the_analysis() -> None:
    policy = a_policy(Progressive(weights=weights_by_step(10, 50)))
    world, seen = play(policy, 19, {4: declare(V2), 9: declare(V3)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 20 0 0 80/20 2/2 WeightAdvanced
        8  Progressing 30 0 0 70/30 2/2 WeightAdvanced
        9  Progressing 0  0 0 100/0 2/2 AnalysisRestarted
        10 Progressing 0  0 0 100/0 2/2 CanaryNotReady
        11 Progressing 10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        12 Progressing 20 0 0 80/20 2/2 WeightAdvanced
        13 Progressing 30 0 0 70/30 2/2 WeightAdvanced
        14 Progressing 40 0 0 60/40 2/2 WeightAdvanced
        15 Progressing 50 0 0 50/50 2/2 WeightAdvanced
        16 Promoting   50 0 0 50/50 2/2 PromotionStarted
        17 Promoting   50 0 0 50/50 2/2 PrimaryNotReady
        18 Finalising  0  0 0 100/0 2/2 TrafficReturned
        19 Succeeded   0  0 0 100/0 0/2 Promoted
    """)
    assert (world.rollout.applied, world.rollout.promoted) == (V3.revision, V3.revision)


def test_3_11_going_back_to_the_promoted_revision_ends_the_analysis() -> None:
    """Flagger would promote the old revision over itself and analyse it once more. See ADR 0006."""
    policy = a_policy(Progressive(weights=weights_by_step(10, 50)))
    world, seen = play(policy, 11, {4: declare(V2), 8: declare(V1)})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 20 0 0 80/20 2/2 WeightAdvanced
        8  Finalising  0  0 0 100/0 2/2 RevisionWithdrawn
        9  Succeeded   0  0 0 100/0 0/2 Cancelled
        10 Succeeded   0  0 0 100/0 0/2 -
        11 Succeeded   0  0 0 100/0 0/2 -
    """)
    assert world.rollout.outcome is Outcome.WITHDRAWN
    assert "workload.promote" not in world.writes


def test_3_12_promotion_gate_of_a_progressive_rollout() -> None:
    """The status goes on showing the weight that is in force, where Flagger shows 0 and iterations -1. See ADR 0007."""
    policy = a_policy(Progressive(weights=weights_by_step(10, 20)), hooks=(a_gate(HookType.CONFIRM_PROMOTION),))
    _, seen = play(policy, 13, {4: declare(V2), 6: close_gate, 10: open_gate})
    assert seen == table(START) + "\n" + table("""
        6  Progressing      10 0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing      20 0 0 80/20 2/2 WeightAdvanced
        8  WaitingPromotion 20 0 0 80/20 2/2 ApprovalAwaited
        9  WaitingPromotion 20 0 0 80/20 2/2 -
        10 Promoting        20 0 0 80/20 2/2 HookPassed PromotionStarted
        11 Promoting        20 0 0 80/20 2/2 PrimaryNotReady
        12 Finalising       0  0 0 100/0 2/2 TrafficReturned
        13 Succeeded        0  0 0 100/0 0/2 Promoted
    """)


def test_3_12_promotion_gate_of_a_blue_green_rollout() -> None:
    """Asked before the traffic is switched and again before the promotion; iterations are not wound back (ADR 0007)."""
    policy = a_policy(BlueGreen(iterations=3), hooks=(a_gate(HookType.CONFIRM_PROMOTION),))
    _, seen = play(policy, 15, {4: declare(V2), 6: close_gate, 11: open_gate})
    assert seen == table(START) + "\n" + table("""
        6  Progressing      0 1 0 100/0 2/2 AnalysisStarted IterationAdvanced
        7  Progressing      0 2 0 100/0 2/2 IterationAdvanced
        8  Progressing      0 3 0 100/0 2/2 IterationAdvanced
        9  WaitingPromotion 0 3 0 100/0 2/2 ApprovalAwaited
        10 WaitingPromotion 0 3 0 100/0 2/2 -
        11 WaitingPromotion 0 4 0 0/100 2/2 HookPassed TrafficSwitched
        12 Promoting        0 4 0 0/100 2/2 HookPassed PromotionStarted
        13 Promoting        0 4 0 0/100 2/2 PrimaryNotReady
        14 Finalising       0 0 0 100/0 2/2 TrafficReturned
        15 Succeeded        0 0 0 100/0 0/2 Promoted
    """)


def _lose_primary(world: World) -> None:
    assert world.primary is not None
    world.primary.crashing = True


def test_3_13_a_lost_primary_leaves_the_traffic_on_the_canary() -> None:
    """A newer revision is judged where the traffic is, not routed to a dead primary as with Flagger (ADR 0041)."""
    policy = a_policy(Progressive(weights=weights_by_step(10, 20)), progress_deadline_s=90)
    world, seen = play(policy, 18, {4: declare(V2), 9: _lose_primary, 13: declare(V3), 17: _find_primary})
    assert seen == table(START) + "\n" + table("""
        6  Progressing 10  0 0 90/10 2/2 AnalysisStarted WeightAdvanced
        7  Progressing 20  0 0 80/20 2/2 WeightAdvanced
        8  Promoting   20  0 0 80/20 2/2 PromotionStarted
        9  Promoting   100 0 0 0/100 2/2 PrimaryLost
        10 Promoting   100 0 0 0/100 2/2 PrimaryNotReady
        11 Promoting   100 0 0 0/100 2/2 -
        12 Failed      100 0 0 0/100 2/2 PromotionFailed
        13 Progressing 100 0 0 0/100 2/2 RolloutStarted NoKnownGood
        14 Progressing 100 0 0 0/100 2/2 CanaryNotReady
        15 Progressing 100 0 0 0/100 2/2 AnalysisStarted
        16 Promoting   100 0 0 0/100 2/2 PromotionStarted
        17 Promoting   100 0 0 0/100 2/2 PrimaryNotReady
        18 Finalising  0   0 0 100/0 2/2 TrafficReturned
    """)
    assert world.rollout.known_good is KnownGood.PRIMARY


def _find_primary(world: World) -> None:
    assert world.primary is not None
    world.primary.crashing = False
