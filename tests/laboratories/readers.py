"""All that reads what users and servers write to the controller, the load tester and ``canary validate``."""

from __future__ import annotations

import json
from typing import Any, Final

from canary_adapters.istio import routes
from canary_adapters.kubernetes.answers import as_page, content_of
from canary_adapters.kubernetes.store.status import read_status
from canary_adapters.loadtester.payload import read_payload
from canary_adapters.loadtester.words import split
from canary_adapters.manifests import Template, policy_of, policy_warnings, read_object, survey_text
from canary_adapters.manifests.declare import Format, Rule
from canary_adapters.manifests.durations import duration_s
from canary_adapters.manifests.patterns import pattern_fault
from canary_adapters.manifests.values import obeys
from canary_adapters.prometheus.answers import QueryError, said
from canary_adapters.webhook import http
from canary_core import Policy, Progressive
from laboratories.reading import Reader, again, listed, words
from stories.shapes import NUMBER, Shape

__all__ = ["ITEM", "JSON_TOKENS", "READERS", "YAML_LIST", "YAML_TOKENS"]

# -- Queries --------------------------------------------------------------------------------------------------------

_VALUES: Final = dict.fromkeys(("name", "namespace", "target", "service", "ingress", "route", "interval"), "web")


def _query(text: str) -> None:
    Template.read(text).fill(_VALUES, {"v": "x\"'\\", "w": "y"})


# -- Manifests ------------------------------------------------------------------------------------------------------

_HEAD: Final = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata:\n  name: a\n"
_SPEC: Final = "spec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  service:\n    port: 80\n"
_ANALYSIS: Final = "  analysis:\n    interval: 1m\n    threshold: 5\n    stepWeight: 10\n"
YAML_LIST: Final = ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [", "]\n")
YAML_TOKENS: Final = (
    *words(
        """- [ ] { } , ? a 0 ' " *a \\ 1e9, ~, a:␣ -␣ ⏎ ␣␣ :␣ ?␣ &a␣ !!x␣ <<:␣*a⏎ <<:␣{}⏎ ---⏎ |⏎ >⏎ k#:␣1⏎ &b#␣x,"""
    ),
    *(
        "kind: Canary\n",
        _HEAD,
        f"---\n{_HEAD}",
        "# ",
        f"---\n{{apiVersion: flagger.ap/v1, kind: Canary, a{NUMBER}: 1}}\n",
    ),
)
_YAML_FRAMES: Final = (
    ("", ""),
    (_HEAD, ""),
    ("b: &a {x: 1, y: [1, 2]}\n", ""),
    (f"{_HEAD}{_SPEC}{_ANALYSIS}", ""),
    (f"{_HEAD}{_SPEC}    hosts: [", "]\n"),
    (f"{_HEAD}{_SPEC}    gatewayRefs: [", "]\n"),
    (f"{_HEAD}{_SPEC}{_ANALYSIS}    metrics: [", "]\n"),
)


def _object(text: str) -> None:
    for canary in read_object(json.loads(text)).canaries:
        policy_of(canary)
        policy_warnings(canary)


_CANARY: Final = (
    '{"apiVersion":"flagger.app/v1beta1","kind":"Canary","metadata":{"name":"a"},"spec":{"targetRef":'
    '{"apiVersion":"apps/v1","kind":"Deployment","name":"a"},"service":{"port":80%s},"analysis":'
    '{"interval":"1m","threshold":5,"stepWeight":10%s}%s}}'
)


def _within(service: str = "", analysis: str = "", more: str = "") -> tuple[str, str]:
    """A Canary before and after the @ in one of its parts."""
    begin, end = (_CANARY % (service, analysis, more)).split("@")
    return begin, end


_HEADERS: Final = _within(analysis=',"match":[{"headers":{@"a":{"exact":"b"}}}]')
_METRICS: Final = _within(analysis=',"metrics":[@{"name":"request-duration","threshold":1}]')
_OBJECT_TOKENS: Final = words("""
    "a" "a", , 1 1, {}, { } [ ] [], : null, {"nmae":1}, "\\u0000", 1e5, {"headers":{"a":{"exact":"b"}}},
    {"uri":{"regex":"(a"}}, "k#" "k#":1, "k#", {"name":"m#","query":"up","threshold":1}, {"nmae#":1}, "stepWeigh#":1,
    {"name":"m","query":"{{␣x␣}}","threshold":1}, "{{␣name␣}}", "k#":"{{␣name␣}}",
""")
_OBJECT_FRAMES: Final = (
    _within(service=',"hosts":[@"a"]'),
    _within(service=',"gatewayRefs":[@{}]'),
    _within(service=',"match":[@{}]'),
    _within(service=',@"portName":"http"'),
    _within(service=',"corsPolicy":{"allowOrigins":[@{"exact":"a"}]}'),
    _METRICS,
    _HEADERS,
    _within(analysis=',"match":[@{"headers":{"a":{"exact":"b"}}}]'),
    _within(analysis=',"stepWeights":[@1]'),
    _within(analysis=',"webhooks":[{"name":"a","url":"http://a/","metadata":{@"a":"b"}}]'),
    _within(analysis=',@"maxWeight":50'),
    _within(more=',@"suspend":true'),
)
_TEXT_TOKENS: Final = words(r"{{␣name␣}} {{ }} {2} {2, ( ) [ ] [: * ? | a . ␣ \\ \" - \n % @ : / é \u0000 1m")
_TEXT_FRAMES: Final = (
    _within(service=',"match":[{"uri":{"regex":"@"}}]'),
    _within(service=',"timeout":"@"'),
    _within(service=',"hosts":["@"]'),
    _within(analysis=',"metrics":[{"name":"a","threshold":1,"query":"@"}]'),
    _within(analysis=',"metrics":[{"name":"@","threshold":1,"query":"up"}]'),
    _within(analysis=',"webhooks":[{"name":"a","url":"http://a/@"}]'),
    _within(analysis=',"webhooks":[{"name":"a","url":"http://a/","metadata":{"x":"@"}}]'),
    _within(analysis=',"sessionAffinity":{"cookieName":"@"}'),
)
_EXPRESSIONS: Final = listed(
    _within(service=',"match":[@]'),
    f'{{"headers":{{"x-{NUMBER}":{{"regex":"{"^/api/[a-z0-9]+/(v1|v2)/.{2,3}$|" * 20}"}}}}}}',
)


def _name(text: str) -> None:
    kind = {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate"}
    spec: Any = {"provider": {"type": "datadog"}, "query": "x"}
    read_object({**kind, "metadata": {"name": text, "namespace": text}, "spec": spec})


def _url(text: str) -> None:
    obeys(text, Rule(doc="", format=Format.URL), "a text")


def _status(text: str) -> None:
    read_status(Policy(strategy=Progressive(weights=(50,))), json.loads(text))


# -- Servers --------------------------------------------------------------------------------------------------------

JSON_TOKENS: Final = words("""
    "a" "a", , 1 1, {}, { } [ ] [], : null, true, \\ " [1,"1"], {"metric":{},"value":[1,"1"]}, 9 1e5, 1e999, "\\u0000"
    {"metric":{},"value":[1,"x"]}, {"values":[]}, "warnings": "value": "k#":1,
    {"metadata":{"name":"a","namespace":"b","uid":"c","resourceVersion":"1"}},
""")
ITEM: Final = f'{{"metadata":{{"name":"a{NUMBER}","namespace":"b","uid":"u","resourceVersion":"1"}},"spec":{{"x":1}}}}'
_SERIES: Final = f'{{"metric":{{"pod":"a-{NUMBER}"}},"value":[1700000000.5,"99.5"]}}'


def _answer(text: str) -> None:
    found = said(text.encode())
    if isinstance(found, QueryError):
        raise found


def _page(text: str) -> None:
    as_page("GET", content_of("GET", 200, {}, text.encode()))


def _cookie(text: str) -> None:
    routes._value([{"match": [{"headers": {"Cookie": {"regex": text}}}]}], "canary")


def _retry_after(text: str) -> None:
    http._Retry(total=1).parse_retry_after(text)


# -- All ------------------------------------------------------------------------------------------------------------

READERS: Final = [
    Reader(
        name="query template",
        call=_query,
        tokens=words(r"""
            {{ }} {{␣name␣}} {{name}} {{-␣namespace␣-}} {{␣variables.v␣}} {{␣nobody␣}} {{/* */}} { } - /* */ a . | ( é
            " ' ` \ ␣ ⏎ ⇥ variables.
        """),
        harmless=again('sum(rate(x{namespace="{{ namespace }}",pod=~"{{ target }}-[0-9]+"}[{{ interval }}])) + ', "1"),
        worst=(
            Shape("{{", ((" ",),), ""),
            Shape("", (("{{",),), ""),
            Shape("", (("{{",), ("}}",)), ""),
            Shape("", (("{{/*",),), ""),
            Shape("", (("{{ variables.v }}",),), ""),
        ),
    ),
    Reader(
        name="manifest file",
        call=survey_text,
        tokens=YAML_TOKENS,
        frames=_YAML_FRAMES,
        harmless=listed(YAML_LIST, "1"),
        worst=(
            Shape("a: &a {x: 1}\nb:\n", (("  <<: *a\n",),), ""),
            Shape("", ((f"---\n{_HEAD}",),), ""),
            Shape("", (("[",),), ""),
        ),
        slack=150_000,
    ),
    Reader(
        name="object of the API server",
        call=_object,
        tokens=_OBJECT_TOKENS,
        frames=_OBJECT_FRAMES,
        harmless=_EXPRESSIONS,
        worst=(
            Shape(_HEADERS[0], ((f'"k{NUMBER}":{{}},',),), _HEADERS[1]),
            Shape(_METRICS[0], (('{"nmae":1},',),), _METRICS[1]),
        ),
        slack=200_000,
    ),
    Reader(
        name="text in an object",
        call=_object,
        tokens=_TEXT_TOKENS,
        frames=_TEXT_FRAMES,
        harmless=_EXPRESSIONS,
        slack=20_000,
    ),
    Reader(name="duration", call=duration_s, tokens=words("1 0 . h m s ms 1h 1m + - ␣ µs x"), harmless=again("1m30s")),
    Reader(name="name and namespace", call=_name, tokens=words("a 0 - . a. -a A ⏎ ␀ é"), harmless=again("a")),
    Reader(
        name="address",
        call=_url,
        tokens=words("http:// / // : @ [ ] % %41 a . ? # é \u2100 0 ␣ ␀"),
        frames=(("", ""), ("http://", ""), ("http://[", "]/"), ("http://a:", "/"), ("http://a/", "")),
        harmless=again("http://receiver.example.com/hooks/"),
    ),
    Reader(
        name="regular expression",
        call=pattern_fault,
        tokens=words(r"a [ ] [^ [: :] [[:alpha:]] ( ) (? | * + ? { } {2} {2, \ \Q \E \p{ \x{ \d . ^ $ - é"),
        harmless=again("^/api/[a-z0-9]+/(v1|v2)/\\d{2,3}.*$|"),
        worst=(Shape("", (("[[:",),), ""), Shape("", (("(",), (")",)), ""), Shape("", (("\\Q",),), "")),
    ),
    Reader(
        name="status",
        call=_status,
        tokens=JSON_TOKENS,
        frames=(("{", "}"), ('{"rollout":{"version":1,', "}}"), ('{"rollout":{"version":1,"pending":[', "]}}")),
        harmless=listed(
            ('{"lastAppliedSpec":"x","phase":"Progressing","trackedConfigs":{', "}}"), f'"configmap/{NUMBER}":"x"'
        ),
    ),
    Reader(
        name="answer of Prometheus",
        call=_answer,
        tokens=JSON_TOKENS,
        frames=(('{"data":{"result":[', "]}}"), ('{"data":{"result":', "}}"), ("", "")),
        harmless=listed(('{"status":"success","data":{"resultType":"vector","result":[', "]}}"), _SERIES),
    ),
    Reader(
        name="answer of the API server",
        call=_page,
        tokens=JSON_TOKENS,
        frames=(('{"metadata":{"resourceVersion":"1"},"items":[', "]}"), ("{", "}"), ("", "")),
        harmless=listed(('{"metadata":{"resourceVersion":"1"},"items":[', "]}"), ITEM),
    ),
    Reader(
        name="Retry-After of a receiver",
        call=_retry_after,
        tokens=words("1 ␣ , Mon Jan : - + GMT 00: ⇥ . a"),
        harmless=again("Wed, 21 Oct 2025 07:28:00 GMT "),
    ),
    Reader(
        name="payload of a webhook",
        call=lambda text: read_payload(text.encode("utf-8", "surrogatepass")),
        tokens=(*JSON_TOKENS, *words(r""" "metadata":{ "k#":"v", "\ud800" """)),
        frames=(("{", "}"), ('{"metadata":{', '"a":"b"}}'), ("", "")),
        harmless=listed(
            ('{"name":"a","namespace":"b","phase":"Progressing","metadata":{', "}}"), f'"k{NUMBER}":"value"'
        ),
    ),
    Reader(
        name="command of the load tester",
        call=split,
        tokens=words(r"""a ␣ ⇥ ⏎ ' " \ \⏎ $ ` & | ; ( ~ = A= '' "" \a """),
        harmless=again("hey -z 1m -q 9 -c 2 -n 8 -H 'a' "),
        worst=(
            Shape("", (("\\a",),), ""),
            Shape("", (("''",),), ""),
            Shape("'", (("a",),), ""),
            Shape("", ((" \n",),), "x"),
        ),
    ),
    Reader(
        name="cookie of a route",
        call=_cookie,
        tokens=words(r".* canary a .*canary.* * . ( \ "),
        harmless=again(".*canary.*abc.*"),
    ),
]
"""The contents of ConfigMaps, Secrets and pod templates are copied and hashed by the standard library, and not read."""
