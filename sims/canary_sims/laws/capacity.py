"""The invariant about pods: those that an autoscaler would take from a primary that has less to do for a while."""

from canary_core import Phase
from canary_sims.laws.truth import UNDER_WAY, Acted, Decided, Event, Facts, Rested, primary_share

__all__ = ["primary_keeps_its_pods"]


def primary_keeps_its_pods(event: Event) -> str | None:
    """12. From the beginning of a rollout to its end the primary keeps, or gets, the pods that it will need again.

    Scope: a primary with an autoscaler, which would take idle pods away; never beyond the most that this may ask for.
    At the end of each tick (but while suspended) of a rollout that is under way, the autoscaler keeps at least the pods
    that the primary asked for when the rollout began. No action takes any of those away. A promotion gives traffic
    back only when as many pods are ready as that, and as the canary asks for, which had that traffic; and, if the
    primary's share alone has come to need more than it had, and than it keeps in any case, as all the requests need.
    When nothing is left to be done after the end, the autoscaler is let go.

    Exceptions: a promotion gives traffic back when its progress deadline has passed, since an autoscaler that does not
    work must not stop it, and at once if the canary cannot answer or is another revision by now. A rollback waits for
    nobody.
    """
    if event.policy.suspend:
        return None
    match event:
        case Rested():
            return _let_go(event)
        case Acted(before=before, after=after):
            return _taken(before, after)
        case Decided():
            return _given_too_soon(event)


def _let_go(event: Rested) -> str | None:
    scaler, had = event.facts.scaler, event.facts.had
    if scaler is None or event.facts.primary is None:
        return None
    if event.rollout.phase in UNDER_WAY and scaler.kept < min(scaler.most, had):
        return f"the autoscaler keeps {scaler.kept} pods of the primary, which had {had} when the rollout began"
    if event.quiet and event.rollout.phase not in UNDER_WAY and scaler.held is not None:
        return f"the autoscaler is still told to keep {scaler.held} pods of the primary"
    return None


def _taken(before: Facts, after: Facts) -> str | None:
    if after.scaler is None or before.primary is None or after.primary is None:
        return None
    asked = after.primary.asked
    if asked < before.primary.asked and asked < min(after.scaler.most, after.had):
        return f"the primary is scaled down to {asked} pods; it had {after.had} when the rollout began"
    return None


def _given_too_soon(event: Decided) -> str | None:
    facts, wanted = event.facts, event.before.applied
    target, primary = facts.target, facts.primary
    if facts.scaler is None or primary is None or target is None or event.before.phase is not Phase.PROMOTING:
        return None
    if event.after.phase not in {Phase.PROMOTING, Phase.FINALISING}:
        return None
    if primary_share(event.after.traffic) <= primary_share(event.before.traffic):
        return None
    lost = target.serving is None or target.declared != wanted
    if lost or facts.promoting_s >= event.policy.progress_deadline_s:
        return None
    scaler = facts.scaler
    loaded = scaler.needed if scaler.own > max(facts.had, scaler.declared) else 0
    needed = min(scaler.most, max(facts.had, target.asked, loaded))
    if primary.ready < needed:
        return f"traffic returns to {primary.ready} pods of the primary, where {needed} are needed"
    return None
