"""How a field of a manifest is declared: one `Rule` beside each field.

The reader checks values by these rules, and whatever prints a schema for the API server reads the same ones, so
that the two cannot disagree. Nothing here knows a particular object.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, TypeVar, cast

from attrs import NOTHING, Attribute, field, fields, frozen, has

from canary_adapters.controls import Controls

__all__ = ["MANY_LINES", "Format", "Rule", "Table", "prop", "required", "rule_of", "wire", "wire_name"]

_RULE: Final = "canary.rule"
_V_co = TypeVar("_V_co", covariant=True)


class Format(enum.Enum):
    """What a text stands for, where a pattern cannot say it."""

    INTERVAL = "interval"
    """A Go duration that begins with minutes or seconds (``90s``, ``1m30s``)."""
    WINDOW = "window"
    """The same, above zero and as Prometheus takes it: minutes, then seconds, then milliseconds."""
    DURATION = "duration"
    """Any Go duration that is not negative."""
    POSITIVE_DURATION = "positive-duration"
    """Any Go duration above zero."""
    URL = "url"
    """An absolute http or https URL."""
    REGEX = "regex"
    """A regular expression."""


@frozen(kw_only=True)
class Rule:
    """What a value must keep to, beyond its type."""

    doc: str
    """What the field means: its ``description`` in a schema."""
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    """The texts that are allowed. Empty: any."""
    pattern: str | None = None
    """A regular expression that must match somewhere (RE2 and Python agree on it)."""
    format: Format | None = None
    longest: int | None = None
    """Most characters of a text."""
    least: int = 0
    """Fewest characters of a text."""
    controls: Controls = Controls.NONE
    """The control characters that a text may hold; the keys of a mapping hold none."""
    most: int = 1_000
    """Most members of a list or mapping."""
    default: object = None
    """What the API server fills in. None: nothing; the field stays absent."""
    name: str | None = None
    """Name on the wire, where it is not the camel-cased attribute."""
    each: "Rule | None" = None
    """What every member of a list or mapping must keep to."""
    always: bool = False
    """Written even if it has its default."""
    extension: bool = False
    """Ours: Flagger does not know the field, and its schema would drop it."""


def prop(doc: str, *, default: Any = None, **rule: Any) -> Any:
    """An optional field: absent (or null) on the wire gives ``default``.

    Args:
        doc: What the field means.
        default: Value of the attribute when the field is absent.
        **rule: The other fields of `Rule`; the schema's default is ``filled``.
    """
    filled = rule.pop("filled", None)
    return field(default=default, metadata={_RULE: Rule(doc=doc, default=filled, **rule)})


def required(doc: str, **rule: Any) -> Any:
    """A field that must be given."""
    return field(metadata={_RULE: Rule(doc=doc, **rule)})


def rule_of(attribute: "Attribute[Any]") -> Rule:
    """What was declared for a field.

    Raises:
        KeyError: The field was declared without `prop` or `required`.
    """
    return cast("Rule", attribute.metadata[_RULE])


def wire_name(attribute: "Attribute[Any]") -> str:
    """The name of a field in YAML and JSON: ``step_weights`` is ``stepWeights``."""
    return rule_of(attribute).name or re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), attribute.name)


MANY_LINES: Final = Rule(doc="A text of one or more lines.", controls=Controls.LINES)
"""Of the values of a mapping: what is sent on, and not used by us."""


class Table(Mapping[str, _V_co], Generic[_V_co]):
    """A mapping that cannot be changed, and so can be hashed and shared."""

    __slots__ = ("_items",)

    def __init__(self, items: "Mapping[str, _V_co] | None" = None) -> None:
        self._items: dict[str, _V_co] = dict(items or {})

    def __getitem__(self, key: str) -> _V_co:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"Table({self._items!r})"


def wire(value: object) -> Any:
    """A value as it stands in YAML or JSON, without the fields that have their default.

    ``wire`` undoes reading: reading the result gives an equal object.
    """
    if isinstance(value, Table):
        return {key: wire(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [wire(item) for item in value]
    kind: type[Any] = type(value)
    if not has(kind):
        return value
    parts = {}
    for attribute in fields(kind):
        if _RULE in attribute.metadata:
            part = getattr(value, attribute.name)
            if attribute.default is NOTHING or part != attribute.default or rule_of(attribute).always:
                parts[wire_name(attribute)] = wire(part)
    return parts
