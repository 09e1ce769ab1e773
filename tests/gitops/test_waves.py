"""examples/fleet/waves: what they declare, and what becomes of versions when each cluster is a whole rollout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from canary_lab.demo.waves import STRATEGY
from canary_lab.fleet import Member, Strategy, judged, to_update
from delivery.demo import FOLDER, ROOT
from delivery.documented import GITOPS, blocks, command
from delivery.kstatus import Status, kstatus
from delivery.situations import SITUATIONS, Play, new, playing
from delivery.steps import options_of
from laboratories.forked import run
from laboratories.lab import CANARY

PAGE = ROOT / "docs" / "waves.md"
WAVES = ROOT / "examples" / "fleet" / "waves"
APP = WAVES / "canary-demo-app"


def test_the_application_is_that_of_the_three_steps() -> None:
    names = {path.name for path in APP.iterdir()}
    assert names == {path.name for path in FOLDER.iterdir()}
    for name in names - {"fleet.yaml"}:
        assert (APP / name).read_text() == (FOLDER / name).read_text()
    options = options_of(APP)
    assert Strategy.read(options.pop("rolloutStrategy")) == STRATEGY
    assert options == options_of(FOLDER)


def test_the_repository_is_for_the_clusters_that_have_the_engine() -> None:
    (found,) = yaml.safe_load_all((WAVES / "3-demo.yaml").read_text())
    (before,) = yaml.safe_load_all((ROOT / "examples" / "fleet" / "3-demo.yaml").read_text())
    assert found["spec"].pop("paths") == [APP.relative_to(ROOT).as_posix()]
    before["spec"].pop("paths")
    assert found == before


def test_the_readme_labels_each_cluster_with_a_wave_that_there_is() -> None:
    readme = (WAVES / "README.md").read_text()
    assert all(f"{key}={value}" in readme for each in STRATEGY.partitions for key, value in each.labels.items())


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_stand_in_judges_as_fleet_does_by_known_conditions_and_kstatus(name: str) -> None:
    reach, _ = SITUATIONS[name]
    for play in playing():
        reach(play)
        found = judged({**play.now, "kind": "Canary"})
        wanted = kstatus(play.now).status
        assert (found.is_ready, found.is_error) == (wanted is Status.CURRENT, wanted is Status.FAILED)


def test_the_strategies_of_the_page_do_what_it_says() -> None:
    titles = blocks(PAGE)
    assert Strategy.read(titles["fleet.yaml"]["rolloutStrategy"]) == STRATEGY
    several = Strategy.read(titles["fleet.yaml, several at a time"]["rolloutStrategy"])
    members = [Member(name=f"c{number}", labels={"wave": "pilot" if number < 2 else "rest"}) for number in range(6)]
    assert to_update(several, members) == ("c0",)
    first = Member(name="c0", labels={"wave": "pilot"}, is_new=True)
    assert to_update(several, [first, *members[1:]]) == ("c1", "c2", "c3")
    failed = Member(name="c0", labels={"wave": "pilot"}, is_new=True, is_ready=False)
    assert to_update(several, [failed, *members[1:]]) == ()


def test_the_kustomization_waits_for_the_pilot_and_longer_than_a_rollout() -> None:
    found = blocks(PAGE)["Kustomization of the rest"]
    other = blocks(GITOPS)["Kustomization"]
    assert (found["apiVersion"], found["kind"]) == (other["apiVersion"], other["kind"])
    assert found["spec"]["wait"] is True
    assert found["spec"]["dependsOn"] == [{"name": "shop-pilot"}]
    assert found["spec"]["timeout"] == "1h"


def test_the_steps_of_the_application_set_name_the_waves_in_order() -> None:
    strategy = blocks(PAGE)["strategy of an ApplicationSet"]
    assert strategy["type"] == "RollingSync"
    waves = [each["matchExpressions"][0] for each in strategy["rollingSync"]["steps"]]
    assert [(each["key"], each["operator"], each["values"]) for each in waves] == [
        ("wave", "In", [part.labels["wave"]]) for part in STRATEGY.partitions
    ]


def test_the_command_for_pipelines_is_one_and_is_not_over_before_anybody_has_answered(tmp_path: Path) -> None:
    """Nobody listens in the cluster that it names."""
    cluster = {"name": "pilot", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "pilot", "context": {"cluster": "pilot", "user": "nobody"}}
    config = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({**config, "users": [{"name": "nobody", "user": {}}]}))
    words = command(PAGE, "canary wait")
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    done = run([CANARY, *words[1:]], env=environment)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_version_is_handed_on_exactly_when_each_tool_sees_the_rollout_well_ended(name: str) -> None:
    """Fleet, Flux and Helm by kstatus, Argo CD by the health check: the same for all, but for a pause at rest."""
    reach, (by_kstatus, by_argo, _) = SITUATIONS[name]
    for play in playing():
        reach(play)
        goes_on = judged(play.now).is_ready
        assert goes_on == (by_kstatus is Status.CURRENT)
        assert goes_on == (by_argo == "Healthy" or name == "suspended at rest")


class Clusters:
    """Several of them, and the stand-in for Fleet over them."""

    def __init__(self, plays: dict[str, Play]) -> None:
        self.plays = plays
        self.versions = dict.fromkeys(plays, "v1")

    def states(self) -> dict[str, tuple[str, str]]:
        """Version and phase of each."""
        return {name: (self.versions[name], play.now["status"]["phase"]) for name, play in self.plays.items()}

    def commit(self, version: str, looks: int = 100) -> list[dict[str, tuple[str, str]]]:
        """A new version, and all that is seen after it."""
        seen: list[dict[str, tuple[str, str]]] = []
        for _ in range(looks):
            members = [
                Member(
                    name=name,
                    labels={"wave": "rest" if number else "pilot"},
                    is_new=self.versions[name] == version,
                    is_ready=judged(play.now).is_ready,
                )
                for number, (name, play) in enumerate(self.plays.items())
            ]
            for name in to_update(STRATEGY, members):
                self.plays[name].controller.image(self.plays[name].key, version)
                self.versions[name] = version
            for play in self.plays.values():
                play.controller.now_s += 65.0
                play.controller.tick(play.key)
            if not seen or seen[-1] != self.states():
                seen.append(self.states())
        return seen


@pytest.fixture
def clusters() -> Iterator[Clusters]:
    """Three, each with the application in operation."""
    with ExitStack() as stack:
        plays = {}
        for name in ("a", "b", "c"):
            going = playing()
            plays[name] = next(going)
            stack.callback(next, going, None)
            new(plays[name])
        yield Clusters(plays)


def test_a_good_version_passes_through_all_one_after_the_other(clusters: Clusters) -> None:
    seen = clusters.commit("v2")
    assert set(seen[-1].values()) == {("v2", "Succeeded")}
    for state in seen:
        under_way = [name for name, (version, phase) in state.items() if version == "v2" and phase != "Succeeded"]
        assert len(under_way) <= 1
    first = {name: next(i for i, state in enumerate(seen) if state[name][0] == "v2") for name in "abc"}
    assert sorted(first, key=first.__getitem__) == ["a", "b", "c"]


def test_a_bad_version_stops_in_the_first_and_a_revert_or_a_fix_goes_on_from_there(clusters: Clusters) -> None:
    clusters.commit("v2")
    pilot = clusters.plays["a"].controller.prometheus
    pilot.success_rate = 50.0
    seen = clusters.commit("v3")
    assert seen[-1] == {"a": ("v3", "Failed"), "b": ("v2", "Succeeded"), "c": ("v2", "Succeeded")}
    assert judged(clusters.plays["a"].now).is_error
    clusters.commit("v2")
    assert clusters.versions == dict.fromkeys("abc", "v2")
    assert judged(clusters.plays["a"].now).is_ready
    clusters.commit("v4")
    assert clusters.states() == {"a": ("v4", "Failed"), "b": ("v2", "Succeeded"), "c": ("v2", "Succeeded")}
    pilot.success_rate = 100.0
    assert set(clusters.commit("v5")[-1].values()) == {("v5", "Succeeded")}
