"""Text of users and servers as one plain line, for events, conditions, alerts and logs.

What a terminal, a browser or an editor would act on rather than show is replaced: control characters (and with them the
escape sequences of terminals), line breaks, marks that change the direction of writing, and other invisible ones.
https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
"""

import html
import re
import unicodedata
from typing import Final

__all__ = ["is_acted_upon", "one_line", "visible", "without_markup"]

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_CUT: Final = "..."
_BREAKS: Final = frozenset("\t\n\v\f\r\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}")
_JOINERS: Final = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")
"""Invisible, but some languages and emojis cannot be written without them."""
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs"})
"""Categories: controls, format characters, and halves of characters."""
_PAGE: Final = re.compile(r"\s*<[!?a-zA-Z]")
_SKIPPED: Final = re.compile(r"<(script|style)\b", re.IGNORECASE)


def one_line(text: str, longest: int) -> str:
    """A text of visible characters and single blanks.

    Args:
        text: Anything.
        longest: Characters of the result, at least 3; a longer text ends with ``...``.
    """
    begun = text.lstrip()
    looked_at = begun[: 2 * longest]  # of a text of a million characters no more can matter
    shown = " ".join(visible(looked_at).split())
    if len(shown) <= longest and len(begun) == len(looked_at):
        return shown
    return shown[: longest - len(_CUT)] + _CUT


def visible(text: str) -> str:
    """A text on one line, with a mark in the place of each character that is not shown but acted upon."""
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _BREAKS:
        return " "
    return _REPLACEMENT if is_acted_upon(character) else character


def is_acted_upon(character: str) -> bool:
    """Whether a character is not shown by a terminal or a browser, but changes what they do."""
    if character in _BREAKS:
        return True
    return unicodedata.category(character) in _UNSHOWN and character not in _JOINERS


def without_markup(text: str) -> str:
    """What a page in HTML or XML says, as servers and proxies send it with an error; any other text as it is."""
    if not _PAGE.match(text):
        return text
    return html.unescape(" ".join(_between_tags(text)))


def _between_tags(text: str) -> list[str]:
    """In one pass: a tag that is not closed ends the text."""
    found, position = [], 0
    while (start := text.find("<", position)) >= 0:
        found.append(text[position:start])
        skipped = _SKIPPED.match(text, start)
        # There is no second `<` within a script for us, only its end.
        end = text.find(f"</{skipped[1]}", start) if skipped is not None else start
        position = text.find(">", end) + 1 if end >= 0 else 0
        if not position:
            return found
    return [*found, text[position:]]
