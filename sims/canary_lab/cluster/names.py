"""What names, labels and annotations may look like, and what the server says if they do not."""

from __future__ import annotations

import re
from typing import Any

from canary_lab.cluster.errors import Cause, forbidden, go_value, invalid, required

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_IS_SUBDOMAIN, _IS_LABEL = re.compile(_SUBDOMAIN), re.compile(_LABEL)
_IS_NAME, _IS_VALUE = re.compile(_NAME), re.compile(_VALUE)
_ENDS = "and must start and end with an alphanumeric character"
_KEY_CHARACTERS = f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS}"
_KEY_FORM = f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"


def subdomain_error(text: str) -> str:
    """Why this is no RFC 1123 subdomain; empty if it is one."""
    if len(text) > 253:
        return "must be no more than 253 characters"
    if _IS_SUBDOMAIN.fullmatch(text):
        return ""
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        f"{_ENDS} (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
    )


def label_error(text: str) -> str:
    """Why this is no RFC 1123 label."""
    if len(text) > 63:
        return "must be no more than 63 characters"
    if _IS_LABEL.fullmatch(text):
        return ""
    return (
        f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS} "
        f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
    )


def dns_label_name_error(text: str) -> str:
    """Why this cannot name a Namespace or a Service; dots get a message of their own."""
    return "must not contain dots" if "." in text else label_error(text)


def port_name_errors(text: str) -> list[str]:
    """Why this cannot name a container port, and so cannot be a target port."""
    found = ["must be no more than 15 characters"] if len(text) > 15 else []
    if not re.fullmatch("[-a-z0-9]+", text):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        found.append("must contain at least one letter (a-z)")
    if "--" in text:
        found.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found


def path_error(text: str) -> str:
    """Why this cannot name an RBAC object, which takes anything that fits into a path."""
    if text in (".", ".."):
        return f"may not be '{text}'"
    return next((f"may not contain '{c}'" for c in "/%" if c in text), "")


def label_key_error(key: str) -> str:
    """Why this is no key of a label or annotation."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return f"a valid label key {_KEY_CHARACTERS} {_KEY_FORM} {optional}"
    if slash and subdomain_error(prefix):
        return f"prefix part {subdomain_error(prefix)}"
    if len(name) > 63:
        return "name part must be no more than 63 bytes"
    return "" if _IS_NAME.fullmatch(name) else f"name part {_KEY_CHARACTERS} {_KEY_FORM}"


def label_value_error(value: str) -> str:
    """Why this is no value of a label."""
    if len(value) > 63:
        return "must be no more than 63 bytes"
    if _IS_VALUE.fullmatch(value):
        return ""
    return (
        f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
        f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
    )


_NAME_RULES = {"Namespace": dns_label_name_error, "Service": dns_label_name_error}


def check_metadata(meta: dict[str, Any], kind: str, group: str, *, strict: bool) -> list[Cause]:
    """All that is wrong with the metadata of a new object. Some kinds are strict about finalizers."""
    found = []
    name = meta.get("name", "")
    rule = path_error if group == "rbac.authorization.k8s.io" else _NAME_RULES.get(kind, subdomain_error)
    if not name:
        found.append(required("metadata.name", "name or generateName is required"))
    elif problem := rule(name):
        found.append(invalid("metadata.name", name, problem))
    return found + check_labels(meta.get("labels"), "metadata.labels") + _check_rest(meta, strict=strict)


def check_labels(labels: dict[str, str] | None, field: str) -> list[Cause]:
    """What is wrong with labels."""
    found = []
    for key, value in (labels or {}).items():
        if problem := label_key_error(key):
            found.append(invalid(field, key, problem))
        if problem := label_value_error(value):
            found.append(invalid(field, value, problem))
    return found


def _check_rest(meta: dict[str, Any], *, strict: bool) -> list[Cause]:
    problems = {key: label_key_error(key.lower()) for key in meta.get("annotations") or ()}
    found = [invalid("metadata.annotations", key, problem) for key, problem in problems.items() if problem]
    for i, finalizer in enumerate(meta.get("finalizers") or ()):
        if strict and "/" not in finalizer and finalizer not in ("orphan", "foregroundDeletion", "kubernetes"):
            why = "name is neither a standard finalizer name nor is it fully qualified"
            found.append(invalid(f"metadata.finalizers[{i}]", finalizer, why))
    return found + _check_owners(meta.get("ownerReferences") or [])


def _check_owners(owners: list[dict[str, Any]]) -> list[Cause]:
    empty = [key for owner in owners for key in ("apiVersion", "kind", "name", "uid") if not owner.get(key)]
    found = [invalid(f"metadata.ownerReferences.{key}", "", "must not be empty") for key in empty]
    controllers = [f"{o.get('kind')}/{o.get('name')}" for o in owners if o.get("controller")]
    if len(controllers) > 1:
        why = 'Only one reference can have Controller set to true. Found "true" in references for '
        found.append(invalid("metadata.ownerReferences", owners, why + " and ".join(controllers[:2])))
    return found


def finalizer_warnings(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """What is said about new finalizers of a custom resource, which may be called anything."""
    added = [f for f in new.get("finalizers") or () if "/" not in f and f not in (old.get("finalizers") or ())]
    why = (
        "prefer a domain-qualified finalizer name including a path (/) "
        "to avoid accidental conflicts with other finalizer writers"
    )
    return [f"metadata.finalizers: {go_value(each)}: {why}" for each in added]


def check_immutable(sent: dict[str, Any], old: dict[str, Any]) -> list[Cause]:
    """What was sent of metadata that only the server sets, and that is not left out in silence as other such fields."""
    kept = ("uid",) if old.get("deletionTimestamp") else ("uid", "deletionTimestamp", "deletionGracePeriodSeconds")
    changed = [key for key in kept if sent.get(key) not in (None, "", old.get(key))]
    return [invalid(f"metadata.{key}", sent[key], "field is immutable") for key in changed]


def check_metadata_update(new: dict[str, Any], old: dict[str, Any], *, strict: bool) -> list[Cause]:
    """What a change of metadata may not do."""
    found = check_labels(new.get("labels"), "metadata.labels") + _check_rest(new, strict=strict)
    added = [f for f in new.get("finalizers") or () if f not in (old.get("finalizers") or ())]
    if old.get("deletionTimestamp") and added:
        listed = "[]string{" + ", ".join(go_value(f) for f in added) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
        found += [forbidden("metadata.finalizers", why)] * 2  # the real server says it twice
    return found
