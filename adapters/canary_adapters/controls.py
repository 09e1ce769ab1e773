"""Control characters in texts that users and servers write: which ones may be there, and where another one stands.

A line break in a name or an address is a mistake, or an attack on whoever writes it into a header or a log; NUL ends
texts in C, and the others move the cursor of a terminal.
"""

import enum
import re
from typing import Final

__all__ = ["Controls", "control_fault"]


class Controls(enum.Enum):
    """Which control characters a text may hold. The value: the others, as a set in a pattern of RE2 and of Python."""

    NONE = r"\x00-\x1f\x7f-\x9f"
    LINES = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    """Tabs and line breaks."""
    ANY = ""

    @property
    def pattern(self) -> str:
        """What texts match that hold no others."""
        return f"^[^{self.value}]*$" if self.value else ""


_FORBIDDEN: Final = {kind: re.compile(f"[{kind.value}]") for kind in (Controls.NONE, Controls.LINES)}
_WORDS: Final = {
    Controls.NONE: "must hold no control characters",
    Controls.LINES: "must hold no control characters but tabs and line breaks",
}


def control_fault(text: str, allowed: Controls) -> str:
    """Which control character stands where it may not, in words; empty: none."""
    found = _FORBIDDEN[allowed].search(text) if allowed is not Controls.ANY else None
    if found is None:
        return ""
    return f"{_WORDS[allowed]}: U+{ord(found[0]):04X} at character {found.start() + 1}"
