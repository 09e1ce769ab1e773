"""What a program wrote, as text for answers, events and logs.

A terminal or a browser acts on some characters rather than to show them: control characters (and with them escape
sequences), and marks that are not seen or change the direction of writing. Lines and tabs are left as they are.
"""

import re
import unicodedata
from typing import Final

__all__ = ["readable"]

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories: controls, format characters, halves of characters, and separators that are line breaks to some."""
_KEPT: Final = frozenset("\n\t\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")
"""Some languages and emojis cannot be written without joiners."""
_RETURN: Final = re.compile(r"\r\n?")


def readable(written: bytes | str) -> str:
    """A text of lines in which every character is seen; what is none, or must not be there, is replaced by a mark.

    Args:
        written: Anything; bytes are taken for UTF-8. Progress bars go back to the beginning of a line: it is a new one.
    """
    text = written.decode("utf-8", "replace") if isinstance(written, bytes) else written
    return "".join(map(_seen, _RETURN.sub("\n", text)))


def _seen(character: str) -> str:
    if character.isprintable() or character in _KEPT or unicodedata.category(character) not in _UNSHOWN:
        return character
    return _REPLACEMENT
