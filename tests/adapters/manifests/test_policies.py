"""From a Canary to a policy: strategy, ladder, checks, hooks, and the numbers that Flagger reads in its own way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from canary_adapters.manifests import (
    CheckOrigin,
    ManifestError,
    Mistake,
    check_sources,
    hook_sources,
    policy_of,
    policy_warnings,
    read_file,
    read_object,
    read_text,
)
from canary_core import (
    ABTest,
    BlueGreen,
    Bound,
    Check,
    CheckKind,
    Hook,
    HookType,
    Mirror,
    Policy,
    Progressive,
    SessionAffinity,
)

Declare = Callable[..., dict[str, Any]]
EXAMPLES = Path(__file__).parents[3] / "examples"
BY_LIST: dict[str, Any] = {"analysis.stepWeight": ..., "analysis.maxWeight": ...}
MATCH = [{"headers": {"x-beta": {"exact": "yes"}}}]


def policy(raw: dict[str, Any], **arguments: Any) -> Policy:
    return policy_of(read_object(raw).canaries[0], **arguments)


def test_the_articles_policy() -> None:
    (canary,) = read_file(EXAMPLES / "article" / "canary.yaml").canaries
    assert policy_of(canary) == Policy(
        strategy=Progressive(weights=(10, 20, 30, 40, 50)),
        interval_s=60.0,
        threshold=10,
        checks=(
            Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99.0)),
            Check(id="request-duration", kind=CheckKind.DURATION, bound=Bound(maximum=500.0)),
        ),
        hooks=(Hook(id="load-test", type=HookType.ROLLOUT),),
    )


@pytest.mark.parametrize(
    ("changes", "strategy"),
    [
        ({}, Progressive(weights=(10, 20, 30, 40, 50))),
        ({"analysis.stepWeight": 20}, Progressive(weights=(20, 40, 60))),
        ({"analysis.stepWeight": 60}, Progressive(weights=(60,))),
        ({"analysis.stepWeight": 40, "analysis.maxWeight": 0}, Progressive(weights=(40, 80, 100))),
        ({"analysis.stepWeight": 50, "analysis.maxWeight": -1}, Progressive(weights=(50, 100))),
        ({"analysis.match": MATCH}, Progressive(weights=(10, 20, 30, 40, 50), matched=True)),
        ({"analysis.mirror": True}, Progressive(weights=(10, 20, 30, 40, 50), mirror=Mirror(percent=100))),
        ({"analysis.mirrorWeight": 20}, Progressive(weights=(10, 20, 30, 40, 50))),
        ({**BY_LIST, "analysis.stepWeights": [1, 80]}, Progressive(weights=(1, 80))),
        ({**BY_LIST, "analysis.iterations": 3}, BlueGreen(iterations=3)),
        ({**BY_LIST, "analysis.iterations": 3, "analysis.mirror": True, "analysis.mirrorWeight": 20},
         BlueGreen(iterations=3, mirror=Mirror(percent=20))),
        ({**BY_LIST, "analysis.iterations": 3, "analysis.match": MATCH}, ABTest(iterations=3)),
        ({**BY_LIST, "analysis.iterations": 3, "analysis.match": MATCH, "analysis.mirror": True},
         ABTest(iterations=3)),
        ({"spec.provider": "kubernetes"}, BlueGreen(iterations=10, shift=False)),
        ({**BY_LIST, "spec.provider": "kubernetes", "analysis.iterations": 0}, BlueGreen(iterations=10, shift=False)),
        ({**BY_LIST, "spec.provider": "kubernetes", "analysis.iterations": 3, "analysis.match": MATCH,
          "analysis.mirror": True}, BlueGreen(iterations=3, shift=False)),
        ({"spec.skipAnalysis": True, "analysis.stepWeight": 0}, Progressive(weights=(50,))),
    ],
    ids=str,
)  # fmt: skip
def test_the_strategy_is_the_one_that_flagger_selects(declare: Declare, changes: dict[str, Any], strategy: Any) -> None:
    assert policy(declare(changes)).strategy == strategy


def test_the_canarys_provider_goes_before_the_controllers(declare: Declare) -> None:
    progressive, meshless = Progressive(weights=(10, 20, 30, 40, 50)), BlueGreen(iterations=10, shift=False)
    assert policy(declare(), mesh_provider="kubernetes").strategy == meshless
    assert policy(declare({"spec.provider": "istio"}), mesh_provider="kubernetes").strategy == progressive


def test_a_canary_that_could_never_advance_is_a_mistake(declare: Declare) -> None:
    never = "must be at least 1: with 0 nothing ever advances"
    for changes, path in (
        ({"analysis.stepWeight": 0}, "spec.analysis.stepWeight"),
        ({**BY_LIST, "analysis.iterations": 0}, "spec.analysis.iterations"),
    ):
        with pytest.raises(ManifestError) as caught:
            policy(declare(changes))
        assert caught.value.mistakes == (
            Mistake(file="<object>", document=1, kind="Canary", name="test/app", path=path, value="0", allowed=never),
        )


def test_mistakes_found_late_still_say_where(declare: Declare) -> None:
    import yaml

    (canary,) = read_text("---\n---\n" + yaml.safe_dump(declare({"analysis.stepWeight": 0})), source="f.yaml").canaries
    with pytest.raises(ManifestError, match=r"^f\.yaml:\d+: document 2: Canary test/app: spec\.analysis\.stepWeight"):
        policy_of(canary)


def test_objects_that_were_not_read_are_judged_too(declare: Declare) -> None:
    """Whoever builds or changes a Canary in code gets the reader's relations as well."""
    (canary,) = read_object(declare()).canaries
    analysis = evolve(canary.spec.analysis, step_weight=None, step_weights=(5, 5))
    with pytest.raises(ManifestError, match="must be above the weight before it"):
        policy_of(evolve(canary, spec=evolve(canary.spec, analysis=analysis)))
    nowhere = evolve(canary.spec.analysis, step_weight=None, step_weights=(5, 500))
    with pytest.raises(ManifestError, match="must be a whole number from 1 to 100"):
        policy_of(evolve(canary, spec=evolve(canary.spec, analysis=nowhere)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"analysis.threshold": 0}, {"threshold": 1}),
        ({"analysis.threshold": -5}, {"threshold": 1}),
        ({"analysis.interval": "5s"}, {"interval_s": 10.0}),
        ({"analysis.interval": "0s"}, {"interval_s": 10.0}),
        ({"analysis.interval": "1m30s"}, {"interval_s": 90.0}),
        ({"analysis.interval": "90m"}, {"interval_s": 5400.0}),
        ({"analysis.stepWeightPromotion": 20}, {"promotion_step": 20}),
        ({"analysis.stepWeightPromotion": 0}, {"promotion_step": None}),
        ({"spec.progressDeadlineSeconds": 30}, {"progress_deadline_s": 30.0}),
        ({"analysis.primaryReadyThreshold": 50, "analysis.canaryReadyThreshold": 0},
         {"primary_ready_percent": 50, "canary_ready_percent": 0}),
        ({"spec.skipAnalysis": True, "spec.suspend": True, "spec.revertOnDeletion": True},
         {"skip_analysis": True, "suspend": True, "revert_on_deletion": True}),
        ({"analysis.sessionAffinity": {"cookieName": "c", "primaryCookieName": "p"}},
         {"session_affinity": SessionAffinity(cookie_name="c", primary_cookie_name="p")}),
        ({"analysis.noDataThreshold": 3, "analysis.errorThreshold": 4, "analysis.approvalDeadline": "1h",
          "analysis.drainTime": "500ms"},
         {"no_data_threshold": 3, "error_threshold": 4, "approval_deadline_s": 3600.0, "drain_s": 0.5}),
    ],
    ids=str,
)  # fmt: skip
def test_numbers_become_what_flagger_makes_of_them(
    declare: Declare, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert policy(declare(changes)) == evolve(policy(declare()), **expected)


def test_the_minimum_interval_can_be_set(declare: Declare) -> None:
    assert policy(declare({"analysis.interval": "1s"}), minimum_interval_s=0.5).interval_s == 1.0


@pytest.mark.parametrize(
    ("metric", "check"),
    [
        ({"name": "request-success-rate"}, Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE)),
        ({"name": "request-success-rate", "threshold": 99, "interval": "30s"},
         Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99.0), window_s=30.0)),
        ({"name": "request-success-rate", "threshold": 1, "thresholdRange": {"max": 50}},
         Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(maximum=50.0))),
        ({"name": "request-duration", "threshold": 500.9},
         Check(id="request-duration", kind=CheckKind.DURATION, bound=Bound(maximum=500.0))),
        ({"name": "request-duration", "thresholdRange": {"min": 1.5, "max": 2.5}},
         Check(id="request-duration", kind=CheckKind.DURATION, bound=Bound(minimum=1.0, maximum=2.0))),
        ({"name": "mine", "query": "up", "threshold": 0}, Check(id="mine", bound=Bound(maximum=0.0))),
        ({"name": "mine", "query": "up", "thresholdRange": {}}, Check(id="mine")),
        ({"name": "mine", "templateRef": {"name": "t"}, "thresholdRange": {"min": 0.5}, "minSamples": 30},
         Check(id="mine", bound=Bound(minimum=0.5), min_samples=30)),
    ],
    ids=str,
)  # fmt: skip
def test_limits_become_bounds(declare: Declare, metric: dict[str, Any], check: Check) -> None:
    assert policy(declare({"analysis.metrics": [metric]})).checks == (check,)


def test_built_in_checks_and_queries_go_before_templates_and_ids_are_unique(declare: Declare) -> None:
    """A metric that is several things takes part several times."""
    metrics = [
        {"name": "mine", "templateRef": {"name": "t"}, "threshold": 1},
        {"name": "mine#2", "query": "up", "threshold": 1},
        {"name": "request-success-rate", "query": "up", "templateRef": {"name": "t"}, "threshold": 1},
        {"name": "mine", "query": "up", "threshold": 1},
    ]
    raw = declare({"analysis.metrics": metrics})
    (canary,) = read_object(raw).canaries
    sources = [(source.id, source.origin, source.metric.name) for source in check_sources(canary)]
    assert sources == [
        ("mine#2", CheckOrigin.QUERY, "mine#2"),
        ("request-success-rate", CheckOrigin.BUILT_IN, "request-success-rate"),
        ("request-success-rate#2", CheckOrigin.QUERY, "request-success-rate"),
        ("mine", CheckOrigin.QUERY, "mine"),
        ("mine#3", CheckOrigin.TEMPLATE, "mine"),
        ("request-success-rate#3", CheckOrigin.TEMPLATE, "request-success-rate"),
    ]
    assert [check.id for check in policy(raw).checks] == [source[0] for source in sources]


def test_hooks_keep_their_order_and_an_empty_type_is_rollout(declare: Declare) -> None:
    hooks = [
        {"name": "a", "url": "http://a/", "type": "rollback"},
        {"name": "b", "url": "http://b/", "type": ""},
        {"name": "a", "url": "http://c/", "type": "confirm-promotion", "muteAlert": True},
    ]
    (canary,) = read_object(declare({"analysis.webhooks": hooks})).canaries
    assert policy_of(canary).hooks == (
        Hook(id="a", type=HookType.ROLLBACK),
        Hook(id="b", type=HookType.ROLLOUT),
        Hook(id="a#2", type=HookType.CONFIRM_PROMOTION, mute_alert=True),
    )
    assert [(source.id, source.webhook.url) for source in hook_sources(canary)] == [
        ("a", "http://a/"),
        ("b", "http://b/"),
        ("a#2", "http://c/"),
    ]


def test_the_gates_example_has_all_types_of_hooks() -> None:
    (canary,) = read_file(EXAMPLES / "strategies" / "gates.yaml").canaries
    assert sorted(hook.type.value for hook in policy_of(canary).hooks) == sorted(kind.value for kind in HookType)


TCP = {"spec.service": {"port": 5432, "appProtocol": "TCP"}}


@pytest.mark.parametrize(
    "changes",
    [
        {"analysis.mirror": True},
        {"analysis.sessionAffinity": {"cookieName": "who"}},
        {"analysis.mirror": True, "analysis.sessionAffinity": {"cookieName": "who"}},
    ],
    ids=str,
)
def test_of_connections_nothing_is_asked_that_only_requests_can_give(declare: Declare, changes: dict[str, Any]) -> None:
    """A router could never make it so, and the rollout would wait for that for ever."""
    assert policy(declare({**TCP, **changes})) == policy(declare(TCP))
    by_turns = {**BY_LIST, **TCP, "analysis.iterations": 3}
    assert policy(declare({**by_turns, **changes})) == policy(declare(by_turns))


@pytest.mark.parametrize("strategy", [{}, {**BY_LIST, "analysis.iterations": 3}], ids=["weights", "A/B"])
def test_connections_cannot_be_told_apart_by_conditions(declare: Declare, strategy: dict[str, Any]) -> None:
    """All of them would go to the canary, in the place of those of a few users."""
    raw = declare({**TCP, **strategy, "analysis.match": MATCH})
    with pytest.raises(ManifestError, match=r"spec\.analysis\.match: .* must be absent with appProtocol tcp"):
        policy(raw)
    assert isinstance(policy(raw, mesh_provider="kubernetes").strategy, BlueGreen)


K1 = "A/B testing is not supported when using the kubernetes provider"
K2 = "Progressive traffic is not supported when using the kubernetes provider"
K3 = "Setting canaryAnalysis.iterations: 10"
HOSTS = (
    'service.hosts "{}" names Services of {}: the controller refuses it, unless it runs with '
    "-allow-cross-namespace-hosts"
)


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, ()),
        ({"spec.provider": "kubernetes"}, (K2, K3)),
        ({"spec.provider": "kubernetes", "analysis.match": MATCH}, (K1, K2, K3)),
        ({**BY_LIST, "spec.provider": "kubernetes", "analysis.iterations": 3}, ()),
        ({"spec.provider": "kubernetes", "analysis.mirror": True},
         (K2, K3, "mirror has no effect with the kubernetes provider")),
        ({"analysis.stepWeight": 20},
         ("maxWeight 50 is no multiple of stepWeight 20: the weight will go up to 60",)),
        ({"analysis.stepWeight": ..., "analysis.stepWeights": [5]},
         ("maxWeight has no effect with stepWeights, whose last weight is the maximum",)),
        ({"analysis.stepWeight": ..., "analysis.iterations": 5}, ("maxWeight has no effect with iterations",)),
        ({**BY_LIST, "analysis.iterations": 5, "analysis.match": MATCH, "analysis.mirror": True},
         ("mirror has no effect in an A/B test",)),
        ({"analysis.mirrorWeight": 20}, ("mirrorWeight has no effect without mirror: true",)),
        ({"spec.service": {"port": 80, "gatewayRefs": [{"name": "g"}], "backendTimeout": "1s"}},
         ("service.backendTimeout has no effect with the istio provider",
          "service.gatewayRefs has no effect with the istio provider")),
        ({"spec.service": {"port": 80, "mirror": [{"backendRef": {"name": "b"}}], "meshName": "m", "backends": ["b"]}},
         ("service.backends has no effect with the istio provider",
          "service.meshName has no effect with the istio provider",
          "service.mirror has no effect with the istio provider")),
        ({"spec.service": {"port": 80, "timeout": "1s", "retries": {"attempts": 2}, "hosts": ["h"]},
          "spec.provider": "kubernetes", "analysis.sessionAffinity": {"cookieName": "c"}, "analysis.iterations": 3,
          **BY_LIST},
         ("sessionAffinity has no effect with the kubernetes provider",
          "service.hosts has no effect with the kubernetes provider",
          "service.retries has no effect with the kubernetes provider",
          "service.timeout has no effect with the kubernetes provider")),
        ({"spec.service": {"port": 80, "appProtocol": "tcp", "timeout": "1s"}, "analysis.mirror": True,
          "analysis.sessionAffinity": {"cookieName": "c"}},
         ("service.timeout has no effect with appProtocol tcp",
          "mirror has no effect with appProtocol tcp",
          "sessionAffinity has no effect with appProtocol tcp")),
        ({"metadata.namespace": "here",
          "spec.service": {"port": 80, "hosts": ["a.io", "a.here.svc", "a.other.svc", "*", "a.b"]}},
         (HOSTS.format("a.other.svc", "namespace other"), HOSTS.format("*", "other namespaces"))),
        ({"metadata.namespace": "here", "spec.service": {"port": 80, "hosts": ["*"], "gateways": ["gw"]}}, ()),
        ({"metadata.namespace": ..., "spec.service": {"port": 80, "hosts": ["a.other.svc"]}}, ()),
        ({"analysis.interval": "5s"}, ("interval 5s is below the minimum and becomes 10s",)),
        ({"analysis.alerts": [{"name": "chat", "providerRef": {"name": "chat"}}]},
         ("alert chat has no severity: all are sent, of which Flagger sends none",)),
        ({"analysis.metrics": [{"name": "request-success-rate"}]},
         ("metric request-success-rate has no thresholdRange, so every value passes",)),
        ({"analysis.metrics": [{"name": "q", "query": "up", "thresholdRange": {}}]},
         ("metric q has an empty thresholdRange, so every value passes",)),
        ({"analysis.metrics": [{"name": "q", "query": "up", "thresholdRange": {"min": 1}, "minSamples": 5}]},
         ("minSamples of metric q is never reached: only built-in queries tell how many there were",)),
        ({"analysis.metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 9}, "minSamples": 5}]}, ()),
        ({"analysis.threshold": 0}, ("threshold 0 becomes 1: the first failed check rolls back",)),
        ({"analysis.threshold": -1}, ("threshold -1 becomes 1: the first failed check rolls back",)),
        ({"analysis.metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 101}}]},
         ("metric request-success-rate can never reach min 101: it is a percentage, so every check fails",)),
        ({"analysis.metrics": [{"name": "request-success-rate", "threshold": 100.5}]},
         ("metric request-success-rate can never reach min 100.5: it is a percentage, so every check fails",)),
        ({"analysis.metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99, "max": 100}}]}, ()),
        ({"analysis.metrics": [{"name": "request-success-rate", "thresholdRange": {"max": 99}}]},
         ("metric request-success-rate has max 99, so that a canary without errors fails: its bound is min",)),
        ({"analysis.metrics": [{"name": "request-duration", "thresholdRange": {"max": 0.5}}]},
         ("metric request-duration has max 0: it is in whole milliseconds, which no request keeps to",)),
        ({"analysis.metrics": [{"name": "request-duration", "thresholdRange": {"max": 1}}]}, ()),
    ],
    ids=str,
)  # fmt: skip
def test_what_has_no_effect_is_said(declare: Declare, changes: dict[str, Any], warnings: tuple[str, ...]) -> None:
    assert policy_warnings(read_object(declare(changes)).canaries[0]) == warnings


def test_nobody_knows_what_has_an_effect_with_somebody_elses_router(declare: Declare) -> None:
    (canary,) = read_object(declare({"spec.service": {"port": 80, "gatewayRefs": [{"name": "g"}]}})).canaries
    assert policy_warnings(canary, mesh_provider="homemade") == ()


def test_examples_need_no_warnings() -> None:
    for path in (*EXAMPLES.glob("strategies/*.yaml"), *EXAMPLES.glob("article/canary.yaml")):
        assert [policy_warnings(canary) for canary in read_file(path).canaries] == [()], path
