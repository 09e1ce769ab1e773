#!/usr/bin/env python3
# mypy: ignore-errors
"""Runs kubectl commands through a recording proxy; writes a file for each: requests, answers in short, printed text.

record.py --kubeconfig FILE --out FOLDER [--kubectl PATH] [NUMBER...]   then: diff -r . FOLDER
"""
import argparse
import http.client
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from replay import Server  # noqa: E402

M, NS = "manifests/", "-n canary-demo"
COMMANDS = yaml.safe_load((HERE / "commands.yaml").read_text())


def normal(text):
    for pattern, new in ((r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uid>"), (r"\b20(2[5-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
                         (r"\b(fleet-simple-app|other)-[a-z0-9]{8,10}-[a-z0-9]{5}\b", r"\1-<hash>-<gen>"),
                         (r"\b(fleet-simple-app|other)-[b-df-hj-np-tv-z2-9]{8,10}\b", r"\1-<hash>"),
                         (r"pod-template-hash(=|: )\"?[a-z0-9]+\"?", r"pod-template-hash\1<hash>"), (r"\b10\.(96|244)\.\d+\.\d+", "<ip>"),
                         (r"(resourceVersion\"?[:=] ?)\"?\d+\"?", r"\1<rv>"), (r"(?<=resourceVersion=)\d+", "<rv>"),
                         (r"(?<![=\w.])(\d+m)?\d+s\b( ago)?", r"<age>\2"), (r"(?m)^([EWI])\d{4} [\d:.]+ +\d+ ", r"\1 "),
                         (r"(?<=hash=)[0-9A-F]{128}", "<hash>"),
                         (r"(Resource Version: +)\d+", r"\1<rv>"), (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "<time>"), (r"\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d [+-]\d{4}", "<date>"),
                         (r"127\.0\.0\.1:\d+", "<server>"), (r"(?<=[a-z>])\.[0-9a-f]{16}\b", ".<hex>"), (r"(?<=timeoutSeconds=)\d+", "<random>"),
                         (r"/tmp/[\w./-]+", "<file>"), (r"\{\"v\":\"meta[^\"]*", "<continue>")):
        text = re.sub(pattern, new, text)
    return re.sub(r"(?m) +$", "", re.sub(r"(?m)(?<=\S) {2,}(?=\S)", "   ", text))


def brief(body, content_type, query):
    """What matters of an answer, in a few lines."""
    lines = []
    if body.startswith(b"k8s\0"):
        return "protobuf"
    for line in body.splitlines() if "watch=" in query else [body]:
        try:
            value = json.loads(line)
        except ValueError:
            return line[:120].decode(errors="replace")
        if "type" in value and "object" in value:
            lines.append([value["type"], shape(value["object"])])
        else:
            return shape(value)
    return lines


def shape(o):
    kind, meta = o.get("kind"), o.get("metadata") or {}
    if kind == "Table":
        return {"kind": kind, **({"columns": [c["name"] for c in o["columnDefinitions"]]} if o.get("columnDefinitions") else {}),
                "rows": [" | ".join(map(str, r["cells"])) for r in o.get("rows") or ()]}
    if kind == "Status":
        return {k: o[k] for k in ("kind", "status", "reason", "message", "code") if k in o}
    if "items" in o:
        return {"kind": kind, "items": [i.get("metadata", {}).get("name") for i in (o["items"] or ())][:12], "count": len(o["items"] or ())}
    if kind:
        part = {"kind": kind, "apiVersion": o.get("apiVersion"), "name": meta.get("name")}
        for name in ("generation", "annotations"):
            if name in meta:
                part[name] = meta[name] if name == "generation" else sorted(meta[name])
        return {**part, **({"status": o["status"]} if kind in ("Canary", "SelfSubjectAccessReview") and "status" in o else {})}
    return {"keys": sorted(o)[:8]}


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log, upstream = [], None

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        keep = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding", "connection", "content-length")}
        path, _, query = self.path.partition("?")
        entry = {"request": f"{self.command} {path}", **({"query": urllib.parse.unquote(query)} if query else {}),
                 "accept": self.headers.get("Accept"), **({"content_type": self.headers["Content-Type"]} if body else {})}
        if body:
            text = body.decode(errors="replace")
            entry["body"] = text if len(text) < 1500 else text[:1500] + "..."
        self.log.append(entry)
        connection, response = self.upstream.send(self.command, self.path, body, keep, timeout=120)
        entry["status"] = response.status
        self.send_response(response.status)
        for k, v in response.getheaders():
            if k.lower() not in ("transfer-encoding", "content-length", "connection", "date"):
                self.send_header(k, v)
        if response.status in (204, 304):  # these have no body
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = b""
        try:
            while part := response.read1(65536):
                data += part
                entry["data"] = data
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        if warning := response.headers.get_all("Warning"):
            entry["warning"] = warning
        entry["type"] = response.headers.get("Content-Type")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

    def log_message(self, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--kubectl", default="kubectl")
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    with tempfile.TemporaryDirectory() as folder:
        Proxy.upstream = Server.from_kubeconfig(args.kubeconfig, folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = pathlib.Path(folder) / "config"
        config.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "canary-demo"}}]}))
        env = {**{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}, "KUBECONFIG": str(config), "KUBECACHEDIR": f"{folder}/cache",
               "PATH": os.path.dirname(os.path.abspath(args.kubectl)) + ":" + os.environ["PATH"]} if "/" in args.kubectl else {
               **os.environ, "KUBECONFIG": str(config), "KUBECACHEDIR": f"{folder}/cache"}
        for number, item in enumerate(COMMANDS, 1):
            if item.get("fresh"):
                env["KUBECACHEDIR"] = f"{folder}/cache{number}"
            else:
                env["KUBECACHEDIR"] = f"{folder}/cache"
            Proxy.log.clear()
            background = []
            for delay, also in item.get("meanwhile", []):
                background.append(threading.Thread(target=lambda d=delay, a=also: (time.sleep(d), subprocess.run(
                    a, shell=True, cwd=HERE, env={**env, "KUBECONFIG": os.path.abspath(args.kubeconfig)}, capture_output=True))))
                background[-1].start()
            done = subprocess.run(item["run"], shell=True, cwd=HERE, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            for thread in background:
                thread.join()
            requests = []
            for entry in list(Proxy.log):
                data, kind = entry.pop("data", b""), entry.pop("type", "")
                short = brief(data, kind, entry.get("query", "")) if "/openapi" not in entry["request"] else f"{kind}"
                requests.append({**entry, "response": short} if short not in ("", []) else entry)
            if item.get("hidden"):
                continue
            result = {"about": item["name"], "command": item["run"], "kubectl": "1.37.1", "discovery": "asked" if item.get("fresh") else "cached where known",
                      "exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr, "requests": requests}
            clean = yaml.safe_load(normal_tree(result))
            text = yaml.dump(clean, Dumper=Plain, sort_keys=False, width=150, allow_unicode=True)
            slug = re.sub(r"[^a-z0-9]+", "-", item["name"].lower()).strip("-")
            (out / f"{number:03}-{slug}.yaml").write_text(text)
            print(f"{number:03} {item['name']:44} exit {done.returncode}, {len(requests)} requests", flush=True)
        server.shutdown()


def normal_tree(value):
    def walk(v):
        if isinstance(v, dict):
            return {k: walk(x) for k, x in v.items()}
        return [walk(x) for x in v] if isinstance(v, list) else normal(v) if isinstance(v, str) else v
    return json.dumps(walk(value))


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


Plain.add_representer(str, lambda d, s: d.represent_scalar("tag:yaml.org,2002:str", s, style="|" if "\n" in s else None))

if __name__ == "__main__":
    main()
