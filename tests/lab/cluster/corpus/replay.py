#!/usr/bin/env python3
# mypy: ignore-errors
"""Replays recorded request sequences against a Kubernetes API server and compares what it answers. See README.md."""
import argparse
import base64
import concurrent.futures
import contextlib
import copy
import http.client
import json
import pathlib
import random
import re
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse

import yaml

from matching import Difference, Matcher, Symbols, drop, find, pick, short

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = ["Content-Type", "Warning"]
class Loader(yaml.SafeLoader):
    """YAML in which a date stays a string, as in Kubernetes."""
    yaml_implicit_resolvers = {k: [r for r in v if r[0] != "tag:yaml.org,2002:timestamp"]
                               for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}


class Dumper(yaml.SafeDumper):
    """YAML without anchors."""

    def ignore_aliases(self, data):
        return True


class Server:
    """One HTTP(S) endpoint and an identity; a connection for each request."""

    def __init__(self, url, token=None, cert=None, key=None, ca=None):
        self.url, self.token = urllib.parse.urlsplit(url), token
        self.tls = self.bare = None
        if self.url.scheme == "https":
            self.tls, self.bare = ssl.create_default_context(cafile=ca), ssl.create_default_context(cafile=ca)
            for tls in () if ca else (self.tls, self.bare):  # no CA known: take any certificate
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            if cert:
                self.tls.load_cert_chain(cert, key)

    @classmethod
    def from_kubeconfig(cls, file, folder, url=None):
        config = yaml.safe_load(pathlib.Path(file).read_text())
        by_name = lambda kind, name: next(c for c in config[kind + "s"] if c["name"] == name)[kind]  # noqa: E731
        context = by_name("context", config["current-context"])
        cluster, user = by_name("cluster", context["cluster"]), by_name("user", context["user"])

        def path(where, name):
            if name + "-data" in where:
                target = pathlib.Path(folder) / name
                target.write_bytes(base64.b64decode(where[name + "-data"]))
                return str(target)
            return where.get(name)
        return cls(url or cluster["server"], user.get("token"), path(user, "client-certificate"),
                   path(user, "client-key"), path(cluster, "certificate-authority"))

    def send(self, method, path, body, headers, timeout=30):
        tls = self.bare if "Authorization" in headers else self.tls  # a client certificate would win over a token
        connection = (http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=timeout, context=tls) if tls
                      else http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=timeout))
        headers = {"User-Agent": "conformance/1.0", "Accept": "application/json", **headers}
        if self.token:
            headers.setdefault("Authorization", "Bearer " + self.token)
        connection.request(method, path, body, headers)
        return connection, connection.getresponse()


class Watch(threading.Thread):
    """Reads the events of a watch until enough came, the time is over or the server ends it."""

    def __init__(self, server, request):
        super().__init__(daemon=True)
        self.connection, self.response = server.send(*request, timeout=90)
        self.events, self.closed, self.rest = [], False, b""
        self.start()

    def run(self):
        try:
            while line := self.response.readline():
                if line.strip():
                    self.events.append(json.loads(line))
        except ValueError:
            self.rest = line
        except Exception:  # the socket was closed by finish()
            return
        self.closed = True

    def finish(self, count, within):
        end = time.monotonic() + within
        while time.monotonic() < end and not self.closed and (count is None or len(self.events) < count):
            time.sleep(0.02)
        events, closed = list(self.events), self.closed
        if self.connection.sock:
            self.connection.sock.close()
        return {"code": self.response.status, "headers": dict(head(self.response)), "closed": closed,
                "body": events if self.response.status == 200 else (events or [self.rest.decode()])[0]}


def head(response, more=()):
    for name in [*HEADERS, *more]:
        if found := response.headers.get_all(name):
            yield name, found if len(found) > 1 else found[0]


class Runner:
    def __init__(self, server, file, record, limit):
        self.server, self.file, self.record, self.limit = server, file, record, limit
        self.doc = yaml.load(file.read_text(), Loader)
        rand = "".join(random.choices("bcdfghjklmnpqrstvwxz", k=6))
        self.vars = {"rand": rand, "ns": f"ns-{rand}"}
        self.symbols = Symbols({f"ns-{rand}": "ns", rand: "rand"}, self.doc.get("loose_rv"))
        self.matcher, self.watches, self.cleanup = Matcher(self.vars), {}, []

    def fill(self, value):
        if isinstance(value, dict):
            return {self.fill(k): self.fill(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        return re.sub(r"\$(\w+)", lambda m: str(self.vars.get(m[1], m[0])), value) if isinstance(value, str) else value

    def request(self, step):
        method, _, path = self.fill(step["do"]).partition(" ")
        if lost := re.search(r"\$\w+", path):
            raise Difference(f"{lost[0]} is not known: an earlier step did not yield it")
        body = self.fill(step["raw"]) if "raw" in step else json.dumps(self.fill(step["body"])) if "body" in step else None
        headers = {**({"Content-Type": "application/json"} if body is not None else {}), **self.fill(step.get("headers", {}))}
        if method == "POST" and path.partition("?")[0].endswith("/customresourcedefinitions"):
            self.cleanup.append(path.partition("?")[0] + "/" + self.fill(step["body"])["metadata"]["name"])
        return method, path, body and body.encode() + b" " * step.get("pad", 0), headers

    def send(self, step):
        request = self.request(step)
        if re.search(r"[?&]watch=(1|true)", request[1]):
            watch = Watch(self.server, request)
            if "watch" in step:
                self.watches[step["watch"]] = watch
                return None
            return watch.finish(step.get("events"), min(step.get("within", 10), self.limit))
        connection, response = self.server.send(*request)
        text = response.read()
        connection.close()
        try:
            body = json.loads(text)
        except ValueError:
            body = text.decode(errors="replace")
        return {"code": response.status, "headers": dict(head(response, step.get("also_headers", ()))), "body": body}

    def step(self, step):
        if "sleep" in step:
            return time.sleep(step["sleep"])
        if "join" in step:
            if step["join"] not in self.watches:
                raise Difference("that watch was never opened")
            return self.watches[step["join"]].finish(step.get("events"), min(step.get("within", 10), self.limit))
        within = min(step.get("within", 15), self.limit)
        end = time.monotonic() + within
        while True:
            got = self.send(step)
            wrong = [f"{path} {short(want)}" for path, want in self.fill(step.get("until", {})).items()
                     if (got["code"] if path == "code" else (find(got["body"], path) or ["absent"])[0]) != want]
            if not wrong:
                return got
            if time.monotonic() > end:
                raise Difference(f"after {within} s not yet {', '.join(wrong)}: {short(got['body'])}")
            time.sleep(0.1)

    def settle(self, step, got):
        """Takes values for later steps, then compares the answer, or keeps it as what is expected."""
        body = got["body"]
        for name, path in step.get("save", {}).items():
            if found := find(body, path):
                self.vars[name] = found[0]
        body = copy.deepcopy(body)
        for managed in () if step.get("managed") else ("metadata", "*/object/metadata", "items/*/metadata",
                                                      "rows/*/object/metadata", "*/object/rows/*/object/metadata"):
            drop(body, [managed + "/managedFields"])
        drop(body, ["columnDefinitions/*/description", "*/object/columnDefinitions/*/description", *self.fill(step.get("drop", []))])
        if self.record:
            self.symbols.learn(body)
            result = {"code": got["code"], "headers": self.symbols.normal(got["headers"])}
            if "closed" in got and "events" not in step:
                result["closed"] = got["closed"]
            if not step.get("no_body"):
                part = pick(body, self.fill(step["pick"])) if "pick" in step else body
                result["seen" if "milestones" in step else "body"] = self.symbols.normal(part, step.get("mask", ()))
            step["expect"] = result
        if not (expect := step.get("expect")):
            raise Difference("nothing was recorded for this step")
        if got["code"] != expect["code"]:
            raise Difference(f"status: expected {expect['code']}, got {got['code']}: {short(got['body'])}")
        self.matcher.check(expect["headers"], got["headers"], True, "headers")
        if "closed" in expect and got.get("closed") != expect["closed"]:
            raise Difference(f"the server {'should end' if expect['closed'] else 'should not end'} this watch by itself")
        if "body" in expect:
            part = pick(body, self.fill(step["pick"])) if "pick" in step else body
            self.matcher.check(expect["body"], part, step.get("compare") != "subset")
        rest = list(body) if "milestones" in step else []
        for i, wanted in enumerate(self.fill(step.get("milestones", []))):
            place = self.matcher.any_of(wanted, rest, False, f"milestone {i}")
            rest = rest[place:]

    def run(self):
        setup = [{"do": "POST /api/v1/namespaces", "body": {"metadata": {"name": "$ns"}}}]
        fixtures = yaml.load((HERE / "sequences" / "fixtures" / "setup.yaml").read_text(), Loader)
        passed, differences = 0, []
        try:
            for step in setup + [s for name in self.doc.get("setup", []) for s in fixtures[name]]:
                got = self.step(copy.deepcopy(step))
                if got["code"] >= 400:
                    raise Difference(f"{step['do']}: {got['code']} {short(got['body'])}")
        except Exception as e:
            return 0, [("setup", f"{type(e).__name__}: {e}")]
        for step in self.doc["steps"]:
            try:
                if (got := self.step(step)) is not None:
                    self.settle(step, got)
                passed += 1
            except Exception as e:  # whatever a wrong server makes of an answer counts as a difference
                text = str(e) if isinstance(e, Difference) else f"{type(e).__name__}: {e}"
                differences.append((step.get("name") or step.get("do") or step.get("join"), text))
        for path in [*self.cleanup, f"/api/v1/namespaces/{self.vars['ns']}"]:
            with contextlib.suppress(Exception):
                self.server.send("DELETE", path, None, {})
        if self.record:
            self.file.write_text(yaml.dump(self.doc, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=140,
                                                allow_unicode=True))
        return passed, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="sequences (a part of the name will do); none means all")
    parser.add_argument("--server", help="URL; by default that of the kubeconfig")
    for option in ("token", "cert", "key", "ca", "kubeconfig"):
        parser.add_argument("--" + option)
    parser.add_argument("--record", action="store_true", help="write what this server answers into the sequences")
    parser.add_argument("--jobs", type=int, default=4, help="sequences at a time")
    parser.add_argument("--max-wait", type=float, default=60, metavar="S", help="wait no longer for anything (60)")
    parser.add_argument("--all", action="store_true", help="print every step that differs, not only the first")
    args = parser.parse_args()
    if not (args.server or args.kubeconfig):
        parser.error("--server or --kubeconfig is needed")
    files = [f for f in sorted((HERE / "sequences").glob("*.yaml")) if not args.names or any(n in f.stem for n in args.names)]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        server = (Server.from_kubeconfig(args.kubeconfig, folder, args.server) if args.kubeconfig
                  else Server(args.server, args.token, args.cert, args.key, args.ca))
        runners = [Runner(server, file, args.record, args.max_wait) for file in files]
        steps = good = bad = 0
        print(f"{'SEQUENCE':34} {'RESULT':6} {'STEPS':>7}  FIRST DIFFERENCE")
        for runner, (passed, differences) in zip(runners, pool.map(Runner.run, runners)):
            steps, good, bad = steps + len(runner.doc["steps"]), good + passed, bad + bool(differences)
            for i, (step, text) in enumerate(differences[:None if args.all else 1] or [("", "")]):
                first = [runner.file.stem, "FAIL" if differences else "pass", f"{passed}/{len(runner.doc['steps'])}"]
                print("{:34} {:6} {:>7}  ".format(*first if i == 0 else [""] * 3) + (f"{step}: {text}" if text else ""), flush=True)
        print(f"{len(files) - bad} of {len(files)} sequences and {good} of {steps} steps pass")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
