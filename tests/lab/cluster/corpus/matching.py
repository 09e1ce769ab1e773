# mypy: ignore-errors
"""Compares recorded answers with new ones: tokens stand for what differs from run to run. See README.md."""
import json
import re

TOKENS = {"uid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "rv": r"\d+", "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
          "microtime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "ip": r"\d+\.\d+\.\d+\.\d+", "hash": "[a-z0-9]{4,12}",
          "gen": "[a-z0-9]{5}", "age": r"(?:\d+s|\d+m\d+s|\d+y\d+d)", "hex": "[0-9a-f]+", "continue": "[A-Za-z0-9_=-]+", "any": "(?s:.*)"}
UNORDERED = ("/causes", "/managedFields", "/conditions", "/resourceRules")
TOKEN = re.compile(r"<(%s)(?::(\d+))?>|\$(\w+)" % "|".join(TOKENS))


def find(value, path):
    """All values at a path such as status/conditions/type=Available/status; * is every member, ~1 stands for /."""
    if not path:
        return [value]
    first, _, rest = path.partition("/")
    first, (name, eq, wanted) = first.replace("~1", "/"), first.replace("~1", "/").partition("=")
    if isinstance(value, list):
        some = value if first == "*" else [v for v in value if isinstance(v, dict) and str(v.get(name)) == wanted] if eq \
            else [value[int(first)]] if first.lstrip("-").isdigit() and -len(value) <= int(first) < len(value) else []
    elif isinstance(value, dict):
        some = list(value.values()) if first == "*" else [value[first]] if first in value else []
    else:
        some = []
    return [found for v in some for found in find(v, rest)]


def pick(value, paths):
    """The part of a JSON value that lies on these paths."""
    if "" in paths:
        return value
    heads = {}
    for path in paths:
        first, _, rest = path.partition("/")
        heads.setdefault(first.replace("~1", "/"), []).append(rest)
    if isinstance(value, dict):
        return {k: pick(v, heads.get(k, []) + heads.get("*", [])) for k, v in value.items() if k in heads or "*" in heads}
    if isinstance(value, list):
        result = []
        for i, v in enumerate(value):
            below = [r for h, rs in heads.items() for r in rs if h in ("*", str(i)) or "=" in h and isinstance(v, dict)
                     and str(v.get(h.partition("=")[0])) == h.partition("=")[2]]
            if below:
                part = pick(v, below)
                result.append({**{h.partition("=")[0]: h.partition("=")[2] for h in heads if "=" in h and isinstance(v, dict)
                                  and str(v.get(h.partition("=")[0])) == h.partition("=")[2]}, **part}
                              if isinstance(part, dict) else part)
        return result
    return value


def drop(value, paths):
    for path in paths:
        above, _, last = path.rpartition("/")
        for parent in find(value, above):
            if isinstance(parent, dict):
                for key in (list(parent) if last == "*" else [last.replace("~1", "/")]):
                    parent.pop(key, None)


class Symbols:
    """Recording: replaces what differs from run to run by tokens; equal values get equal numbers."""

    def __init__(self, names, loose):
        self.names, self.loose, self.seen, self.known = names, loose, {}, {}

    def token(self, kind, value):
        known = self.seen.setdefault(kind, {})
        return f"<{kind}:{known.setdefault(value, len(known) + 1)}>"

    def learn(self, value):
        if isinstance(value, dict):
            meta = value.get("metadata") if isinstance(value.get("metadata"), dict) else {}
            prefix, name = meta.get("generateName"), meta.get("name", "")
            if value.get("pod-template-hash"):
                self.known.setdefault(value["pod-template-hash"], self.token("hash", value["pod-template-hash"]))
            if prefix and name.startswith(prefix) and len(name) == len(prefix) + 5:
                self.known.setdefault(name[-5:], self.token("gen", name[-5:]))
        for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.learn(v)

    def text(self, s, key, masks):
        if key == "continue":
            return "<continue>" if s else s
        for value, name in self.names.items():
            s = s.replace(value, "$" + name)
        for value, token in self.known.items():
            s = s.replace(value, token)
        s = re.sub(TOKENS["uid"], lambda m: self.token("uid", m[0]), s)
        for kind in ("time", "microtime"):
            s = re.sub(TOKENS[kind], lambda m: f"<{kind}>" if m[0] >= "2025" else m[0], s)
        s = re.sub(r"hash=[0-9A-F]{128}", "hash=<any>", re.sub(r"\.[0-9a-f]{16}$", ".<hex>", s))
        if re.fullmatch(r"10\.\d+\.\d+\.\d+", s):
            return self.token("ip", s)
        for mask in masks:
            s = re.sub(mask, "<any>", s)
        return "<age>" if key == "cells" and re.fullmatch(TOKENS["age"], s) else s

    def normal(self, value, masks=(), key=None, in_list=False):
        if isinstance(value, dict):
            many = "items" in value or value.get("kind") in ("Table", "Status") or str(value.get("kind")).endswith("List")
            return {self.text(k, None, masks): self.normal(v, masks, k, many if k == "metadata" else False)
                    if k != "resourceVersion" else self.normal(v, masks, k, in_list) for k, v in value.items()}
        if isinstance(value, list):
            return [self.normal(v, masks, key) for v in value]
        if not isinstance(value, str):
            return value
        if key == "resourceVersion" and value.isdigit() and value != "0":
            return "<rv>" if in_list or self.loose else self.token("rv", value)
        return self.text(value, key, masks)


class Difference(Exception):
    pass


class Matcher:
    """Replaying: compares with an expectation that holds tokens; a numbered token keeps the value it met first."""

    def __init__(self, names):
        self.names, self.bound = names, {}

    def check(self, expected, actual, exact, path=""):
        fail = lambda: Difference(f"{path or 'body'}: expected {short(expected)}, got {short(actual)}")  # noqa: E731
        if isinstance(expected, dict) and isinstance(actual, dict):
            expected = {self.names_in(k): v for k, v in expected.items()}
            for key in sorted(expected):
                if key not in actual:
                    raise Difference(f"{path}/{key}: missing, expected {short(expected[key])}")
                self.check(expected[key], actual[key], exact, f"{path}/{key}")
            if exact and (more := sorted(set(actual) - set(expected))):
                raise Difference(f"{path}/{more[0]}: not expected, got {short(actual[more[0]])}")
        elif isinstance(expected, list) and isinstance(actual, list):
            if exact and not path.endswith(UNORDERED):
                for i, (e, a) in enumerate(zip(expected, actual)):
                    self.check(e, a, exact, f"{path}/{i}")
            else:
                rest = list(actual)
                for i, e in enumerate(expected):
                    rest.pop(self.any_of(e, rest, exact, f"{path}/{i}"))
            if exact and len(expected) != len(actual):
                raise Difference(f"{path}: expected {len(expected)} items, got {len(actual)}: {short(actual)}")
        elif isinstance(expected, str) and isinstance(actual, str):
            if not self.same(expected, actual):
                raise fail()
        elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
            raise fail()

    def any_of(self, expected, actual, exact, path):
        """The place of the first member that matches; the closest miss (by first difference) is not looked for."""
        for i, a in enumerate(actual):
            before = dict(self.bound)
            try:
                self.check(expected, a, exact, path)
                return i
            except Difference:
                self.bound = before
        raise Difference(f"{path}: none of {len(actual)} matches {short(expected)}")

    def names_in(self, s):
        return re.sub(r"\$(\w+)", lambda m: self.names.get(m[1], m[0]), s)

    def same(self, expected, actual):
        pattern, last, groups = "", 0, []
        for m in TOKEN.finditer(expected):
            pattern += re.escape(expected[last:m.start()])
            last = m.end()
            if m[3]:
                pattern += re.escape(self.names.get(m[3], m[0]))
            elif m[2]:
                groups.append((m[1], m[2]))
                pattern += f"({TOKENS[m[1]]})"
            else:
                pattern += f"(?:{TOKENS[m[1]]})"
        found = re.fullmatch(pattern + re.escape(expected[last:]), actual)
        for group, value in zip(groups, found.groups() if found else ()):
            taken = {v for k, v in self.bound.items() if k[0] == group[0] and k != group}
            if self.bound.setdefault(group, value) != value or value in taken:
                return False  # two that were equal differ now, or two that differed are equal
        return bool(found)


def short(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 160 else text[:157] + "..."
