"""What users of other controllers met that concerns adapters: threads, a story in which it would show, planted bugs."""

from attrs import frozen

from campaigns.stories import BESIDE, DELETED, FAILING, FIRST, FOREIGN, GOOD, PRIMARY_FAILS, RECONFIGURED, SCALED, Story


@frozen(kw_only=True)
class AdapterRow:
    """A field failure."""

    what: str
    threads: tuple[str, ...]
    story: Story
    planted: tuple[str, ...]
    """Names of bugs in `planted_adapters`."""


ADAPTER_ROWS = (
    AdapterRow(
        what="A changed Secret or ConfigMap breaks the primary, or is not copied as it is",
        threads=("fluxcd/flagger#417", "fluxcd/flagger#1774", "devantler-tech/platform#1852"),
        story=RECONFIGURED,
        planted=(
            "shares the configuration",
            "copies the configuration too late",
            "keeps the first copy",
            "drops binary data",
            "deletes the copies of its own promotion",
        ),
    ),
    AdapterRow(
        what="The controller slows down or dies with many canaries",
        threads=("fluxcd/flagger#638", "argoproj/argo-rollouts#2855"),
        story=FIRST,
        planted=("polls settled canaries",),
    ),
    AdapterRow(
        what="Nobody can tell why it failed",
        threads=("argoproj/argo-rollouts#404", "argoproj/argo-rollouts#2741", "fluxcd/flagger#1304"),
        story=FAILING,
        planted=("tells no numbers",),
    ),
    AdapterRow(
        what="Succeeded, but the primary has no pods",
        threads=("fluxcd/flagger#1934",),
        story=SCALED,
        planted=("takes orders for deeds",),
    ),
    AdapterRow(
        what="Routes that people have in the same VirtualService are lost",
        threads=("fluxcd/flagger#274", "fluxcd/flagger#673"),
        story=FOREIGN,
        planted=("loses foreign routes", "puts its routes first", "gives back what was long ago"),
    ),
    AdapterRow(
        what="The status shows another weight than the routes",
        threads=("fluxcd/flagger#1819",),
        story=PRIMARY_FAILS,
        planted=("shows the weight that it should have",),
    ),
    AdapterRow(
        what="A mistake in a manifest is not told, or stops or crashes the controller",
        threads=(
            "argoproj/argo-rollouts#872",
            "argoproj/argo-rollouts#1982",
            "fluxcd/flagger#1581",
            "fluxcd/flagger#1277",
        ),
        story=BESIDE,
        planted=(
            "tells nobody of mistakes",
            "stops at the first mistake",
            "stumbles over empty annotations",
            "remembers a refusal for good",
        ),
    ),
    AdapterRow(
        what="A cache behind the own writes, or a conflict, leaves it stuck or repeats a step",
        threads=("argoproj/argo-rollouts#4073", "argoproj/argo-rollouts#4842"),
        story=GOOD,
        planted=(
            "serves its cache after own writes",
            "takes a conflict for done",
            "takes no answer for done",
            "writes without the version",
        ),
    ),
    AdapterRow(
        what="Deleting the canary takes the app down",
        threads=("fluxcd/flagger#640", "fluxcd/flagger#686", "fluxcd/flagger#853"),
        story=DELETED,
        planted=("gives back by half",),
    ),
)
