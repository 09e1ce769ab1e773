"""What a header ends with: Istio has no word for it, so that it becomes a regular expression for the whole header."""

import re2
from hypothesis import given
from hypothesis import strategies as st

from canary_adapters.istio.matches import without_suffixes

headers = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)


@given(headers, headers)
def test_the_expression_matches_what_ends_so_and_nothing_else(suffix: str, value: str) -> None:
    (how,) = without_suffixes({"headers": {"x": {"suffix": suffix}}})["headers"].values()
    expression = re2.compile(how["regex"])
    assert bool(expression.fullmatch(value)) is value.endswith(suffix)
    assert expression.fullmatch(value + suffix)


def test_all_else_of_a_condition_stays_as_it_is() -> None:
    match = {"headers": {"a": {"exact": "1"}, "b": {"regex": ".*"}}, "sourceLabels": {"app": "x"}}
    assert without_suffixes(match) == match
    assert without_suffixes({"sourceLabels": {"app": "x"}}) == {"sourceLabels": {"app": "x"}}
