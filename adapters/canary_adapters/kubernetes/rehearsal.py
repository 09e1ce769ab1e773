"""Rehearsal: a router puts splits in force on a dry run, and what would not be in force as it is sent is found.

The router does what it would do in a rollout. So nothing has to be said twice, and all its objects take part.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import field, frozen

from canary_adapters.kubernetes.cluster import Cluster
from canary_adapters.kubernetes.differences import ABSENT, Difference, differences, may_be_secret, written
from canary_adapters.kubernetes.dry_run import Draft, DryRun, Heard
from canary_adapters.kubernetes.resources import Ref
from canary_adapters.manifests.mistakes import shown
from canary_adapters.manifests.structure import Path, render
from canary_core import Traffic
from canary_ports import RefusedError, RouterPort

__all__ = ["REASON", "Finding", "Rehearsed", "rehearse"]

REASON: Final = "RehearsalFailed"
"""In the condition of a Canary whose splits would not come to be in force."""
FORBIDDEN: Final = "Forbidden"
"""In its place, if the rights of the controller are all that is wrong."""
_SHOWN: Final = 5
_LONGEST: Final = 500
"""Characters of what the API server says of one object."""


@frozen(kw_only=True)
class Finding:
    """What is wrong with one object of one split."""

    ref: Ref
    split: Traffic = field(eq=False)
    """The first with which it was found."""
    reason: str = field(default="", eq=False)
    """Of the refusal, as the API server has it."""
    refusal: str = ""
    """What the API server says. Empty: it would take the object, but not as it is sent."""
    changes: tuple[Difference, ...] = field(default=(), eq=False)

    def __str__(self) -> str:
        """One line: which object, for which split, and what of it."""
        resource, namespace, name = self.ref
        text = self.refusal or "; ".join(_told(*each) for each in self.changes[:_SHOWN])
        text += f"; and {len(self.changes) - _SHOWN} more" if len(self.changes) > _SHOWN else ""
        short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
        verb = "would be refused" if self.refusal else "would not be stored as it is sent"
        where = f"{resource.kind.lower()} {name}.{namespace}"
        return f"{where} {verb} for the split {_words(self.split)}: {short}"


@frozen(kw_only=True)
class Rehearsed:
    """What came of a rehearsal."""

    findings: tuple[Finding, ...] = ()
    asked: bool = True
    """Whether anything was asked. The router may have had an objection to each split."""
    in_doubt: bool = False
    """Whether somebody wrote in between, so that there may be more to be found."""

    def refusal(self) -> RefusedError | None:
        """As people read it. None: nothing was found."""
        if not self.findings:
            return None
        refused = {each.reason for each in self.findings}
        more = f"; and {len(self.findings) - _SHOWN} more" if len(self.findings) > _SHOWN else ""
        text = "; ".join(map(str, self.findings[:_SHOWN]))
        reason = FORBIDDEN if refused == {FORBIDDEN} else REASON
        return RefusedError(reason, f"a rehearsal of its splits has failed: {text}{more}")


def rehearse(
    make: Callable[[Cluster], RouterPort], cluster: Cluster, splits: Iterable[Traffic], heard: Heard | None = None
) -> Rehearsed:
    """Have a router put splits in force, one after the other, on a dry run.

    Args:
        make: Makes the router, for a cluster. All that it writes, it writes there.
        cluster: What there is.
        splits: Of each kind one; see `canary_core.foreseen_splits`.
        heard: What was answered before one that was broken off; added to.

    Raises:
        UnavailableError: The API server did not answer. What it had answered until then is in ``heard``.
    """
    stage = DryRun(cluster, heard)
    router = make(stage)
    found: dict[tuple[Ref, str], Finding] = {}
    for split in splits:
        begun = len(stage.drafts)
        try:
            router.ensure(split)
        except RefusedError:
            continue  # an objection of the router, which is reported as such
        for finding in _findings(stage.drafts[begun:], split, in_force=router.read() == split):
            found.setdefault((finding.ref, _what(finding)), finding)
    in_doubt = any(draft.in_doubt for draft in stage.drafts)
    return Rehearsed(findings=tuple(found.values()), asked=bool(stage.drafts), in_doubt=in_doubt)


def _words(split: Traffic) -> str:
    return f"{split.primary_weight}/{split.canary_weight}{', mirrored' if split.mirrored else ''}"


def _what(finding: Finding) -> str:
    return finding.refusal or "; ".join(render(path) for path, _, _ in finding.changes)


def _findings(drafts: Iterable[Draft], split: Traffic, *, in_force: bool) -> Iterator[Finding]:
    """What is refused; and, if the split would not be found in force, what is not as it was sent."""
    kept: list[Draft] = []
    for draft in drafts:
        if draft.refusal is not None:
            yield Finding(ref=draft.ref, split=split, reason=draft.refusal.reason, refusal=draft.refusal.message)
        elif not in_force:
            kept.append(draft)
    changed = [(draft, tuple(differences(written(draft.sent), written(draft.came)))) for draft in kept]
    if not any(changes for _, changes in changed):  # a server adds much; only here it can be what is in the way
        changed = [(draft, tuple(_added(draft))) for draft in kept]
    yield from (Finding(ref=draft.ref, split=split, changes=changes) for draft, changes in changed if changes)


def _added(draft: Draft) -> Iterator[Difference]:
    if draft.ref[0].is_custom:
        for path, added, _ in differences(written(draft.came), written(draft.sent)):
            yield path, ABSENT, added


def _told(path: Path, sent: object, stored: object) -> str:
    """What would become of a field. Values that are not for everybody who reads a Canary are left out."""
    where, visible = render(path), not any(may_be_secret(path, each) for each in (sent, stored))
    if stored is ABSENT:
        return f"{where}{f' {shown(sent)}' if visible else ''} would be dropped"
    if sent is ABSENT:
        return f"{where}{f' {shown(stored)}' if visible else ''} would be added"
    return f"{where} {shown(sent)} would become {shown(stored)}" if visible else f"{where} would be changed"
