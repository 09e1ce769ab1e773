"""Strategies of foreign input: what our schemas accept, with odd values wherever they leave something open."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from applications.declared import raw_canary
from canary_adapters.kubernetes.crds import definitions

SCHEMAS: Final = {
    each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for each in definitions()
}

odd_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from([
        "", " ", "\0", "\n", "a" * 63, "a" * 64, "a" * 253, "a" * 254, "x" * 5000, "-a", "a-", "A", "a.b", "a..b",
        "../..", "\u202e", "\ud800", "\U0001f427", "e\u0301", "{{ 7*7 }}", "{{ variables }}", '"} or vector(1) #', "`",
        "{% for %}",
        "http://", "http://[", "http://a:99999/", "http://169.254.169.254/", "file:///etc/passwd", "javascript:0",
        "1m", "0s", "-1s", "1e9h", "9223372036s", "1d", "99999999999999999999s", "1m30s", "(((", "(a+)+$", "[[:x:]]",
        "istio", "kubernetes", "prometheus", "slack", "Deployment", "Service", "rollout", "info", "true", "1",
    ]),
)  # fmt: skip
odd_numbers = st.one_of(
    st.integers(-3, 120),
    st.sampled_from([0, -0.0, 0.5, 1e308, -1e308, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, 99.999999]),
    st.floats(allow_nan=False, allow_infinity=False),
)
odd_values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=6,
)
DEEP: Any = 0
for _ in range(300):
    DEEP = {"a": [DEEP]}


def from_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a structural schema accepts, with odd ones for what it leaves open."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "properties" in schema:
            inner = {key: from_schema(value) for key, value in schema["properties"].items()}
            needed = {key: inner.pop(key) for key in schema.get("required", ())}
            return st.fixed_dictionaries(needed, optional=inner)
        case "object":
            each = schema.get("additionalProperties")
            return st.dictionaries(odd_texts, from_schema(each) if isinstance(each, dict) else odd_values, max_size=3)
        case "array":
            return st.lists(from_schema(schema["items"]), max_size=3)
        case "boolean":
            return st.booleans()
        case "number" | "integer":
            return odd_numbers
        case "string":
            return odd_texts
        case _:
            return odd_numbers | odd_texts


def a_spec(kind: str) -> st.SearchStrategy[Any]:
    return from_schema(SCHEMAS[kind]["properties"]["spec"])


def sound(draw: st.DrawFn) -> dict[str, Any]:
    """A Canary in which a part only is odd: what is wrong as a whole is refused too soon to be of interest."""
    raw = raw_canary("here")
    part = draw(a_spec("Canary"))
    for key in draw(st.lists(st.sampled_from(sorted(part)), max_size=3)) if part else ():
        raw["spec"][key] = part[key]
    analysis = draw(from_schema(SCHEMAS["Canary"]["properties"]["spec"]["properties"]["analysis"]))
    kept = draw(st.lists(st.sampled_from(sorted(analysis)), max_size=4)) if analysis else ()
    raw["spec"].setdefault("analysis", {})
    if isinstance(raw["spec"]["analysis"], dict):
        raw["spec"]["analysis"] = {**raw["spec"]["analysis"], **{key: analysis[key] for key in kept}}
    return raw


@st.composite
def canaries(draw: st.DrawFn) -> dict[str, Any]:
    """Canary objects as an API server may hand them out."""
    raw = sound(draw) if draw(st.booleans()) else {**raw_canary("here"), "spec": draw(a_spec("Canary") | odd_values)}
    raw["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "1", "namespace": "here"}
    raw["metadata"]["name"] = draw(st.sampled_from(["app", "a" * 253, "a.b-c"]))
    if draw(st.integers(0, 20)) == 0:
        raw["spec"] = {**raw_canary("here")["spec"], draw(st.sampled_from(["service", "analysis", "x"])): DEEP}
    if draw(st.booleans()):
        raw["metadata"]["labels"] = draw(st.dictionaries(odd_texts, odd_texts, max_size=2))
    return raw
