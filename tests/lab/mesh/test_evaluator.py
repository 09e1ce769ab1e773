"""The stand-in for Prometheus, on what Envoy tells: names, values by hand, the controller's way to ask, and trouble."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from prombed import PrombedError

from applications.declared import canary_of, raw_canary
from canary_adapters.prometheus import CanaryMetrics, PrometheusPool
from canary_core import MetricQuestion, NoData, Sample, SourceError, SourcesOnline
from canary_lab.mesh.alternatives import DEEPEST, MOST_ALTERNATIVES, decided
from canary_lab.mesh.evaluator import LARGEST_BODY, LARGEST_SCRAPE, LONGEST_QUERY, Evaluator
from canary_lab.mesh.http1 import SettingError
from canary_lab.mesh.istio_names import istio_names
from laboratories.lab import PATIENCE_S, eventually
from peers.http_peers import Caller, Peer, free_port, once, silent

RATE = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
DURATION = {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "1m"}


def _counter(cluster: str, code: int, value: int) -> str:
    return f'envoy_cluster_upstream_rq{{envoy_response_code="{code}",envoy_cluster_name="{cluster}"}} {value}\n'


def _histogram(cluster: str, buckets: dict[str, int]) -> str:
    """Cumulative counts by upper bound."""
    name, last = "envoy_cluster_upstream_rq_time", list(buckets.values())[-1]
    lines = [f'{name}_bucket{{envoy_cluster_name="{cluster}",le="{le}"}} {count}' for le, count in buckets.items()]
    lines += [f'{name}_sum{{envoy_cluster_name="{cluster}"}} {last * 7.5}']
    return "\n".join([f"# TYPE {name} histogram", *lines, f'{name}_count{{envoy_cluster_name="{cluster}"}} {last}', ""])


# From 1,000 good and 100 failed answers to 95 and 5 more: 95 %. Of the 100 answers more, 90 took up to 100 ms, 98 up to
# 250 and all up to 500: the 99th in a hundred is half way between 250 and 500, by linear interpolation.
EARLIER = (
    _counter("test/app", 200, 1000)
    + _counter("test/app", 503, 100)
    + _counter("test/app-primary", 200, 5000)
    + _histogram("test/app", {"100": 1000, "250": 1050, "500": 1100, "+Inf": 1100})
)
LATER = (
    _counter("test/app", 200, 1095)
    + _counter("test/app", 503, 105)
    + _counter("test/app-primary", 200, 9000)
    + _histogram("test/app", {"100": 1090, "250": 1148, "500": 1200, "+Inf": 1200})
)


# -- Names -----------------------------------------------------------------------------------------------------------


def test_clusters_become_workloads() -> None:
    text = (
        "# TYPE envoy_cluster_upstream_rq counter\n"
        'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="test/podinfo-primary"} 41\n'
        'envoy_cluster_upstream_rq{envoy_response_code="503",envoy_cluster_name="test/podinfo"} 2\n'
        "# TYPE envoy_cluster_upstream_rq_xx counter\n"
        'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="test/podinfo"} 2\n'
        "# TYPE envoy_cluster_upstream_rq_timeout counter\n"
        'envoy_cluster_upstream_rq_timeout{envoy_cluster_name="test/podinfo"} 1\n'
        "# TYPE envoy_server_uptime gauge\n"
        "envoy_server_uptime{} 17\n"
        "# TYPE envoy_cluster_upstream_rq_time histogram\n"
        'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo",le="0.5"} 0\n'
        'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo",le="+Inf"} 43\n'
        'envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="test/podinfo"} 96.55\n'
        'envoy_cluster_upstream_rq_time_count{envoy_cluster_name="test/podinfo"} 43\n'
    )
    podinfo = 'destination_workload="podinfo",destination_workload_namespace="test"'
    primary = 'destination_workload="podinfo-primary",destination_workload_namespace="test"'
    assert istio_names(text).splitlines() == [
        f'istio_requests_total{{{primary},reporter="destination",response_code="200"}} 41.0',
        f'istio_requests_total{{{podinfo},reporter="destination",response_code="503"}} 2.0',
        f'istio_request_duration_milliseconds_bucket{{{podinfo},le="0.5",reporter="destination"}} 0.0',
        f'istio_request_duration_milliseconds_bucket{{{podinfo},le="+Inf",reporter="destination"}} 43.0',
        f'istio_request_duration_milliseconds_sum{{{podinfo},reporter="destination"}} 96.55',
        f'istio_request_duration_milliseconds_count{{{podinfo},reporter="destination"}} 43.0',
    ]


def test_what_is_no_workload_is_kept_without_a_name_and_once() -> None:
    text = _counter("xds", 200, 1) + _counter("metrics", 200, 2) + _counter("a/b/c", 200, 3) + _counter("/x", 200, 4)
    deep = 'destination_workload="b/c",destination_workload_namespace="a"'
    assert istio_names(text).splitlines() == [
        'istio_requests_total{reporter="destination",response_code="200"} 1.0',
        f'istio_requests_total{{{deep},reporter="destination",response_code="200"}} 3.0',
    ]


def test_values_are_quoted_and_numbers_written_as_they_are_read() -> None:
    line = 'envoy_cluster_upstream_rq{envoy_cluster_name="n/a\\"b\\\\c",zone="d\\ne"}'
    found = istio_names(f"{line} NaN\n{line.replace('zone', 'area')} +Inf\n")
    workload = 'destination_workload="a\\"b\\\\c",destination_workload_namespace="n",reporter="destination"'
    assert found.splitlines() == [
        f'istio_requests_total{{{workload},zone="d\\ne"}} NaN',
        f'istio_requests_total{{area="d\\ne",{workload}}} +Inf',
    ]


def test_what_is_no_statistic_is_refused() -> None:
    with pytest.raises(PrombedError, match="expected ',' or '}'"):
        istio_names('envoy_cluster_upstream_rq{a="b"')


# -- Alternatives ----------------------------------------------------------------------------------------------------


def _known(*names: str) -> Callable[[str], bool]:
    """Queries have a value if they are about one of these."""
    return lambda query: any(re.search(rf"\b{name}\b", query) for name in names)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sum(a) or sum(b)", "sum(a) "),
        ("sum(c) or sum(b)", " sum(b)"),
        ("sum(c) OR sum(d)", " sum(d)"),
        ("sum(c) or sum(d) or count(b) or sum(a)", " count(b) "),
        ("(sum(rate(c[1m])) or 0 * sum(b)) / sum(b) * 100", "( 0 * sum(b)) / sum(b) * 100"),
        ("((sum(c) or sum(a)) or sum(b)) + 1", "(( sum(a)) ) + 1"),
        ("(-sum(a) + 2 or sum(b))", "(-sum(a) + 2 )"),
        ("(sum(a) / sum by () (b) > 5 or sum(b))", "(sum(a) / sum by () (b) > 5 )"),
        ("histogram_quantile(0.9, sum(a) by (le)) or sum(b)", "histogram_quantile(0.9, sum(a) by (le)) "),
        ("vector(1)", "(0 * count(up) + 1)"),
        ("sum(c) or vector ( -2.5e3 )", " (0 * count(up) + -2.5e3)"),
        ('sum(c{x=") or vector(1) or ("}) or sum(b)', " sum(b)"),
        ('sum(a{or="x, or", y=~"or)"}[5m:1s])', 'sum(a{or="x, or", y=~"or)"}[5m:1s])'),
        (r"sum(a{b='\' or', c=`\`, d=`or `}) + sum by (order) (b)", None),
        ("sum(vector) + sum(orders)", None),
    ],
)
def test_alternatives_are_decided(query: str, expected: str | None) -> None:
    assert decided(query, _known("a", "b")) == (query if expected is None else expected)


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("a or b", "unsupported_promql_feature", "'or' is supported between aggregates without labels only"),
        ("sum(a) or sum(b) by (x)", "unsupported_promql_feature", "not with 'sum(b) by (x)'"),
        ("sum(a) or avg without (x) (b)", "unsupported_promql_feature", "without labels"),
        ("sum(a) or 1", "unsupported_promql_feature", "not with '1'"),
        ("sum(a or b)", "unsupported_promql_feature", "not with 'a'"),
        ("sum(a) or rate(b[1m])", "unsupported_promql_feature", "not with 'rate(b[1m])'"),
        ("sum(a) or sum(b) * on (x) sum(a)", "unsupported_promql_feature", "'on'"),
        ("sum(a) or on (x) sum(b)", "unsupported_promql_feature", "modifier 'on' of 'or'"),
        ("sum(a) or ignoring(x) sum(b)", "unsupported_promql_feature", "modifier 'ignoring' of 'or'"),
        ("sum(a) and sum(b) or sum(a)", "unsupported_promql_feature", "'and'"),
        ("vector(sum(a))", "unsupported_promql_feature", "'vector' takes a plain number"),
        (" or ".join(["sum(a)"] * (MOST_ALTERNATIVES + 2)), "unsupported_promql_feature", "32 times 'or'"),
        ("sum(a) or", "invalid_query", "between two expressions"),
        ("(sum(a) or sum(b)", "invalid_query", "there is no ')'"),
        ("sum(a{b)", "invalid_query", "there is no '}'"),
        ("sum(a))", "invalid_query", "closes nothing"),
        ('sum(a{b="c)', "invalid_query", "unterminated string"),
        ('"', "invalid_query", "unterminated string"),
        ("(" * (DEEPEST + 1), "invalid_query", "40 brackets"),
    ],
)
def test_what_is_not_supported_is_named(query: str, code: str, words: str) -> None:
    with pytest.raises(PrombedError) as caught:
        decided(query, _known("a", "b"))
    assert caught.value.code == code
    assert words in str(caught.value)


@given(st.lists(st.sampled_from(["a", "sum", "(", ")", "{", "}", "[", "]", '"', "'", "\\", ",", " ", "1", "=", "x.y"])))
def test_what_has_no_alternatives_stays_as_it_is(parts: list[str]) -> None:
    query = "".join(parts)
    try:
        assert decided(query, lambda _: pytest.fail("nothing to decide")) == query
    except PrombedError as error:
        assert error.code == "invalid_query"  # noqa: PT017 - or it comes back unchanged


# -- Samples ---------------------------------------------------------------------------------------------------------


def _http(text: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + text.encode()


def _evaluated(texts: list[str], ask: Callable[[Evaluator], Any]) -> Any:
    """What is answered after these scrapes."""

    async def run() -> Any:
        with Peer(silent()) as envoy:
            async with Evaluator(f"{envoy.url}/stats/prometheus?usedonly") as evaluator:
                for text in texts:
                    envoy.behaviour = once(_http(text))
                    await evaluator.scrape()
                    assert not evaluator.trouble
                    _next_millisecond()
                return ask(evaluator)

    return asyncio.run(run())


def _next_millisecond() -> None:
    """Samples are told apart by their milliseconds."""
    before = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == before:
        pass


def _value(evaluator: Evaluator, query: str, at_s: float | None = None) -> float | None:
    answer = evaluator.query(query, at_s)
    assert (answer["status"], answer["data"]["resultType"]) == ("success", "vector")
    result = answer["data"]["result"]
    assert len(result) <= 1
    return float(result[0]["value"][1]) if result else None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('sum(istio_requests_total{destination_workload="app"})', 1200.0),
        ('sum(istio_requests_total{destination_workload=~"app"}) or vector(7)', 1200.0),
        ("sum(nothing) or vector(7)", 7.0),
        ("(sum(nothing) or sum(nothing_else)) * 2", None),
        ("(sum(nothing) or vector(-2.5)) * 2", -5.0),
        ("(sum(nothing) / sum(up) or 0 * sum(up)) / sum(up) * 100 + 3", 3.0),
        ("count(istio_request_duration_milliseconds_bucket)", 4.0),
        ("sum(istio_request_duration_milliseconds_sum)", 9000.0),
        ("up", 1.0),
        ("vector(1)", 1.0),
    ],
)
def test_queries_have_their_values(query: str, expected: float | None) -> None:
    assert _evaluated([EARLIER, LATER], lambda evaluator: _value(evaluator, query)) == expected


def test_an_alternative_without_a_number_is_a_value() -> None:
    """NaN is a value for `or`, in PromQL as here."""

    def ask(evaluator: Evaluator) -> bool:
        found = _value(evaluator, "0 * sum(up) / (0 * sum(up)) or vector(1)")
        return found is not None and found != found

    assert _evaluated([EARLIER], ask)


def test_a_query_may_be_about_an_earlier_time() -> None:
    def ask(evaluator: Evaluator) -> list[float | None]:
        return [_value(evaluator, "sum(istio_requests_total)", at_s) for at_s in (time.time() - 100, time.time())]

    assert _evaluated([EARLIER], ask) == [None, 6100.0]


def test_what_the_target_no_longer_tells_is_gone() -> None:
    found = _evaluated([EARLIER, ""], lambda evaluator: _value(evaluator, "sum(istio_requests_total)"))
    assert found is None


@pytest.mark.parametrize("query", ["-" * 5000 + "1", "1" + "+1" * 5000, "(" * 5000, "x" * (LONGEST_QUERY + 1), ""])
def test_monstrous_queries_are_refused(query: str) -> None:
    def ask(evaluator: Evaluator) -> str:
        with pytest.raises(PrombedError) as caught:
            evaluator.query(query)
        return caught.value.code

    assert _evaluated([], ask) == "invalid_query"


async def _endless(caller: Caller) -> None:
    await caller.request()
    await caller.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"# nothing\n" * (LARGEST_SCRAPE // 10 + 1))
    await caller.gone()


async def _resetting(caller: Caller) -> None:
    await caller.request()
    caller.reset()


def test_whatever_the_target_does_scraping_goes_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("canary_lab.mesh.evaluator.TIMEOUT_S", 0.3)
    troubles = [
        (once(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "status 503"),
        (once(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), "status 302"),
        (once(_http("envoy_cluster_upstream_rq{} many\n")), "invalid sample value"),
        (once(_http("\N{SNOWMAN}")[:-1]), "'utf-8' codec"),
        (once(b"hello"), "failed to scrape"),
        (silent(), "no answer within 0.3 s"),
        (_resetting, "failed to scrape"),
    ]

    async def run() -> None:
        with Peer(silent()) as envoy:
            async with Evaluator(envoy.url) as evaluator:
                for behaviour, words in troubles:
                    envoy.behaviour = behaviour
                    await evaluator.scrape()
                    assert words in evaluator.trouble
                    assert "\n" not in evaluator.trouble
                    assert _value(evaluator, "vector(1)") == 1.0
                    assert _value(evaluator, "up") == 0.0
                    _next_millisecond()
                envoy.behaviour = once(_http(EARLIER))
                await evaluator.scrape()
                assert not evaluator.trouble
                assert _value(evaluator, "sum(istio_requests_total)") == 6100.0

    asyncio.run(run())
    assert capfd.readouterr().err.splitlines()[-1] == "scraped again"


def test_a_target_without_end_is_cut_off() -> None:
    async def run() -> str:
        with Peer(_endless) as envoy:
            async with Evaluator(envoy.url) as evaluator:
                await evaluator.scrape()
                return evaluator.trouble

    assert "more than 8388608 bytes" in asyncio.run(run())


def test_only_http_is_scraped() -> None:
    with pytest.raises(SettingError, match="url: 'file:///etc/passwd' is not allowed"):
        Evaluator("file:///etc/passwd")


# -- The process, as the controller asks it --------------------------------------------------------------------------


@define
class Served:
    """The command, with something that tells what Envoy would tell."""

    envoy: Peer
    process: subprocess.Popen[bytes]
    log: Path
    text: str = ""
    port: int = field(default=0, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tells(self, *texts: str) -> None:
        """Let each of these be scraped, one after the other."""
        for text in texts:
            self.text = text
            before = len(self.envoy.requests)
            # The answer to the first may have been on its way before; that to the second is kept when the third comes.
            eventually(lambda seen=before: len(self.envoy.requests) >= seen + 3)  # type: ignore[misc]

    def ask(self, path: str, **more: Any) -> requests.Response:
        return requests.request(more.pop("method", "GET"), f"{self.url}{path}", timeout=PATIENCE_S, **more)

    def metrics(self, *metrics: dict[str, Any]) -> CanaryMetrics:
        analysis = {"interval": "1m", "threshold": 1, "stepWeight": 10, "metrics": list(metrics)}
        return CanaryMetrics(
            canary_of(raw_canary("test", analysis=analysis)),
            provider="istio",
            metrics_server=self.url,
            templates=lambda *_: None,
            secrets=lambda *_: None,
            pool=PrometheusPool(),
        )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    async def tell(caller: Caller) -> None:
        if await caller.request():
            await caller.send(_http(found.text))

    log = tmp_path / "log"
    with Peer(tell) as envoy, log.open("wb") as file:
        command = [sys.executable, "-m", "canary_lab.mesh.evaluator", "--scrape", f"{envoy.url}/stats"]
        with subprocess.Popen(command, stderr=file) as process:
            found = Served(envoy, process, log)
            try:

                def listening() -> bool:
                    assert process.poll() is None, log.read_text()
                    told = re.search(r"listening on port (\d+)\n", log.read_text())
                    found.port = int(told[1]) if told else 0
                    return found.port > 0

                eventually(listening)
                yield found
            finally:
                process.kill()


@pytest.mark.slow
def test_the_controller_is_answered_as_by_prometheus(served: Served) -> None:
    source = served.metrics({**RATE, "minSamples": 20}, DURATION)
    assert source.online() == SourcesOnline()
    assert source.measure(MetricQuestion(check="request-duration")) == NoData()
    served.tells(EARLIER, LATER)
    rate = source.measure(MetricQuestion(check="request-success-rate"))
    assert isinstance(rate, Sample)
    assert rate.value == pytest.approx(95.0)
    # 100 requests within samples that begin and end a little inside of what is asked for: PromQL extrapolates.
    assert rate.count is not None
    assert 100 <= rate.count <= 260
    duration = source.measure(MetricQuestion(check="request-duration"))
    assert isinstance(duration, Sample)
    assert duration.value == pytest.approx(375.0)


@pytest.mark.slow
def test_who_never_answered_well_has_a_success_rate_of_zero(served: Served) -> None:
    served.tells(_counter("test/app", 503, 10), _counter("test/app", 503, 30))
    assert served.metrics(RATE).measure(MetricQuestion(check="request-success-rate")) == Sample(value=0.0)


def test_the_api_answers_as_that_of_prometheus(served: Served) -> None:
    for path in ("/-/ready", "/-/healthy"):
        assert served.ask(path).status_code == 200
    now = time.time()
    for found in (
        served.ask("/api/v1/query", params={"query": "vector(1)", "time": str(now)}),
        served.ask("/api/v1/query", method="POST", data={"query": "vector(1)", "time": str(now)}),
    ):
        assert found.status_code == 200
        answer = {"resultType": "vector", "result": [{"metric": {}, "value": [round(now, 3), "1"]}]}
        assert found.json() == {"status": "success", "data": answer}
    scalar = served.ask("/api/v1/query", params={"query": "2", "time": "1970-01-01T00:02:00Z"}).json()
    assert scalar["data"] == {"resultType": "scalar", "result": [120.0, "2"]}


def test_errors_have_the_form_of_prometheus(served: Served) -> None:
    cases: list[tuple[dict[str, str], int, str, str]] = [
        ({}, 400, "bad_data", "query must not be empty"),
        ({"query": "sum("}, 400, "bad_data", "there is no ')'"),
        ({"query": "absent(up)"}, 400, "bad_data", "'absent' is not supported"),
        ({"query": "up or up"}, 400, "bad_data", "'or' is supported between aggregates without labels only"),
        ({"query": "up[1m]"}, 422, "execution", "range vectors"),
        ({"query": "up", "time": "yesterday"}, 400, "bad_data", "time: 'yesterday' is no time"),
        ({"query": "up", "time": "NaN"}, 400, "bad_data", "time: 'NaN' is no time"),
        ({"query": "x" * (LONGEST_QUERY + 1)}, 400, "bad_data", "more than 65536 characters"),
        ({"query": "x" * (LARGEST_BODY + 1)}, 413, "bad_data", "more than 262144 bytes"),
    ]
    for given_, status, kind, words in cases:
        found = served.ask("/api/v1/query", method="POST", data=given_)
        content = found.json()
        assert (found.status_code, content["status"], content["errorType"]) == (status, "error", kind)
        assert words in content["error"]


def test_what_it_cannot_evaluate_is_an_error_for_the_controller(served: Served) -> None:
    own = {"name": "own", "thresholdRange": {"max": 1}, "query": "absent(up)"}
    found = served.metrics(own).measure(MetricQuestion(check="own"))
    assert isinstance(found, SourceError)
    assert "absent" in found.message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(served: Served, number: signal.Signals) -> None:
    served.process.send_signal(number)
    assert served.process.wait(PATIENCE_S) == 0
    assert f"listening on port {served.port}\n" in served.log.read_text()
    assert "Traceback" not in served.log.read_text()


def test_mistakes_on_the_command_line_are_told_in_one_line() -> None:
    with Peer(silent()) as taken:
        good = f"http://127.0.0.1:{free_port()}/"
        for arguments, words in (
            ([], "--scrape"),
            (["--scrape", "somewhere"], "'somewhere' is not allowed: an address like"),
            (["--scrape", good, "--port", "99999"], "'99999' is not allowed: a port from 0 to 65535"),
            (["--scrape", good, "--port", str(taken.port)], f"--port: {taken.port}: "),
            (["--scrape", good, "--prot", "1"], "unrecognized arguments: --prot 1"),
        ):
            command = [sys.executable, "-m", "canary_lab.mesh.evaluator", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
            assert done.returncode == 2
            last = done.stderr.splitlines()[-1]
            assert last.startswith("error: ")
            assert words in last
            assert "Traceback" not in done.stderr
