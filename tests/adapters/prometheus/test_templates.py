"""Queries with holes: no value changes the structure of the query that it is put into."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.prometheus.templates import QueryTemplateError, render

NAMES = {
    "name": "podinfo",
    "namespace": "test",
    "target": "podinfo-target",
    "service": "podinfo-service",
    "ingress": "podinfo-ingress",
    "route": "podinfo-route",
    "interval": "1m",
}


def test_every_name_is_filled_in() -> None:
    template = " ".join(f"{{{{ {name} }}}}" for name in NAMES) + "{{-name-}}|{{ .variables.a }}|{{/* said */}}"
    assert render(template, NAMES, {"a": "b"}) == " ".join(NAMES.values()) + "podinfo|b|"


def test_text_that_looks_like_other_languages_is_left_alone() -> None:
    text = 'a{b="{% if x %}{# no #}"} # {{ name }}'
    assert render(text, NAMES, {}) == 'a{b="{% if x %}{# no #}"} # podinfo'


def _strings(query: str) -> list[str]:
    """The string literals of a query, by PromQL's rules."""
    return re.findall(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`', query)


@given(st.text(max_size=30), st.sampled_from(["a{b=\"{{ variables.v }}\",c='x'}", "a{b='{{ variables.v }}',c=\"x\"}"]))
def test_a_value_never_gets_out_of_its_string(value: str, template: str) -> None:
    query = render(template, NAMES, {"v": value})
    literals = _strings(query)
    assert len(literals) == 2
    assert query.replace(literals[0], "S", 1).replace(literals[1], "S", 1) == "a{b=S,c=S}"
    quote = literals[0][0]
    inner = literals[0][1:-1].replace("\\n", "\n").replace("\\r", "\r").replace(f"\\{quote}", quote)
    assert inner.replace("\\\\", "\\") == value or "\\" in value


@given(st.text(max_size=20))
def test_outside_of_strings_a_value_has_no_quotes_and_no_braces(value: str) -> None:
    try:
        query = render("rate(x[{{ variables.v }}])", NAMES, {"v": value})
    except QueryTemplateError:
        return
    assert query == f"rate(x[{value}])"
    assert not set(value) & set("\"'`{}\\\n#")


@pytest.mark.parametrize(
    "hole", ["{{ name | upper }}", "{{ ().__class__ }}", "{{ variables }}", "{{ range . }}", "{{ }}"]
)
def test_what_is_no_plain_name_is_refused(hole: str) -> None:
    with pytest.raises(QueryTemplateError, match="not supported"):
        render(hole, NAMES, {"a": "b"})


def test_backticks_cannot_be_escaped_and_are_refused_between_backticks() -> None:
    assert render("a{b=`{{ variables.v }}`}", NAMES, {"v": 'x"\\'}) == 'a{b=`x"\\`}'
    with pytest.raises(QueryTemplateError):
        render("a{b=`{{ variables.v }}`}", NAMES, {"v": "`"})


def test_sizes_are_bounded() -> None:
    with pytest.raises(QueryTemplateError):
        render("x" * 70_000, NAMES, {})
    with pytest.raises(QueryTemplateError):
        render('"{{ variables.v }}"' * 100, NAMES, {"v": "x" * 10_000})
