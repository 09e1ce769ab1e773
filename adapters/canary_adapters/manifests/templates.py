"""Templates of queries: text with variables, read by a scanner in one pass and filled by plain substitution.

The syntax is that of Flagger, which is Go's (https://pkg.go.dev/text/template), and of that only what puts a value into
its place: ``{{ name }}``, with a ``-`` on either side to trim the white space there, and ``{{/* comments */}}``. Each
variable knows the kind of PromQL string that it stands in, so that no value can change the structure of the query:
https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from attrs import define, frozen

__all__ = ["LONGEST", "NAMES", "Template", "TemplateError", "Variable"]

LONGEST: Final = 64 * 1024
"""Characters of a template, and of a query."""
NAMES: Final = ("name", "namespace", "target", "service", "ingress", "route", "interval")
"""Variables that every query has; those of ``templateVariables`` are ``variables.KEY``."""
_OWN: Final = "variables."
_BLANK: Final = " \t\r\n"
_QUOTES: Final = frozenset("\"'`")
_UNQUOTED: Final = frozenset("_:.,=~!<>+*/()[]- ")
"""What may stand in a value outside of strings, besides letters and digits."""
_SHOWN: Final = 80
_LISTED: Final = 10


class TemplateError(ValueError):
    """A template cannot be read, or not be filled. The text says where and why, on one line."""


@frozen
class Variable:
    """A place that a value is put into."""

    name: str
    """One of `NAMES`, or a key of ``templateVariables``."""
    own: bool
    """Whether it is the latter."""
    quote: str
    """The quote of the string that it stands in. Empty: it stands outside of strings."""

    def __str__(self) -> str:
        """As it is written."""
        return f"{{{{ {_OWN if self.own else ''}{self.name} }}}}"


@frozen
class Template:
    """A template that has been read."""

    parts: tuple[str | Variable, ...]
    """Text and variables in turns."""

    @classmethod
    def read(cls, text: str) -> "Template":
        """Read a template, in time that grows with its length.

        Raises:
            TemplateError: It is too long, a variable is not closed, or there is none of its name.
        """
        if len(text) > LONGEST:
            raise TemplateError(f"the template has more than {LONGEST} characters")
        return cls(tuple(_parts(text)))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of ``templateVariables`` that it needs, in the order of their first places."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Variable) and part.own))

    def fill(self, values: Mapping[str, str], variables: Mapping[str, str]) -> str:
        """The query with a value in the place of each variable, escaped for where it stands.

        Args:
            values: Of the `NAMES`.
            variables: ``templateVariables`` of the metric.

        Raises:
            TemplateError: A value is missing, cannot stand where it would, or makes the query too long.
        """
        missing = [key for key in self.keys if key not in variables]
        if missing:
            listed = ", ".join(key[:_SHOWN] for key in missing[:_LISTED])
            raise TemplateError(f"templateVariables has no {listed}{'' if len(missing) <= _LISTED else ', ...'}")
        escaped: dict[Variable, str] = {}
        found, size = [], 0
        for part in self.parts:
            if isinstance(part, Variable) and part not in escaped:
                escaped[part] = _escaped((variables if part.own else values)[part.name], part)
            text = escaped[part] if isinstance(part, Variable) else part
            size += len(text)
            if size > LONGEST:
                raise TemplateError(f"the query has more than {LONGEST} characters")
            found.append(text)
        return "".join(found)


# -- Reading --------------------------------------------------------------------------------------------------------


@define
class _Strings:
    """Where one is in PromQL: in which kind of string, and whether right after a backslash."""

    quote: str = ""
    escaped: bool = False

    def go_on(self, text: str) -> None:
        quote, escaped = self.quote, self.escaped
        for character in text:
            if escaped:
                escaped = False
            elif character == "\\" and quote and quote != "`":
                escaped = True
            elif character == quote:
                quote = ""
            elif not quote and character in _QUOTES:
                quote = character
        self.quote, self.escaped = quote, escaped


def _parts(text: str) -> Iterator[str | Variable]:
    position, trimmed, strings = 0, False, _Strings()
    while (begin := text.find("{{", position)) >= 0:
        end = _end(text, begin)
        inner = text[begin + 2 : end]
        literal = _trimmed(text[position:begin], left=trimmed, right=inner.startswith("-"))
        strings.go_on(literal)
        yield literal
        expression = inner.removeprefix("-").removesuffix("-").strip()
        if not expression.startswith("/*"):
            if strings.escaped:
                raise TemplateError(
                    f"the backslash before {_shown(expression)} at character {begin + 1} escapes nothing"
                )
            yield _variable(expression, begin, strings.quote)
        position, trimmed = end + 2, inner.endswith("-")
    yield _trimmed(text[position:], left=trimmed, right=False)


def _end(text: str, begin: int) -> int:
    """Where the ``}}`` stands that closes what begins here. Within a comment it closes nothing."""
    end = text.find("}}", begin + 2)
    if end >= 0 and text[begin + 2 : end].removeprefix("-").lstrip().startswith("/*"):
        comment = text.find("*/", text.find("/*", begin) + 2)
        if comment < 0:
            raise TemplateError(f"the comment at character {begin + 1} is not closed: */ is missing")
        end = text.find("}}", comment)
        if end >= 0 and text[comment + 2 : end].strip() not in {"", "-"}:
            raise TemplateError(f"only }}}} may follow the comment at character {begin + 1}")
    if end < 0:
        raise TemplateError(f"{{{{ at character {begin + 1} is not closed: }}}} is missing")
    return end


def _trimmed(text: str, *, left: bool, right: bool) -> str:
    text = text.lstrip(_BLANK) if left else text
    return text.rstrip(_BLANK) if right else text


def _variable(expression: str, begin: int, quote: str) -> Variable:
    if expression in NAMES:
        return Variable(expression, own=False, quote=quote)
    key = expression.removeprefix(".").removeprefix(_OWN)
    if key != expression.removeprefix(".") and key.isidentifier():
        return Variable(key, own=True, quote=quote)
    close = get_close_matches(expression[:_SHOWN], NAMES, n=1)
    hint = f"; did you mean {{{{ {close[0]} }}}}?" if close else ""
    known = ", ".join((*NAMES, f"{_OWN}KEY"))
    raise TemplateError(f"{_shown(expression)} at character {begin + 1} is not supported; use one of {known}{hint}")


def _shown(expression: str) -> str:
    short = expression if len(expression) <= _SHOWN else f"{expression[:_SHOWN]}..."
    line = " ".join(("{{", *short.split(), "}}"))
    return line.encode("utf-8", "backslashreplace").decode()


# -- Filling --------------------------------------------------------------------------------------------------------


def _escaped(value: str, variable: Variable) -> str:
    """A value as it may stand in a kind of string, or outside of all."""
    if variable.quote in {'"', "'"}:
        line = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        return line.replace(variable.quote, f"\\{variable.quote}")
    if variable.quote and variable.quote in value:
        raise TemplateError(f"{variable}: a value with a backtick cannot stand between backticks")
    if not variable.quote and not all(each.isalnum() or each in _UNQUOTED for each in value):
        raise TemplateError(f"{variable}: {value[:_SHOWN]!r} cannot stand outside of quotes")
    return value
