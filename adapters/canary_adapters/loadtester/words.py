"""A command line as words, without a shell: only what a POSIX shell would take as one plain command.

Quotes and backslashes mean what they mean to ``sh``. Whatever else ``sh`` would act on, an operator, a substitution,
a comment, is an error rather than an argument. Patterns (``*``, ``?``) stay as they are, as with ``sh`` where no file
matches; a query string of a URL needs no quotes for its question mark.
"""

import re
from typing import Final

__all__ = ["NotPlainError", "split"]

_PART: Final = re.compile(
    r"""
      (?P<blank>[ \t]+ | [ \t\n]+\Z)
    | (?P<joined>\\\n)                       # a line that goes on in the next one
    | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\$`] | \\.)*)"
    | \\(?P<escaped>.)
    | (?P<plain>[^ \t\n'"\\|&;<>()$`]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE_QUOTES: Final = re.compile(r'\\(?:\n|([\\"$`]))')
_EXPANDED: Final = re.compile(r'"(?:[^"\\$`]|\\.)*[$`]', re.DOTALL)
_OPERATOR: Final = re.compile(r"&&|\|\||\$\(|>>|<<|.")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class NotPlainError(ValueError):
    """The text is more than one plain command, or less.

    Attributes:
        what: What stands there that needs a shell.
        position: Where, in characters from 1.
    """

    def __init__(self, what: str, position: int) -> None:
        self.what, self.position = what, position
        super().__init__(f"{what} at character {position}")


def split(text: str) -> tuple[str, ...]:
    """The words of a command line.

    Raises:
        NotPlainError: A shell would do more with it than to split it and to remove quotes.
    """
    found: list[str] = []
    word: list[str] = []
    """Its parts; none: no word has begun. An empty one has an empty part."""
    position = len(text) - len(text.lstrip(" \t\n"))
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise NotPlainError(_what(text, position), position + 1)
        if part.lastgroup == "blank":
            found += ["".join(word)] if word else []
            word = []
        elif part.lastgroup != "joined":
            if not word and part.lastgroup == "plain" and text[position] in "#~":
                raise NotPlainError(f"`{text[position]}` at the beginning of a word", position + 1)
            word.append(_literal(part))
        position = part.end()
    found += ["".join(word)] if word else []
    if found and _ASSIGNMENT.match(found[0]):
        raise NotPlainError("a variable that is set for the command", 1)
    return tuple(found)


def _literal(part: re.Match[str]) -> str:
    if part.lastgroup == "double":
        return _IN_DOUBLE_QUOTES.sub(lambda found: found[1] or "", part["double"])
    return part[part.lastgroup or 0]


def _what(text: str, position: int) -> str:
    here = text[position]
    if here == "\n":
        return "a second line"
    if here == "\\":
        return "a backslash with nothing after it"
    if here == '"' and (expanded := _EXPANDED.match(text, position)) is not None:
        return f"`{expanded[0][-1]}` in double quotes"
    if here in "'\"":
        return "a quote that is not closed"
    operator = _OPERATOR.match(text, position)
    return f"`{operator[0] if operator else here}`"
