"""What is asked of the API server about callers, how often, and what its answers are taken for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import Configuration

from canary_adapters.dashboard import reviews
from canary_adapters.dashboard.callers import TurnedAwayError
from canary_adapters.dashboard.reviews import BELIEVED_S, Reviewed, with_token
from canary_adapters.kubernetes.api import Api
from canary_ports import RefusedError, UnavailableError

ANN = {"authenticated": True, "user": {"username": "ann", "uid": "7", "groups": ["team"], "extra": {"scope": ["a"]}}}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


class Asked(Api):
    """Answers reviews as it is told to, and keeps what was asked."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.specs: list[Any] = []

    def review(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path.endswith(f"/{body['kind'].lower()}s")
        assert path.startswith(f"/apis/{body['apiVersion']}/")
        self.specs.append(body["spec"])
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"status": answer}


class Clock:
    """Stands still."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_everything_that_is_known_of_a_caller_counts_for_what_they_may() -> None:
    asked = Asked(ANN, {"allowed": True}, {"allowed": False})
    door = Reviewed(asked, Configuration, now_s=Clock())
    ann = door.caller("secret")
    assert door.may(ann, "list", "shop")
    assert not door.may(ann, "patch", None)
    who = {"user": "ann", "uid": "7", "groups": ["team"], "extra": {"scope": ["a"]}}
    what = {"group": "flagger.app", "resource": "canaries"}
    assert asked.specs == [
        {"token": "secret"},
        {**who, "resourceAttributes": {**what, "verb": "list", "namespace": "shop"}},
        {**who, "resourceAttributes": {**what, "verb": "patch", "namespace": ""}},
    ]
    assert "secret" not in repr(ann)


def test_an_answer_is_believed_for_some_seconds_a_refusal_too() -> None:
    clock = Clock()
    asked = Asked(ANN, {"allowed": True}, {"authenticated": False, "error": "no"}, ANN, {"allowed": False})
    door = Reviewed(asked, Configuration, now_s=clock)
    for _ in range(3):
        assert door.may(door.caller("secret"), "list", "shop")
        with pytest.raises(TurnedAwayError) as refused:
            door.caller("other")
        assert refused.value.status == 401
        clock.now_s += BELIEVED_S / 4
    assert len(asked.specs) == 3
    clock.now_s += BELIEVED_S
    assert not door.may(door.caller("secret"), "list", "shop")
    assert len(asked.specs) == 5


def test_strangers_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews, "MOST", 3)
    door = Reviewed(Asked(ANN, *[{}] * 10, ANN), Configuration, now_s=Clock())
    door.caller("secret")
    for number in range(10):
        with pytest.raises(TurnedAwayError):
            door.caller(f"guess {number}")
    door.caller("secret")  # asked anew: it was the oldest
    with pytest.raises(TurnedAwayError):
        door.caller("x" * 20_000)  # longer than any token: nobody is asked


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (UnavailableError("POST: 502, sent: secret"), "the API server is silent"),
        (RefusedError("Forbidden", "cannot create tokenreviews"), "the controller may not ask that"),
    ],
)
def test_nobody_is_let_in_while_nobody_says_who_they_are(
    error: Exception, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door = Reviewed(Asked(error, ANN, error), Configuration, now_s=Clock())
    with pytest.raises(TurnedAwayError, match=why) as refused:
        door.caller("secret")
    assert refused.value.status == 503
    ann = door.caller("secret")  # a failure is not kept
    with pytest.raises(TurnedAwayError, match=why):
        door.may(ann, "list", None)
    assert "secret" not in capsys.readouterr().out


@given(ANY)
def test_any_other_answer_lets_nobody_in(answer: Any) -> None:
    with pytest.raises(TurnedAwayError):
        Reviewed(Asked(answer), Configuration, now_s=Clock()).caller("secret")
    door = Reviewed(Asked(ANN, answer), Configuration, now_s=Clock())
    assert not door.may(door.caller("secret"), "list", None)


def test_callers_never_act_with_the_credentials_of_the_process() -> None:
    base = Configuration()
    base.host, base.ssl_ca_cert, base.tls_server_name = "https://10.0.0.1", "/ca", "kubernetes"
    base.cert_file, base.key_file, base.username, base.password = "/cert", "/key", "admin", "hunter2"
    base.api_key = {"BearerToken": "Bearer of-the-process"}
    found = with_token(base, "secret")
    assert (found.host, found.ssl_ca_cert, found.tls_server_name) == ("https://10.0.0.1", "/ca", "kubernetes")
    assert found.verify_ssl
    sent: Any = found.auth_settings()
    assert [each["value"] for each in sent.values()] == ["Bearer secret"]
    assert not found.cert_file
    assert not found.key_file
    assert base.api_key == {"BearerToken": "Bearer of-the-process"}
