"""Control characters, and lists without an end: refused with the field, by the reader and by the schemas alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_args, get_origin

import pytest
import re2
from attrs import Attribute, fields, has
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.controls import Controls, control_fault
from canary_adapters.kubernetes.crds import definitions
from canary_adapters.manifests import ManifestError, read_object
from canary_adapters.manifests.declare import Rule, Table, rule_of, wire_name
from canary_adapters.manifests.objects import AlertProviderSpec, CanarySpec, MetricTemplateSpec

Declare = Callable[..., dict[str, Any]]
Schema = Mapping[str, Any]
SPECS: Final = {"Canary": CanarySpec, "MetricTemplate": MetricTemplateSpec, "AlertProvider": AlertProviderSpec}
SCHEMAS: Final[dict[str, Schema]] = {
    each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for each in definitions()
}
LINES: Final = frozenset("\t\n\r")
CONTROLS: Final = [chr(number) for number in (*range(0x20), *range(0x7F, 0xA0))]


def _texts(kind: Any, rule: Rule, schema: Schema, path: str) -> Iterator[tuple[str, Rule, Schema]]:
    """All places for texts: path, rule and schema of each."""
    inner = [each for each in get_args(kind) if each is not type(None)]
    if kind is str:
        yield path, rule, schema
    elif has(kind):
        yield from _of_class(kind, schema, path)
    elif get_origin(kind) is tuple:
        yield from _texts(inner[0], rule.each or Rule(doc=""), schema["items"], f"{path}[]")
    elif get_origin(kind) is Table:
        yield from _texts(inner[0], rule.each or Rule(doc=""), schema["additionalProperties"], f"{path}{{}}")
    else:
        for each in inner:
            yield from _texts(each, rule, schema, path)


def _of_class(kind: type, schema: Schema, path: str) -> Iterator[tuple[str, Rule, Schema]]:
    found: Attribute[Any]
    for found in fields(kind):
        name = wire_name(found)
        yield from _texts(found.type, rule_of(found), schema["properties"][name], f"{path}.{name}".lstrip("."))


TEXTS: Final = {
    f"{name}.{path}": (rule, schema)
    for name, kind in SPECS.items()
    for path, rule, schema in _of_class(kind, SCHEMAS[name], "")
}


def test_every_text_is_declared_for_one_line_but_for_these() -> None:
    assert {path for path, (rule, _) in TEXTS.items() if rule.controls is not Controls.NONE} == {
        "Canary.analysis.metrics[].query",
        "Canary.analysis.metrics[].templateVariables{}",
        "Canary.analysis.webhooks[].metadata{}",
        "Canary.autoscalerRef.primaryScalerQueries{}",
        *(f"Canary.service.{side}.annotations{{}}" for side in ("apex", "canary", "primary")),
        "MetricTemplate.query",
    }


@pytest.mark.parametrize("path", sorted(TEXTS))
def test_the_schema_refuses_what_the_reader_refuses(path: str) -> None:
    """By RE2, as the API server has it; where only a few words are allowed, none holds a control character."""
    rule, schema = TEXTS[path]
    if "enum" in schema:
        assert not any(control_fault(word, Controls.NONE) for word in schema["enum"])
        return
    for character in (*CONTROLS, "a", " ", "\u00e9", "\u2028", "\U0001f427"):
        taken = re2.search(schema["pattern"], f"a{character}b") is not None
        assert taken is (control_fault(f"a{character}b", rule.controls) == ""), repr(character)


@given(st.text(max_size=5), st.sampled_from(CONTROLS), st.text(max_size=5))
def test_the_first_one_that_is_not_allowed_is_named_with_its_place(before: str, character: str, after: str) -> None:
    text = before + character + after
    for allowed, free in ((Controls.NONE, frozenset[str]()), (Controls.LINES, LINES)):
        odd = [index for index, each in enumerate(text) if each in CONTROLS and each not in free]
        fault = control_fault(text, allowed)
        if odd:
            assert fault.endswith(f": U+{ord(text[odd[0]]):04X} at character {odd[0] + 1}")
        else:
            assert fault == ""
    assert control_fault(text, Controls.ANY) == ""


def _mistakes(raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ManifestError) as caught:
        read_object(raw)
    return [(mistake.path, mistake.allowed) for mistake in caught.value.mistakes]


HOOK: Final = {"name": "a", "url": "http://a/"}
ONE_LINE: Final = "must hold no control characters: U+{} at character {}"
SOME: Final = "must hold no control characters but tabs and line breaks: U+{} at character {}"


@pytest.mark.parametrize(
    ("changes", "path", "allowed"),
    [
        ({"metadata.namespace": "a\0"}, "metadata.namespace", ONE_LINE.format("0000", 2)),
        ({"spec.targetRef.name": "a\nb"}, "spec.targetRef.name", ONE_LINE.format("000A", 2)),
        ({"spec.service.targetPort": "a\x1b"}, "spec.service.targetPort", ONE_LINE.format("001B", 2)),
        ({"spec.service.hosts": ["a", "b\r"]}, "spec.service.hosts[1]", ONE_LINE.format("000D", 2)),
        ({"spec.metricsServer": "http://a/\0"}, "spec.metricsServer", ONE_LINE.format("0000", 10)),
        (
            {"analysis.webhooks": [{**HOOK, "metadata": {"cmd": "hey\0 x"}}]},
            "spec.analysis.webhooks[0].metadata.cmd",
            SOME.format("0000", 4),
        ),
        (
            {"analysis.webhooks": [{**HOOK, "metadata": {"c\0": "x"}}]},
            'spec.analysis.webhooks[0].metadata["c\\u0000"]',
            ONE_LINE.format("0000", 2),
        ),
        (
            {"analysis.sessionAffinity": {"cookieName": "a", "domain": "x\r\nSet-Cookie: b"}},
            "spec.analysis.sessionAffinity.domain",
            ONE_LINE.format("000D", 2),
        ),
        (
            {"analysis.metrics": [{"name": "a", "query": "up\x0b", "thresholdRange": {"max": 1}}]},
            "spec.analysis.metrics[0].query",
            SOME.format("000B", 3),
        ),
    ],
    ids=str,
)
def test_a_control_character_is_told_with_its_field(
    declare: Declare, changes: dict[str, Any], path: str, allowed: str
) -> None:
    assert _mistakes(declare(changes)) == [(path, allowed)]


def test_queries_and_commands_may_have_many_lines(declare: Declare) -> None:
    metric = {"name": "a", "query": "sum(\n\trate(up[1m])\r\n)", "thresholdRange": {"max": 1}}
    hook = {**HOOK, "metadata": {"cmd": "hey -z 1m \\\n\thttp://a/", "type": "cmd"}}
    notes = {"kubectl.kubernetes.io/last-applied-configuration": '{"a":1}\n', "odd": "\x1b[0m"}
    changes = {"analysis.metrics": [metric], "analysis.webhooks": [hook], "metadata.annotations": notes}
    assert read_object(declare(changes)).canaries[0].name == "app"


METRIC: Final = {"name": "request-success-rate", "threshold": 99}
MANY: Final = {
    "spec.analysis.metrics": METRIC,
    "spec.analysis.webhooks": HOOK,
    "spec.analysis.alerts": {"name": "a", "severity": "info", "providerRef": {"name": "b"}},
    "spec.analysis.match": {"headers": {"x": {"exact": "a"}}},
    "spec.service.match": {"uri": {"prefix": "/"}},
}


@pytest.mark.parametrize("path", MANY)
def test_a_hundred_entries_are_taken_and_no_more(declare: Declare, path: str) -> None:
    schema: Schema = SCHEMAS["Canary"]
    for step in path.split(".")[1:]:
        schema = schema["properties"][step]
    assert schema["maxItems"] == 100
    assert read_object(declare({path: [MANY[path]] * 100})).canaries[0].name == "app"
    assert _mistakes(declare({path: [MANY[path]] * 101})) == [(path, "must have at most 100 entries, not 101")]


def test_of_a_list_that_is_too_long_no_entry_is_looked_at(declare: Declare) -> None:
    assert len(_mistakes(declare({"analysis.metrics": [{"nmae": 1}] * 50_000}))) == 1


def test_conditions_that_multiply_are_bounded_together(declare: Declare) -> None:
    """Each of one list is put together with each of the other; by themselves both are small."""
    large = {"headers": {"x": {"exact": "a" * 10_000}}}
    for changes in ({"analysis.match": [large] * 50}, {"spec.service.match": [large] * 50}):
        assert read_object(declare(changes)).canaries[0].name == "app"
    both = {"analysis.match": [large] * 5, "spec.service.match": [large] * 5}
    assert read_object(declare(both)).canaries[0].name == "app"
    both["spec.service.match"] = [large] * 50
    made = "makes 4898 KiB of conditions together with the 50 entries of spec.service.match"
    assert _mistakes(declare(both)) == [("spec.analysis.match", f"{made}; a route takes at most 512 KiB")]
