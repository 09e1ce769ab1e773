"""All that reads what clients and servers write to the laboratory."""

from __future__ import annotations

from typing import Final

from canary_lab.cluster import bodies, jsonpath, names, quantity, selectors
from canary_lab.mesh.alternatives import decided
from canary_lab.mesh.http1 import ResponseReader, request_to
from laboratories.readers import ITEM, JSON_TOKENS, YAML_LIST, YAML_TOKENS
from laboratories.reading import Reader, again, listed, words
from stories.shapes import Shape

__all__ = ["LAB_READERS"]

_CHUNKED: Final = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_PIECE: Final = 64


def _http_answer(text: str) -> None:
    reader, data = ResponseReader(head=False), text.encode("latin-1", "replace")
    for begin in range(0, len(data), _PIECE):
        if reader.feed(data[begin : begin + _PIECE]) is not None:
            return
    reader.end()


def _labels(text: str) -> None:
    selectors.parse_labels(text)
    selectors.parse_fields(text)


def _keys(text: str) -> None:
    names.check_labels({text: text}, "metadata.labels")
    names.subdomain_error(text)


def _body(text: str) -> None:
    bodies.doubled(bodies.parse_json(text))


LAB_READERS: Final = [
    Reader(
        name="selector",
        call=_labels,
        tokens=words("a = == != ! , ( ) ␣in␣ ␣notin␣ < > ␣ ⇥ a=b, - /"),
        harmless=listed(("", ""), "app=web"),
    ),
    Reader(name="label", call=_keys, tokens=words("a A - . _ / a. 0 ⏎ é"), harmless=again("a")),
    Reader(
        name="quantity", call=quantity.canonical, tokens=words("1 0 . e E - + Ki m n ␣ \u0663"), harmless=again("1")
    ),
    Reader(
        name="path of a column",
        call=lambda text: list(jsonpath._read(text)),
        tokens=words(r""" .a . [ ] [0] [*] [?(@. == " ' )] ( \ \. ␣ a [?(@.a==1)] """),
        harmless=again(".a"),
        worst=(Shape("", (("[?(@",),), ""),),
    ),
    Reader(
        name="body in JSON",
        call=_body,
        tokens=(*JSON_TOKENS, '"a":1,'),
        frames=(("", ""), ("{", '"z":1}'), ("[", "1]")),
        harmless=listed(('{"items":[', "]}"), ITEM),
    ),
    Reader(
        name="body in YAML",
        call=lambda text: bodies.parse_yaml(text.encode()),
        tokens=YAML_TOKENS,
        frames=(("", ""), ("b: &a {x: 1, y: [1, 2]}\n", "")),
        harmless=listed(YAML_LIST, "1"),
        worst=(Shape("", (("[",),), ""),),
        slack=300_000,
        longest=4 * 1024,
    ),
    Reader(
        name="PromQL",
        call=lambda text: decided(text, lambda _: False),
        tokens=words(r""" ( ) { } [ ] " ' ` \ ␣or␣ , vector( vector(1) ␣ a 1 sum(x) \" """),
        harmless=again('sum(rate(x{a="b"}[1m])) + '),
        worst=(Shape('"', (('\\"',),), ""), Shape("", (("vector(1)",),), "")),
    ),
    Reader(
        name="answer over HTTP",
        call=_http_answer,
        tokens=(
            *(
                "\r\n",
                "\r",
                "\n",
                "a",
                ":",
                " ",
                "a: b\r\n",
                "HTTP/1.1 100 Continue\r\n\r\n",
                "0\r\n",
                "1\r\na\r\n",
                ";",
                ",",
            ),
            *("5", "Transfer-Encoding: chunked\r\n", "Content-Length: 9\r\n"),
        ),
        frames=(("HTTP/1.1 200 OK\r\n", "\r\n\r\n"), (_CHUNKED, "0\r\n\r\n")),
        harmless=lambda length: _CHUNKED + again("1\r\na\r\n", "0\r\n\r\n")(length - len(_CHUNKED)),
    ),
    Reader(
        name="address of a load",
        call=request_to,
        tokens=words("http:// / : @ [ ] % a . ? é ␣ ⏎"),
        frames=(("http://", ""), ("http://a/", "")),
        harmless=again("http://app.example.com:8080/path/"),
    ),
]
"""The bodies that kubectl sends are read once more by the types of the built-in objects, field by field."""
