"""Each kind of credential through each way back, over real HTTP: what a server repeats of it comes out nowhere."""

from __future__ import annotations

import base64
import json
import string
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
import structlog
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from canary_adapters.manifests.declare import Table
from canary_adapters.prometheus.pool import PrometheusPool, QueryError, Server
from canary_adapters.webhook import HttpPool, NoAnswerError

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "-._~+/"
secrets = st.text(TOKEN_CHARACTERS, min_size=12, max_size=60)
FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "percent": lambda text: quote(text, safe=""),
    "every character": lambda text: "".join(f"%{ord(char):02X}" for char in text),
    "json": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
}
KINDS = ("bearer", "password", "header", "tenant", "user info", "path", "query")
WAYS = ("error of a query", "warning of a query", "shape of a query", "refusal of a webhook", "failure of a webhook")


class _Echo:
    """Says what it is told to say, in the form of each way."""

    def __init__(self) -> None:
        echo = self
        self.text, self.way = "", ""

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = echo.answer()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer  # noqa: N815 - as the library calls them

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self) -> tuple[int, bytes]:
        """What the way asks for."""
        match self.way:
            case "warning of a query":
                data = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}
                return 200, json.dumps({"status": "success", "warnings": [self.text], "data": data}).encode()
            case "shape of a query":
                return 200, json.dumps({self.text: [self.text]}).encode()
            case "error of a query":
                return 400, json.dumps({"status": "error", "errorType": "bad_data", "error": self.text}).encode()
            case "failure of a webhook":
                return 500, self.text.encode()
            case _:
                return 403, self.text.encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def echo() -> Iterator[_Echo]:
    found = _Echo()
    yield found
    found.close()


def _sent(kind: str, secret: str, port: int) -> tuple[str, dict[str, str], str, str, str]:
    """Address, headers, token, user and password by which a credential of a kind is sent."""
    here = f"127.0.0.1:{port}"
    match kind:
        case "bearer":
            return f"http://{here}", {}, secret, "", ""
        case "password":
            return f"http://{here}", {}, "", "team", secret
        case "header" | "tenant":
            return f"http://{here}", {"X-Scope-OrgID" if kind == "tenant" else "X-Key": secret}, "", "", ""
        case "user info":
            return f"http://team:{quote(secret, safe='')}@{here}", {}, "", "", ""
        case "path":
            return f"http://{here}/services/{quote(secret, safe='')}", {}, "", "", ""
        case _:
            return f"http://{here}/?token={quote(secret, safe='')}", {}, "", "", ""


def _said(echo: _Echo, way: str, kind: str, secret: str) -> str:
    """All that comes out: what is raised, returned and logged."""
    address, headers, token, user, password = _sent(kind, secret, echo.port)
    out: list[str] = []
    with structlog.testing.capture_logs() as logs:
        if way.endswith("query"):
            pool = PrometheusPool()
            server = Server(url=address, token=token, user=user, password=password, headers=Table(headers))
            try:
                out.append(str(pool.query(server, "vector(1)", namespace="here")))
            except QueryError as error:
                out += [str(error), repr(error)]
            pool.close()
        else:
            hooks = HttpPool()
            if token or password:
                pair = base64.b64encode(f"{user}:{password}".encode()).decode()
                headers = {"Authorization": f"Bearer {token}" if token else f"Basic {pair}"}
            try:
                answer = hooks.post(address, {}, namespace="here", timeout_s=5.0, headers=headers)
                out += [answer.text, repr(answer)]
            except NoAnswerError as error:
                out += [str(error), repr(error)]
            hooks.close()
    return " ".join([*out, str(logs)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=12, deadline=None)
@given(secret=secrets, form=st.sampled_from(sorted(FORMS)), padding=st.integers(0, 600))
def test_no_credential_comes_back_on_any_way(
    echo: _Echo, way: str, kind: str, secret: str, form: str, padding: int
) -> None:
    """Wherever our own bounds cut the answer. Of a path, what is long or mixed counts as a secret, and words do not."""
    looks_secret = len(secret) >= 24 or (any(map(str.isalpha, secret)) and any(map(str.isdigit, secret)))
    assume(kind != "path" or looks_secret)
    echo.way, echo.text = way, "x" * padding + " sent: " + FORMS[form](secret) + " end"
    said = _said(echo, way, kind, secret)
    found = [name for name, spell in FORMS.items() if spell(secret) in said]
    assert found == [], said


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_ways_lead_back(echo: _Echo, way: str) -> None:
    """What is no credential does come out of each: else the test above would prove nothing."""
    echo.way, echo.text = way, "harmless words"
    assert "harmless words" in _said(echo, way, "header", "a-secret-of-this-test")
