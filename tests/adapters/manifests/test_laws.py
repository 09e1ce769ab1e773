"""What holds for every input: nothing but a `ManifestError` is raised, and every mistake points at something."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
import yaml
from attrs import fields, has
from hypothesis import example, given
from hypothesis import strategies as st

from canary_adapters.manifests import (
    ManifestError,
    Mistake,
    describe_policy,
    policy_of,
    policy_warnings,
    read_object,
    read_text,
)
from canary_adapters.manifests.declare import Table, rule_of, wire, wire_name
from canary_adapters.manifests.objects import AlertProvider, Canary, MetricTemplate
from canary_core import Progressive

Declare = Callable[..., dict[str, Any]]


def declared_types(kind: Any) -> set[type]:
    """All classes that a class is made of, itself included."""
    found = {kind} if has(kind) else set()
    parts = [field.type for field in fields(kind) if field.metadata] if has(kind) else getattr(kind, "__args__", ())
    return found.union(*(declared_types(part) for part in parts))


TYPES: Final = sorted(
    declared_types(Canary) | declared_types(MetricTemplate) | declared_types(AlertProvider),
    key=lambda cls: cls.__name__,
)
NAMES: Final = sorted({wire_name(field) for kind in TYPES for field in fields(kind) if field.metadata})

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(["1m", "10sfoo", "Canary", "flagger.app/v1beta1", "http://a/", "rollout", "app", "(", "[[a]"]),
)
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=6))
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=5)),
    max_leaves=15,
)
PATHS: Final = [
    f"{part}.{wire_name(field)}"
    for part, kind in (("spec", "CanarySpec"), ("analysis", "Analysis"), ("spec.service", "Service"))
    for field in fields(next(cls for cls in TYPES if cls.__name__ == kind))
    if field.name not in {"service", "analysis"}
]


def use(raw: Any) -> None:
    """Do everything with an object that can be done with it; only a `ManifestError` may stop it."""
    for mistake in mistakes_of(lambda: judge(*read_object(raw).canaries)):
        assert len(str(mistake).splitlines()) == 1


def judge(*canaries: Canary) -> None:
    for canary in canaries:
        policy_warnings(canary)
        describe_policy(policy_of(canary))


def mistakes_of(action: Callable[[], object]) -> tuple[Mistake, ...]:
    try:
        action()
    except ManifestError as error:
        return error.mistakes
    return ()


@given(json_values)
@example({"kind": "List", "items": [[], {}, None]})
@example({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": [], "spec": 1})
def test_no_json_value_raises_anything_but_a_manifest_error(raw: Any) -> None:
    use(raw)


@given(changes=st.dictionaries(st.sampled_from(PATHS), json_values, max_size=4))
def test_no_value_of_any_field_raises_anything_but_a_manifest_error(declare: Declare, changes: dict[str, Any]) -> None:
    use(declare({path: changes[path] for path in sorted(changes)}))


@given(
    st.text(alphabet=st.characters(codec=None), max_size=200)
    | st.text(alphabet="ab:-[]{}&*!?|>'\"%@#\n ,<", max_size=60)
)
@example("a: &a\n  <<: *a\n")
@example("? ? ? a")
@example("--- !<x> a")
@example("%YAML 9.9\n---\na")
def test_no_text_raises_anything_but_a_manifest_error(text: str) -> None:
    for mistake in mistakes_of(lambda: read_text(text)):
        assert mistake.allowed


@given(changes=st.dictionaries(st.sampled_from(PATHS), json_values, max_size=3))
def test_the_path_of_every_mistake_exists_or_names_the_missing_key(declare: Declare, changes: dict[str, Any]) -> None:
    raw = declare({path: changes[path] for path in sorted(changes)})
    for mistake in mistakes_of(lambda: read_object(raw)):
        *parents, last = steps_of(mistake.path)
        part: Any = raw
        for step in parents:
            part = part[step]
        there = last in part if isinstance(part, dict) else last < len(part)
        assert there or "missing" in mistake.allowed, mistake


def steps_of(path: str) -> list[Any]:
    """The keys and indices of a path."""
    steps = re.findall(r'\[("(?:[^"\\]|\\.)*"|\d+)\]|([^.\[]+)', path)
    return [json.loads(inner) if inner else plain for inner, plain in steps]


@given(
    step=st.integers(1, 100),
    maximum=st.integers(-5, 100),
    threshold=st.integers(-3, 20),
    interval=st.integers(0, 10_000).map(lambda number: f"{number}s"),
)
def test_every_ladder_reaches_its_maximum(
    declare: Declare, step: int, maximum: int, threshold: int, interval: str
) -> None:
    raw = declare(
        {
            "analysis.stepWeight": step,
            "analysis.maxWeight": maximum,
            "analysis.threshold": threshold,
            "analysis.interval": interval,
        }
    )
    policy = policy_of(read_object(raw).canaries[0])
    assert isinstance(policy.strategy, Progressive)
    wanted = maximum if maximum > 0 else 100
    assert policy.max_weight >= min(wanted, 100)
    assert policy.max_weight - wanted < step
    assert policy.threshold == max(threshold, 1)
    assert policy.interval_s >= 10.0


words = st.text(alphabet="abcxyz09 :{}%*&!-é", min_size=1, max_size=8)
matches = st.dictionaries(
    st.sampled_from(["x-a", "x-b"]),
    st.one_of(*(st.fixed_dictionaries({how: words}) for how in ("exact", "prefix", "suffix"))),
    min_size=1,
)


@pytest.mark.slow
@given(
    labels=st.dictionaries(words, words, max_size=3),
    match=st.lists(st.fixed_dictionaries({"headers": matches}), max_size=2),
    metadata=st.dictionaries(words, words, max_size=3),
    port=st.integers(1, 65535),
)
def test_what_was_read_can_be_written_and_read_again(
    declare: Declare, labels: Any, match: Any, metadata: Any, port: int
) -> None:
    hooks = [{"name": "a", "url": "http://a/", "metadata": metadata}]
    changes = {
        "metadata.labels": labels,
        "analysis.match": match,
        "analysis.webhooks": hooks,
        "spec.service.port": port,
    }
    (canary,) = read_object(declare(changes)).canaries
    assert read_object(wire(canary)).canaries == (canary,)
    assert read_text(yaml.safe_dump(wire(canary), allow_unicode=True)).canaries == (canary,)
    assert read_text(json.dumps(wire(canary))).canaries == (canary,)
    assert hash(canary) == hash(read_object(wire(canary)).canaries[0])


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_field_is_declared_with_its_meaning(kind: type) -> None:
    """A schema can be made of the declarations alone: each field has a description, each class a docstring."""
    assert kind.__doc__
    for field in fields(kind):
        if field.name != "source":
            assert rule_of(field).doc.endswith((".", "`")), f"{kind.__name__}.{field.name}"
    wires = [wire_name(field) for field in fields(kind) if field.metadata]
    for choice in (*getattr(kind, "ONE_OF", ()), *getattr(kind, "AT_MOST_ONE_OF", ())):
        assert choice in wires


def test_extensions_are_marked() -> None:
    ours = {wire_name(field) for kind in TYPES for field in fields(kind) if field.metadata and rule_of(field).extension}
    assert ours == {"noDataThreshold", "errorThreshold", "approvalDeadline", "drainTime", "minSamples"}


def test_tables_are_values() -> None:
    table = Table({"a": 1})
    assert (table, hash(table), table["a"], len(table)) == (Table({"a": 1}), hash(Table({"a": 1})), 1, 1)
    assert table == {"a": 1}
    assert table != Table({"a": 2})
    assert repr(table) == "Table({'a': 1})"
