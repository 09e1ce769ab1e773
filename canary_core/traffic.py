"""Who gets the requests: the split of traffic between primary and canary, as a value."""

import enum

from attrs import frozen

from canary_core.values import Value

__all__ = ["Audience", "Cookies", "Traffic"]


class Audience(enum.Enum):
    """Whose requests a split of traffic concerns."""

    EVERYONE = "everyone"
    MATCHED = "matched"
    """Only requests that match the declared conditions; all others go to the primary."""


@frozen(kw_only=True, repr=False)
class Cookies(Value):
    """Values of the cookies that keep a user with one version. None: not in use."""

    canary: str | None = None
    primary: str | None = None
    """Once made, kept for the following rollouts."""
    expired: str | None = None
    """The canary's cookie of the rollout before, to be removed from clients."""


_NO_COOKIES = Cookies()


@frozen(kw_only=True, repr=False)
class Traffic(Value):
    """Who gets the requests. Absolute: to put it in force twice is the same as once."""

    canary_weight: int = 0
    """Percent of the audience's requests that the canary answers."""
    mirrored: bool = False
    """Whether requests are copied to the canary."""
    audience: Audience = Audience.EVERYONE
    cookies: Cookies = _NO_COOKIES

    @property
    def primary_weight(self) -> int:
        """Percent of the audience's requests that the primary answers."""
        return 100 - self.canary_weight

    @property
    def reaches_canary(self) -> bool:
        """Whether any request, or a copy of one, goes to the canary."""
        return self.canary_weight > 0 or self.mirrored

    @property
    def leaves_primary_nothing(self) -> bool:
        """Whether no request of anybody goes to the primary."""
        return self.canary_weight == 100 and self.audience is Audience.EVERYONE
