"""The page itself: one document with its style and its script in it, and what a browser may do with it."""

import base64
import hashlib
from importlib.resources import files
from typing import Final

from attrs import field, frozen

__all__ = ["HEADERS", "Page", "the_page"]

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "canary",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer: nothing is kept, framed, guessed at, or told to other sites."""


@frozen(kw_only=True)
class Page:
    """The page as it is sent."""

    body: bytes = field(repr=False)
    policy: str
    """Content-Security-Policy: this style and this script, requests to where the page came from, and nothing else."""


def the_page() -> Page:
    """Put it together. The parts are kept apart so that each is checked and read as what it is."""
    folder = files(__package__).joinpath("static")
    html, style, script = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    body = html.replace("/* style */", style).replace("/* script */", script)
    policy = (
        "default-src 'none'",
        f"script-src 'sha256-{_hash(script)}'",
        f"style-src 'sha256-{_hash(style)}'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return Page(body=body.encode(), policy="; ".join(policy))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
