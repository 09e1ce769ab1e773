"""Texts for receivers of alerts: shown as they are, with no mention, link or markup that nobody of us has written.

Each receiver has its own language, and its documentation says what is special in it:

| receiver | special | written as |
| --- | --- | --- |
| Slack | ``& < >``, and with them mentions (``<!channel>``) and links; emphasis cannot be escaped | entities |
| Microsoft Teams | Markdown and some HTML in all texts of a MessageCard | backslashes, entities |
| Discord | Markdown, ``<@...>``, ``@everyone`` | backslashes, a blank without width behind ``<`` and ``@`` |
| Rocket.Chat | links, ``@all``, ``@here``; emphasis cannot be escaped | such a blank behind ``<``, ``@``, ``]`` |
| Google Chat | HTML in paragraphs of a card | entities |
| any JSON hook | nothing | as it is |

https://docs.slack.dev/messaging/formatting-message-text/#escaping
https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format
https://docs.discord.com/developers/reference#message-formatting
https://developers.google.com/workspace/chat/format-messages#card-formatting
https://github.com/RocketChat/Rocket.Chat/tree/develop/packages/message-parser
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from canary_adapters.plain_text import one_line

__all__ = ["LONGEST", "discord", "entities", "msteams", "plain", "rocket"]

LONGEST: Final = 1024
"""Characters of a text before anything in it is escaped; Discord takes no longer values."""
_NO_WIDTH: Final = "\N{ZERO WIDTH SPACE}"
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN: Final = {character: f"\\{character}" for character in "\\`*_[]~|"}
_BEGINNING: Final = "#+->"
"""At the beginning of a line these make headings, lists and quotes."""


def plain(text: str) -> str:
    """One bounded line without control characters."""
    return one_line(text, LONGEST)


def _escaped(special: Mapping[int, str], beginning: str, text: str) -> str:
    line = plain(text)
    first = f"\\{line[0]}" if line and line[0] in beginning else line[:1].translate(special)
    return first + line[1:].translate(special)


_table: Final = str.maketrans
entities: Final[Callable[[str], str]] = partial(_escaped, _table(_ENTITIES), "")
"""For Slack and Google Chat."""
msteams: Final[Callable[[str], str]] = partial(_escaped, _table(_ENTITIES | _MARKDOWN), _BEGINNING.replace(">", ""))
"""For Microsoft Teams."""
discord: Final[Callable[[str], str]] = partial(
    _escaped, _table(_MARKDOWN | {"<": f"<{_NO_WIDTH}", "@": f"@{_NO_WIDTH}"}), _BEGINNING
)
"""For Discord."""
rocket: Final[Callable[[str], str]] = partial(
    _escaped, _table({"<": f"<{_NO_WIDTH}", "@": f"@{_NO_WIDTH}", "]": f"]{_NO_WIDTH}"}), ""
)
"""For Rocket.Chat."""
