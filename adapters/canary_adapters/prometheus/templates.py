"""Queries with holes, in the syntax of Flagger's templates, filled so that no value can change the query's structure.

A sandboxed Jinja2 does the filling; the holes are checked beforehand, because the two languages agree on simple ones
only, and each is marked with the kind of PromQL string that it stands in:
https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["QueryTemplateError", "render"]

LONGEST: Final = 64 * 1024
"""Characters of a template, and of a query."""
NAMES: Final = ("name", "namespace", "target", "service", "ingress", "route", "interval")
_HOLE: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_VARIABLE: Final = re.compile(r"\.?variables\.([A-Za-z_][A-Za-z0-9_]*)")
_BARE: Final = re.compile(r"[\w:.,=~!<>+*/()\[\]\- ]*")
_QUOTES: Final = frozenset("\"'`")


class QueryTemplateError(Exception):
    """A template cannot be filled."""


def render(template: str, values: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """Fill a template.

    Args:
        template: Text with ``{{ name }}``, ``{{ namespace }}``, ``{{ target }}``, ``{{ service }}``, ``{{ ingress }}``,
            ``{{ route }}``, ``{{ interval }}`` and ``{{ variables.key }}``.
        values: For all but the last.
        variables: For the last.

    Raises:
        QueryTemplateError: With what is wrong.
    """
    if len(template) > LONGEST:
        raise QueryTemplateError(f"the template has more than {LONGEST} characters")
    marked = "".join(_marked(template, variables))
    try:
        query = _environment().from_string(marked).render({**values, "variables": dict(variables)})
    except TemplateError as error:
        raise QueryTemplateError(str(error)) from None
    if len(query) > LONGEST:
        raise QueryTemplateError(f"the query has more than {LONGEST} characters")
    return query


def _marked(template: str, variables: Mapping[str, str]) -> Iterator[str]:
    """The template with each hole told what stands around it."""
    quote, position = "", 0
    for hole in _HOLE.finditer(template):
        text = template[position : hole.start()]
        quote = _quote_after(text, quote)
        position = hole.end()
        yield text
        expression = hole[1]
        if expression.startswith("/*") and expression.endswith("*/"):
            continue
        yield f"{{{{ {_checked(expression, variables)} | {_FILTER_OF[quote]} }}}}"
    yield template[position:]


def _checked(expression: str, variables: Mapping[str, str]) -> str:
    if expression in NAMES:
        return expression
    found = _VARIABLE.fullmatch(expression)
    if found is None:
        known = ", ".join((*NAMES, "variables.KEY"))
        raise QueryTemplateError(f"{{{{ {expression[:80]} }}}} is not supported; use one of {known}")
    if found[1] not in variables:
        raise QueryTemplateError(f"{{{{ variables.{found[1]} }}}}: templateVariables has no {found[1]}")
    return f"variables[{found[1]!r}]"


def _quote_after(text: str, quote: str) -> str:
    """In which kind of string one is after a text, if one was in ``quote`` before it."""
    escaped = False
    for character in text:
        if quote and escaped:
            escaped = False
        elif quote and character == "\\" and quote != "`":
            escaped = True
        elif character == quote:
            quote = ""
        elif not quote and character in _QUOTES:
            quote = character
    return quote


def _in_quotes(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _in_double(value: str) -> str:
    return _in_quotes(str(value)).replace('"', '\\"')


def _in_single(value: str) -> str:
    return _in_quotes(str(value)).replace("'", "\\'")


def _in_raw(value: str) -> str:
    if "`" in str(value):
        raise TemplateError("a value with a backtick cannot stand between backticks")
    return str(value)


def _bare(value: str) -> str:
    if not _BARE.fullmatch(str(value)):
        raise TemplateError(f"{str(value)[:80]!r} cannot stand outside of quotes")
    return str(value)


_FILTER_OF: Final = {'"': "in_double", "'": "in_single", "`": "in_raw", "": "bare"}


def _environment() -> ImmutableSandboxedEnvironment:
    # Blocks and comments of Jinja are no part of the language; PromQL must not happen to look like them.
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        block_start_string="\x00{%",
        block_end_string="%}\x00",
        comment_start_string="\x00{#",
        comment_end_string="#}\x00",
        keep_trailing_newline=True,
    )
    environment.filters.update(in_double=_in_double, in_single=_in_single, in_raw=_in_raw, bare=_bare)
    return environment
