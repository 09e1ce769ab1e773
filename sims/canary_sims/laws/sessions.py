"""The invariant about users who keep their version: what the cookies in the routes promise them."""

from canary_sims.laws.truth import Acted, Event

__all__ = ["cookies_belong_to_one_rollout"]


def cookies_belong_to_one_rollout(event: Event) -> str | None:
    """13. A user keeps a version for the time of a rollout, and no cookie leads anybody into the next one.

    Scope: routes with session affinity, whenever they change. While the canary has traffic, its cookie stays what it
    is: another one would deal out all users anew with every step. When the traffic leaves, the cookie is called back:
    clients that kept it would go to the canary of the next rollout at once, whatever its weight. So that one is never
    used again.
    """
    if not isinstance(event, Acted) or event.policy.session_affinity is None:
        return None
    before, after = event.before.routes, event.after.routes
    if before is None or after is None or before == after:
        return None
    was, now = before.cookies, after.cookies
    if was.canary and now.canary and was.canary != now.canary:
        return f"the cookie of the canary changes from {was.canary} to {now.canary} while it is in use"
    if was.canary and not now.canary and now.expired != was.canary:
        return f"the cookie {was.canary} is not called back when the traffic leaves the canary"
    if now.canary and now.canary == was.expired:
        return f"the cookie {now.canary}, which was called back, leads to the canary again"
    return None
