"""Queries with variables: no value changes the structure of the query that it is put into."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canary_adapters.manifests import Template, TemplateError

NAMES = {
    "name": "podinfo",
    "namespace": "test",
    "target": "podinfo-target",
    "service": "podinfo-service",
    "ingress": "podinfo-ingress",
    "route": "podinfo-route",
    "interval": "1m",
}


def render(template: str, variables: dict[str, str] | None = None) -> str:
    return Template.read(template).fill(NAMES, variables or {})


def test_every_name_is_filled_in() -> None:
    template = " ".join(f"{{{{ {name} }}}}" for name in NAMES) + "{{-name-}}|{{ .variables.a }}|{{/* said */}}"
    assert render(template, {"a": "b"}) == " ".join(NAMES.values()) + "podinfo|b|"


@pytest.mark.parametrize(
    ("template", "query"),
    [
        ("{{name}}{{\tname\n}}", "podinfopodinfo"),
        ("a {{- name -}} b", "apodinfob"),
        ("a {{- name }} b", "apodinfo b"),
        ("a {{ name -}}\n  {{- name }} b", "a podinfopodinfo b"),
        ("a {{- /* b */ -}} c", "ac"),
        ("a{{/* }} {{ nobody */}}b", "ab"),
        ("sum(x) }} 1", "sum(x) }} 1"),
        ('a{b=~"x{1,{2}}"}', 'a{b=~"x{1,{2}}"}'),
        ("", ""),
    ],
)
def test_what_go_takes_means_what_it_means_there(template: str, query: str) -> None:
    """White space beside a dash is trimmed, comments may hold anything, and only two brackets begin something."""
    assert render(template) == query


def test_text_that_looks_like_other_languages_is_left_alone() -> None:
    text = 'a{b="{% if x %}{# no #}"} # {{ name }}'
    assert render(text) == 'a{b="{% if x %}{# no #}"} # podinfo'


def test_a_value_is_never_read_as_a_template() -> None:
    assert render('a{b="{{ variables.v }}"}', {"v": "{{ namespace }}"}) == 'a{b="{{ namespace }}"}'


def _strings(query: str) -> list[str]:
    """The string literals of a query, by PromQL's rules."""
    return re.findall(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`', query)


@given(st.text(max_size=30), st.sampled_from(["a{b=\"{{ variables.v }}\",c='x'}", "a{b='{{ variables.v }}',c=\"x\"}"]))
def test_a_value_never_gets_out_of_its_string(value: str, template: str) -> None:
    query = render(template, {"v": value})
    literals = _strings(query)
    assert len(literals) == 2
    assert query.replace(literals[0], "S", 1).replace(literals[1], "S", 1) == "a{b=S,c=S}"
    quote = literals[0][0]
    inner = literals[0][1:-1].replace("\\n", "\n").replace("\\r", "\r").replace(f"\\{quote}", quote)
    assert inner.replace("\\\\", "\\") == value or "\\" in value


@given(st.text(max_size=20))
def test_outside_of_strings_a_value_has_no_quotes_and_no_braces(value: str) -> None:
    try:
        query = render("rate(x[{{ variables.v }}])", {"v": value})
    except TemplateError:
        return
    assert query == f"rate(x[{value}])"
    assert not set(value) & set("\"'`{}\\\n#")


pieces = st.sampled_from(['"', "'", "`", "\\", "a", " ", "{{ variables.v }}", "{{/* x */}}", "{{- variables.v -}}"])


@given(st.lists(pieces, max_size=12).map("".join), st.text(alphabet="\"'`\\ab", max_size=6))
@example('a{b="\\{{ variables.v }}"}', '"')
def test_a_value_leaves_the_strings_of_any_template_as_they_are(template: str, value: str) -> None:
    """Whatever stands around it: with a value of one letter in its place, the same strings end at the same text."""
    try:
        query, plain = render(template, {"v": value}), render(template, {"v": "V"})
    except TemplateError:
        return
    assert _outside(query) == _outside(plain).replace("V", value)


def _outside(query: str) -> str:
    """A query without its strings, of which the last may not be closed."""
    return re.sub(r'"(?:\\.|[^"\\])*("|\\?$)|\'(?:\\.|[^\'\\])*(\'|\\?$)|`[^`]*(`|$)', "", query)


@pytest.mark.parametrize(
    "expression",
    [
        *("{{ name | upper }}", "{{ ().__class__ }}", "{{ variables }}", "{{ range . }}", "{{ }}", "{{-}}"),
        *("{{ namespace + 1 }}", "{{ variables.a.b }}", "{{ variables.1 }}", "{{ {{ name }} }}", "{{{ name }}}"),
        '{{ printf "kube(ew)?_%s__%s_canary" namespace service }}',
    ],
)
def test_what_is_no_plain_name_is_refused(expression: str) -> None:
    with pytest.raises(TemplateError, match="at character 4 is not supported; use one of name, namespace"):
        Template.read(f"x(a{expression}")


def test_a_slip_is_told_with_what_was_meant() -> None:
    with pytest.raises(
        TemplateError, match=r"\{\{ namspace \}\} at character 1 .*; did you mean \{\{ namespace \}\}\?"
    ):
        Template.read("{{ namspace }}")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("ab{{ name", "{{ at character 3 is not closed: }} is missing"),
        ("{{" + " " * 60_000, "{{ at character 1 is not closed: }} is missing"),
        ("{{ name }", "{{ at character 1 is not closed: }} is missing"),
        ("{{/* }}", "the comment at character 1 is not closed: */ is missing"),
        ("{{/* */", "{{ at character 1 is not closed: }} is missing"),
        ("{{/* */ name }}", "only }} may follow the comment at character 1"),
        ('"\\{{ name }}"', "the backslash before {{ name }} at character 3 escapes nothing"),
        ('"\\{{/**/}}{{ name }}"', "the backslash before {{ name }} at character 11 escapes nothing"),
    ],
)
def test_what_is_not_closed_is_refused_with_its_place(template: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.read(template)
    assert str(caught.value) == said


def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(TemplateError, match=r"^templateVariables has no a, b$"):
        render("{{ variables.a }}{{ variables.c }}{{ variables.b }}{{ variables.a }}", {"c": "x"})
    assert Template.read("{{ variables.a }}{{ name }}").keys == ("a",)


def test_backticks_cannot_be_escaped_and_are_refused_between_backticks() -> None:
    assert render("a{b=`{{ variables.v }}`}", {"v": 'x"\\'}) == 'a{b=`x"\\`}'
    with pytest.raises(TemplateError):
        render("a{b=`{{ variables.v }}`}", {"v": "`"})


def test_sizes_are_bounded() -> None:
    with pytest.raises(TemplateError):
        render("x" * 70_000)
    with pytest.raises(TemplateError):
        render('"{{ variables.v }}"' * 3_000, {"v": "x" * 10_000_000})
