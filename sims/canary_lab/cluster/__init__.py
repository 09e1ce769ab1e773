"""A Kubernetes API server in memory, over HTTP, for tests and demos of what is built on Kubernetes.

    with EmbeddedCluster() as cluster:
        cluster.kubeconfig(Path("kubeconfig"))      # for kubectl and the official clients
        ...
        cluster.requests.count(verb="get", resource="deployments")

The official Python client, kubectl and controllers find what they find in a real cluster, as far as the recorded
conversations in `tests/lab/cluster/corpus` reach; it is a substrate for tests, not a product.

From the outside in: `embedded` is the thread around `server`, which speaks HTTP and hands requests for resources to
`handlers`. Those read bodies (`bodies`, `protobuf`, `patching`), decide what is sent back (`negotiate`, `tables`,
`lists`, `watches`) and go through `api`, which keeps the rules of reading and writing; what is special about a kind is
in `kinds`. `api` writes to `store`, whose changes drive `watches` and the `controllers`. What built-in objects look
like follows from one table of Go types (`gotypes`, `codec`, `shapes`), what custom ones look like from their `schema`.
"""

from __future__ import annotations

from canary_lab.cluster.controllers import Timing
from canary_lab.cluster.embedded import EmbeddedCluster
from canary_lab.cluster.requests import Entry, Info, RequestLog
from canary_lab.cluster.server import Middleware, Next
from canary_lab.cluster.store import Event

__all__ = ["EmbeddedCluster", "Entry", "Event", "Info", "Middleware", "Next", "RequestLog", "Timing"]
