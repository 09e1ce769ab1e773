"""Selectors: what they select, and what is no selector."""

from __future__ import annotations

from typing import Any

import pytest

from canary_lab.cluster.errors import ApiError
from canary_lab.cluster.selectors import from_object, matches, parse_fields, parse_labels, to_text

LABELS = {"one": {"app": "web", "tier": "a"}, "two": {"app": "web"}, "three": {"app": "api", "empty": ""}, "four": {}}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", {"one", "two", "three", "four"}),
        ("app=web", {"one", "two"}),
        ("app == web , tier=a", {"one"}),
        ("app!=web", {"three", "four"}),
        ("app in (web, api)", {"one", "two", "three"}),
        ("app notin (web)", {"three", "four"}),
        ("tier", {"one"}),
        ("!tier", {"two", "three", "four"}),
        ("empty=", {"three"}),
        ("empty", {"three"}),
    ],
)
def test_labels_select(text: str, selected: set[str]) -> None:
    selector = parse_labels(text)
    assert {name for name, labels in LABELS.items() if matches(selector, labels)} == selected


@pytest.mark.parametrize("text", ["a===b", "a in (b", "a=b c", "_a=b", "a in b", "a=-", "a>b"])
def test_what_is_no_selector_is_a_bad_request(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_labels(text)
    assert refused.value.code == 400


def test_fields_select_by_value() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "immutable": True}
    for text, holds in [
        ("metadata.name=a", True),
        ("metadata.name==a,spec.nodeName!=m", True),
        ("metadata.name!=a", False),
        ("spec.nodeName=", False),
        ("status.phase=", True),
        ("immutable=true", True),
    ]:
        assert all(f.matches(obj) for f in parse_fields(text)) is holds, text
    with pytest.raises(ApiError, match="can't understand"):
        parse_fields("metadata.name")


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["y", "x"]}]}, "k notin (x,y)"),
        ({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}, "!k"),
    ],
)
def test_an_object_says_the_same_as_its_text(selector: dict[str, Any] | None, text: str) -> None:
    assert to_text(selector) == text
    assert set(parse_labels(text)) == {
        r if r.operator != "in" or len(r.values) > 1 else type(r)(r.key, "=", r.values)
        for r in (type(q)(q.key, q.operator, tuple(sorted(q.values))) for q in from_object(selector))
    }
