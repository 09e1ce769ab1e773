"""The scripts of ``docs/argocd``, run as Argo CD runs them: Lua 5.1 with few of its libraries.

What is known of it: a script of ``argocd-cm`` has the base library, tables, and ``time`` and ``date`` of ``os``, which
``require("os")`` gives; no strings, no files. The object is the global ``obj``. A health check answers with a table of
status and message. What offers actions answers with a table by name, each with ``disabled``; an action answers with the
object as it is to be.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from attrs import frozen
from lupa import lua51

from documents.pages import ROOT

__all__ = ["Health", "act", "health", "offered"]

_DATA: Final[dict[str, str]] = yaml.safe_load((ROOT / "docs/argocd/argocd-cm.yaml").read_text("utf-8"))["data"]
_HEALTH: Final = _DATA["resource.customizations.health.flagger.app_Canary"]
_ACTIONS: Final[dict[str, Any]] = yaml.safe_load(_DATA["resource.customizations.actions.flagger.app_Canary"])
_SANDBOX: Final = """
local safe = { time = os.time, date = os.date }
for _, name in ipairs({ "io", "debug", "math", "string", "coroutine", "package", "python", "dofile", "loadfile" }) do
  _G[name] = nil
end
getmetatable("").__index = nil
os = safe
require = function(name) assert(name == "os"); return safe end
"""


@frozen
class Health:
    """What Argo CD shows."""

    status: str
    message: str


def health(obj: dict[str, Any]) -> Health:
    """How a Canary is."""
    return Health(**_run(_HEALTH, obj))


def offered(obj: dict[str, Any]) -> set[str]:
    """The actions that people can choose."""
    found = _run(_ACTIONS["discovery.lua"], obj)
    assert set(found) == {each["name"] for each in _ACTIONS["definitions"]}
    return {name for name, each in found.items() if not each["disabled"]}


def act(name: str, obj: dict[str, Any]) -> dict[str, Any]:
    """The object that an action wants."""
    (script,) = (each["action.lua"] for each in _ACTIONS["definitions"] if each["name"] == name)
    found: dict[str, Any] = _run(script, obj)
    return found


def _run(script: str, obj: dict[str, Any]) -> Any:
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute(_SANDBOX)
    lua.globals().obj = _table(lua, obj)
    return _plain(lua.execute(script), obj)


def _table(lua: Any, value: Any) -> Any:
    """A value of JSON in Lua."""
    if isinstance(value, dict):
        return lua.table_from({key: _table(lua, each) for key, each in value.items()})
    return lua.table_from([_table(lua, each) for each in value]) if isinstance(value, list) else value


def _plain(value: Any, like: Any) -> Any:
    """A value of Lua as JSON. A table that is empty is what it was before, for Lua has one kind of them."""
    if lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if not keys and isinstance(like, dict | list):
        return type(like)()
    if keys == list(range(1, len(keys) + 1)) and keys:
        return [_plain(value[key], like[key - 1] if isinstance(like, list) else None) for key in keys]
    return {key: _plain(value[key], like.get(key) if isinstance(like, dict) else None) for key in keys}
