"""What tests of the simulation share: the article's policy, and where the examples are."""

from pathlib import Path

import pytest

from canary_core import Bound, Check, CheckKind, Hook, HookType, Policy, Progressive, weights_by_step
from canary_core.messages import Names

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def scenarios() -> Path:
    """Folder of the example scenarios."""
    return REPOSITORY / "examples" / "scenarios"


@pytest.fixture(scope="session")
def names() -> Names:
    """How the article calls its objects."""
    return Names(canary="fleet-simple-app", namespace="canary-demo", target="fleet-simple-app")


@pytest.fixture(scope="session")
def article() -> Policy:
    """The article's Canary as a policy."""
    return Policy(
        strategy=Progressive(weights=weights_by_step(10, 50)),
        interval_s=60.0,
        threshold=10,
        checks=(
            Check(id="request-success-rate", kind=CheckKind.SUCCESS_RATE, bound=Bound(minimum=99)),
            Check(id="request-duration", kind=CheckKind.DURATION, bound=Bound(maximum=500)),
        ),
        hooks=(Hook(id="load-test", type=HookType.ROLLOUT),),
    )


@pytest.fixture(scope="session")
def gated(article: Policy) -> Policy:
    """The same with a gate before the promotion."""
    return Policy(
        strategy=article.strategy,
        interval_s=article.interval_s,
        threshold=article.threshold,
        checks=article.checks,
        hooks=(Hook(id="gate", type=HookType.CONFIRM_PROMOTION),),
    )
