"""``canary torture``, shrinking, and scenario files that carry a plan."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer import Typer
from typer.testing import CliRunner

from canary_adapters.cli.errors import BadInputError
from canary_sims.cli.simulate import simulate
from canary_sims.cli.torture import torture
from canary_sims.harness.faults import CallFault, CallKind, Plan, Standing, WakeFault, WakeKind
from canary_sims.harness.faults.campaign import Campaign, campaign
from canary_sims.harness.faults.enumeration import by_chance
from canary_sims.harness.faults.shrinking import shrunk
from canary_sims.harness.faults.trial import tried
from canary_sims.scenario import Scenario, ScenarioError, parse_scenario, read_scenario, written
from canary_sims.simulation import simulate as simulated
from planted_bugs.every_bug import PLANTED
from stories.policies import ARTICLE, EXAMPLES, declared, stories_of, story

FORGETS_DRIFT = next(bug for bug in PLANTED if bug.name == "forgets drift")


def command(function: object) -> Typer:
    app = Typer()
    app.command()(function)  # type: ignore[type-var]  # a function, as Typer wants it
    return app


# -- Files ----------------------------------------------------------------------------------------------------------


def test_all_faults_that_can_be_written() -> None:
    text = (
        "faults:\n"
        "  - {call: 17, kind: lost-answer}\n"
        "  - {call: 40, kind: stale, depth: 2}\n"
        "  - {wakeUp: 5, kind: late, lasts: 2m}\n"
        "  - {every: router.ensure, kind: slow}\n"
    )
    assert parse_scenario(text).faults == Plan(
        faults=(
            CallFault(call=17, kind=CallKind.LOST_ANSWER),
            CallFault(call=40, kind=CallKind.STALE, depth=2),
            WakeFault(wake=5, kind=WakeKind.LATE, for_s=120.0),
        ),
        standing=(Standing(every="router.ensure", kind=CallKind.SLOW),),
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("{call: 1, wakeUp: 2, kind: fail}", "exactly one of call, wakeUp, every"),
        ("{kind: fail}", "exactly one of call, wakeUp, every"),
        ("{call: 0, kind: fail}", "faults[0].call: 0 is not allowed"),
        ("{call: 1, kind: fial}", "did you mean fail?"),
        ("{wakeUp: 1, kind: fail}", "one of twice, late, never"),
        ("{every: router.ensur, kind: slow}", "did you mean router.ensure?"),
        ("{every: store.save, kind: fail}", "one of slow"),
        ("{call: 1}", "faults[0].kind: is missing"),
    ],
)
def test_mistakes_in_faults_are_told(fault: str, said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(f"faults:\n  - {fault}\n")
    assert said in str(raised.value)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.data())
def test_what_was_written_is_read_again(seed: int, data: st.DataObject) -> None:
    """Every story, under any plan."""
    told = data.draw(st.sampled_from(stories_of(EXAMPLES / "strategies" / "gates.yaml")))
    plan = by_chance(random.Random(seed), told.policy, ["store.load", "router.ensure", "hooks.ask"] * 20, 10)
    scenario = Scenario(
        description=told.scenario.description,
        initialized=told.scenario.initialized,
        events=told.scenario.events,
        faults=plan,
    )
    assert parse_scenario(written(scenario, comment="a story\nin two lines")) == scenario


def test_every_example_scenario_is_written_as_it_was_read() -> None:
    for file in sorted((EXAMPLES / "scenarios").glob("*.yaml")):
        scenario = read_scenario(file)
        assert parse_scenario(written(scenario)) == scenario


def test_a_simulation_with_faults_checks_the_invariants() -> None:
    """And says what went wrong, where it did."""
    scenario = parse_scenario("events: [{at: 0s, declare: {revision: v2}}]\nfaults: [{call: 12, kind: crash}]")
    run = simulated(declared(ARTICLE), scenario)
    assert (run.broken, run.exit_code) == ((), 0)
    with FORGETS_DRIFT.active():
        plan = "faults: [{call: 13, kind: lost-answer}]"
        broken = simulated(
            declared(ARTICLE), parse_scenario(f"events: [{{at: 0s, declare: {{revision: v2}}}}]\n{plan}")
        )
    assert broken.exit_code == 1
    assert "weight_rises_after_passed_checks" in broken.broken[0]


# -- Shrinking and campaigns ----------------------------------------------------------------------------------------


def test_a_failing_plan_shrinks_to_its_cause() -> None:
    """Of five faults, one is to blame."""
    told = story("a good revision")
    noise = tuple(CallFault(call=call, kind=CallKind.SLOW, for_s=5.0) for call in (30, 31, 33))
    rest = (CallFault(call=13, kind=CallKind.LOST_ANSWER), WakeFault(wake=6, kind=WakeKind.TWICE))
    plan = Plan(faults=(*noise, *rest))
    with FORGETS_DRIFT.active():
        calm = tried(told, Plan())
        found = tried(told, plan, calm=calm)
        assert found.broken
        least = shrunk(found, lambda smaller: tried(told, smaller, calm=calm))
    assert len(least.plan) == 1
    assert least.broken


@pytest.mark.slow
def test_a_campaign_is_the_same_again_in_any_number_of_processes() -> None:
    told = stories_of(ARTICLE)
    one = campaign(told, runs=60, seed=5)
    assert one.runs == 60
    assert one.broken == ()
    assert one == campaign(told, runs=60, seed=5, jobs=2)
    assert one != campaign(told, runs=60, seed=6)


def test_a_run_of_a_campaign_can_be_played_again_alone() -> None:
    campaigns = [Campaign(stories_of(ARTICLE), 7) for _ in range(2)]
    campaigns[0].runs(range(20))
    assert campaigns[0].run(20) == campaigns[1].run(20)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_no_storm_breaks_anything(seed: int) -> None:
    """Gates, mirrors, iterations and steps, in whatever weather."""
    files = ("gates", "blue-green-mirror", "promotion-steps", "ab-testing")
    told = [each for name in files for each in stories_of(EXAMPLES / "strategies" / f"{name}.yaml")]
    assert campaign(told, runs=5, seed=seed).broken == ()


# -- The command ----------------------------------------------------------------------------------------------------


def test_the_command_tells_what_it_did() -> None:
    result = CliRunner().invoke(command(torture), [str(ARTICLE), "--runs", "40", "--seed", "1"])
    assert result.exit_code == 0, result.output
    assert re.search(r"rollouts +│ 40 ", result.output)
    assert re.search(r"broken +│ nothing ", result.output)


def test_the_command_tells_it_in_json() -> None:
    result = CliRunner().invoke(command(torture), [str(ARTICLE), "--runs", "40", "--json"])
    found = json.loads(result.stdout)
    assert (found["runs"], found["broken"]) == (40, [])
    assert sum(found["ends"].values()) == 40


@pytest.mark.slow
def test_what_it_finds_is_a_scenario_that_simulate_plays(tmp_path: Path) -> None:
    """With the exit code and the message that the find had."""
    with FORGETS_DRIFT.active():
        result = CliRunner().invoke(command(torture), [str(ARTICLE), "--runs", "200", "--json"])
        found = json.loads(result.stdout)["broken"]
        assert result.exit_code == 1
        file = tmp_path / "found.yaml"
        file.write_text(found[0]["scenario"])
        again = CliRunner().invoke(command(simulate), [str(ARTICLE), "--scenario", str(file), "--json"])
    assert again.exit_code == 1
    kinds = {each.split(":")[0] for each in json.loads(again.stdout.splitlines()[-1])["broken"]}
    assert kinds & {each.split(":")[0] for each in found[0]["what"]}
    assert len(read_scenario(file).faults) <= 2


def test_a_scenario_of_ones_own_is_tortured() -> None:
    file = EXAMPLES / "scenarios" / "errors.yaml"
    result = CliRunner().invoke(command(torture), [str(ARTICLE), "--scenario", str(file), "--runs", "10", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["runs"] == 10


def test_a_scenario_that_has_faults_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: [{call: 1, kind: fail}]")
    result = CliRunner().invoke(command(torture), [str(ARTICLE), "--scenario", str(file)])
    assert isinstance(result.exception, BadInputError)
    assert "must be left out here" in str(result.exception)
