# ruff: noqa: ARG002, D102
# Hooks take what some kind needs; they are described in `Strategy`.
"""Custom resources: all that is special about them stands in their definition."""

from __future__ import annotations

from typing import Any

from canary_lab.cluster import rules, schema
from canary_lab.cluster.errors import Cause
from canary_lab.cluster.kinds.base import Obj, Strategy
from canary_lab.cluster.resources import Resource
from canary_lab.cluster.shapes import SchemaShape


class CustomStrategy(Strategy):
    """The strategy of one version of a custom resource."""

    counts_generation = True
    unconditional_update = False

    def __init__(self, resource: Resource) -> None:
        self.schema: dict[str, Any] = (resource.definition.get("schema") or {}).get("openAPIV3Schema") or {
            "type": "object"
        }
        self.shape = SchemaShape(self.schema, top=True)
        self._status = "status" in resource.subresources

    def prune(self, obj: Obj) -> list[str]:
        """Removes what the schema does not know; `metadata` is decoded elsewhere."""
        rest = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata")}
        lost = schema.prune(self.schema, rest)
        for key in [k for k in obj if k not in rest and k not in ("apiVersion", "kind", "metadata")]:
            del obj[key]
        return lost

    def default(self, obj: Obj) -> None:
        rest = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata")}
        schema.fill(self.schema, rest)
        for key in [k for k in obj if k not in ("apiVersion", "kind", "metadata")]:
            del obj[key]
        obj.update(rest)

    def check(self, obj: Obj) -> list[Cause]:
        return self._check(obj, None)

    def check_update(self, new: Obj, old: Obj) -> list[Cause]:
        return self._check(new, old)

    def _check(self, obj: Obj, old: Obj | None) -> list[Cause]:
        bare = {k: v for k, v in self.schema.items() if k != "properties"}
        known = {k: v for k, v in (self.schema.get("properties") or {}).items() if k != "metadata"}
        found = schema.check({**bare, "properties": known}, obj)
        return found + rules.check_rules(self.schema, obj, old, found)

    def check_status(self, new: Obj, old: Obj) -> list[Cause]:
        part = (self.schema.get("properties") or {}).get("status")
        return schema.check(part, new["status"], "status") if part and "status" in new else []

    def generation_rises(self, new: Obj, old: Obj) -> bool:
        rest = ("metadata", "status") if self._status else ("metadata",)
        return {k: v for k, v in new.items() if k not in rest} != {k: v for k, v in old.items() if k not in rest}
