"""What users of other controllers met: threads, a story in which it would show, planted bugs that bring it back."""

from pathlib import Path

from attrs import frozen

from canary_core import Outcome, Phase
from stories.policies import ARTICLE, EXAMPLES

GATES = EXAMPLES / "strategies" / "gates.yaml"
SESSIONS = EXAMPLES / "strategies" / "session-affinity.yaml"


@frozen(kw_only=True)
class Row:
    """A field failure."""

    what: str
    threads: tuple[str, ...]
    story: str
    phase: Phase
    outcome: Outcome | None
    weight: int | None
    """Of the canary, in the end."""
    planted: tuple[str, ...]
    file: Path = ARTICLE


ROWS = (
    Row(
        what="A failed promotion takes the app down",
        threads=("fluxcd/flagger#1898", "fluxcd/flagger#1931", "fluxcd/flagger#1932"),
        story="a primary that crashes for good during the promotion",
        phase=Phase.FAILED,
        outcome=Outcome.PROMOTION,
        weight=100,
        planted=("rolls back to the overwritten primary", "saves after acting"),
    ),
    Row(
        what="A promotion hangs for ever",
        threads=("fluxcd/flagger#1591", "fluxcd/flagger#1588", "fluxcd/flagger#379", "fluxcd/flagger#1202"),
        story="a primary that does not start during the promotion",
        phase=Phase.FAILED,
        outcome=Outcome.PROMOTION,
        weight=100,
        planted=("waits for ever in the promotion", "never finishes", "returns traffic too soon"),
    ),
    Row(
        what="A bad revision ships although its analysis failed",
        threads=("argoproj/argo-rollouts#1411", "argoproj/argo-rollouts#943", "fluxcd/flagger#1581"),
        story="a revision that fails",
        phase=Phase.FAILED,
        outcome=Outcome.CHECKS,
        weight=0,
        planted=("promotes although checks failed", "takes an error for good", "forgets failures"),
    ),
    Row(
        what="No rollback at the threshold while a gate is waited for",
        threads=("fluxcd/flagger#1801",),
        story="a canary that begins to fail before a closed gate",
        phase=Phase.FAILED,
        outcome=Outcome.CHECKS,
        weight=0,
        planted=("no rollback at a closed gate",),
        file=GATES,
    ),
    Row(
        what="Autoscaler fight: pods of the primary go while the canary has its traffic, and are missing afterwards",
        threads=(
            "fluxcd/flagger#1600",
            "fluxcd/flagger#381",
            "argoproj/argo-rollouts#3849",
            "argoproj/argo-rollouts#4369",
            "argoproj/argo-rollouts#3077",
        ),
        story="three times the users during the analysis, with an autoscaler",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=(
            "never holds the autoscaler",
            "never lets go of the autoscaler",
            "gives traffic back before the primary has grown",
            "holds anew at each step what is there just then",
            "counts the pods of the canary only once",
            "takes the larger of two for the sum",
        ),
    ),
    Row(
        what="Pods go before the traffic has left them",
        threads=("argoproj/argo-rollouts#3681", "argoproj/argo-rollouts#4390", "fluxcd/flagger#256"),
        story="a good revision",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("scales before it routes", "does not wait for the routes"),
    ),
    Row(
        what="Traffic goes to a canary without pods",
        threads=("fluxcd/flagger#874",),
        story="a revision that is never ready",
        phase=Phase.FAILED,
        outcome=Outcome.DEADLINE,
        weight=0,
        planted=("routes to pods that are not there",),
    ),
    Row(
        what="A stale cache, a lost event or a conflict leaves it stuck, or repeats a step",
        threads=("argoproj/argo-rollouts#4073", "argoproj/argo-rollouts#4842", "argoproj/argo-rollouts#3316"),
        story="a newer revision during the analysis",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("acts on a stale cache", "goes on after a conflict", "takes an unknown save for done"),
    ),
    Row(
        what="Two leaders write at once",
        threads=("argoproj/argo-rollouts#2117", "argoproj/argo-rollouts#720"),
        story="a good revision",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("overwrites what others saved", "does not look whether somebody went on"),
    ),
    Row(
        what="No data cannot be told from bad or good data",
        threads=("fluxcd/flagger#1011", "fluxcd/flagger#1035", "spinnaker/spinnaker#5622"),
        story="metrics without data for two intervals",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("takes no data for good",),
    ),
    Row(
        what="An upgrade of the controller starts canaries for unchanged apps",
        threads=("fluxcd/flagger#1673", "fluxcd/flagger#1799"),
        story="an idle target is scaled up by hand",
        phase=Phase.INITIALIZED,
        outcome=None,
        weight=0,
        planted=("an upgrade is a new revision",),
    ),
    Row(
        what="Nothing can be done about a rollout that is under way",
        threads=("fluxcd/flagger#724", "fluxcd/flagger#413"),
        story="a person aborts the analysis",
        phase=Phase.FAILED,
        outcome=Outcome.ABORTED,
        weight=0,
        planted=(),
    ),
    Row(
        what="Wedged in Failed: newer revisions are not looked at",
        threads=("fluxcd/flagger#1152", "devantler-tech/platform#2387"),
        story="a newer revision after one that failed",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("is wedged in failed",),
    ),
    Row(
        what="Another tool reverts the routes, or scales the target up",
        threads=("fluxcd/flagger#1158", "fluxcd/flagger#1504"),
        story="routes edited by hand during the analysis",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("forgets drift", "acts only on changes"),
    ),
    Row(
        what="Deleting the canary takes the app down",
        threads=("fluxcd/flagger#640", "fluxcd/flagger#686", "fluxcd/flagger#853"),
        story="an idle canary is deleted",
        phase=Phase.TERMINATED,
        outcome=None,
        weight=0,
        planted=("deletion gives back too soon",),
    ),
    Row(
        what="Adopting a live service takes it down",
        threads=("fluxcd/flagger#308", "fluxcd/flagger#773", "fluxcd/flagger#1444"),
        story="a first primary",
        phase=Phase.INITIALIZED,
        outcome=None,
        weight=0,
        planted=("adoption scales down first",),
    ),
    Row(
        what="A flaky metric server or webhook counts as a failure of the app",
        threads=("fluxcd/flagger#1508", "fluxcd/flagger#1520", "argoproj/argo-rollouts#2578"),
        story="metrics that are down for two intervals",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("any failure rolls back",),
    ),
    Row(
        what="Succeeded, but the primary does not serve",
        threads=("fluxcd/flagger#1934",),
        story="a primary that crashes during the promotion",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("succeeds without looking",),
    ),
    Row(
        what="Hooks are asked in the wrong phase, or not at all",
        threads=("fluxcd/flagger#1248", "fluxcd/flagger#1468", "fluxcd/flagger#1307"),
        story="a confirm-promotion gate that opens late",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("does not ask the hooks",),
        file=GATES,
    ),
    Row(
        what="The status says something else than the routes",
        threads=("fluxcd/flagger#1819",),
        story="a primary that crashes during the analysis",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("acts only on changes",),
    ),
    Row(
        what="Alerts come twice, or not at all",
        threads=("fluxcd/flagger#1515", "fluxcd/flagger#1816", "fluxcd/flagger#427"),
        story="a revision that fails",
        phase=Phase.FAILED,
        outcome=Outcome.CHECKS,
        weight=0,
        planted=("ends in silence", "tells before saving", "tells again and again"),
    ),
    Row(
        what="Something unforeseen crashes the controller",
        threads=("fluxcd/flagger#1277", "argoproj/argo-rollouts#1982"),
        story="a target scaled to nothing by hand during the analysis",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=("raises",),
    ),
    Row(
        what="Session affinity makes the weight meaningless",
        threads=("fluxcd/flagger#1532", "fluxcd/flagger#1655", "fluxcd/flagger#1527"),
        story="a newer revision after one that failed",
        phase=Phase.SUCCEEDED,
        outcome=Outcome.COMPLETED,
        weight=0,
        planted=(
            "keeps the cookie for the next rollout",
            "makes a cookie for each step",
            "does not call the cookie back",
        ),
        file=SESSIONS,
    ),
)
