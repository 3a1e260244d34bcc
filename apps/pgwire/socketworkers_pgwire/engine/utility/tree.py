"""Reading the parse trees of utility statements: constants, names, options. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import SqlError
from ...sql.grammar import Node
from ..variables import parse_boolean

__all__ = ["constant", "integer_option", "location", "option_text", "options", "truth", "unsupported"]


def constant(node: Node) -> str | int | float | bool | None:
    """The value of an ``A_Const``, or of a name that stands where a value may; None for NULL."""
    ((kind, fields),) = node.items()
    if kind == "TypeCast":
        return constant(fields["arg"])
    if kind == "String":
        return str(fields.get("sval", ""))
    if kind == "Integer":
        return int(fields.get("ival", 0))
    if kind == "Float":
        return str(fields["fval"])
    if kind == "Boolean":
        return bool(fields.get("boolval", False))
    if kind == "A_Const":
        for name in ("sval", "ival", "fval", "boolval", "bsval"):
            if name in fields:
                inner = fields[name].get(name)
                if name == "ival":
                    return int(inner or 0)
                if name == "boolval":
                    return bool(inner)
                return str(inner or "")
        return None
    if kind == "TypeName":
        return str(fields["names"][-1]["String"]["sval"])
    if kind == "ColumnRef":
        return ".".join(str(constant(each)) for each in fields["fields"])
    raise SqlError("42601", f"a constant is expected, not {kind}")


def location(node: Node) -> int | None:
    """Where a node stands, as a position for an error."""
    ((_, fields),) = node.items()
    place = fields.get("location", 0 if "location" in fields else None)
    return None if place is None else int(place) + 1


def options(nodes: list[Node] | None) -> Iterator[tuple[str, Node | None, int | None]]:
    """Name, value and position of each ``DefElem``."""
    for node in nodes or ():
        fields = node["DefElem"]
        yield fields["defname"], fields.get("arg"), int(fields.get("location", 0)) + 1


def option_text(value: Node | None) -> str:
    """The value of an option as text: ``true`` for one that stands alone."""
    if value is None:
        return "true"
    found = constant(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None else str(found)


def truth(name: str, value: Node | None) -> bool:
    """The value of a Boolean option (defGetBoolean).

    Raises:
        SqlError: 42601.
    """
    if value is None:
        return True
    found = constant(value)
    if isinstance(found, bool):
        return found
    if isinstance(found, int) and found in (0, 1):
        return bool(found)
    parsed = parse_boolean(str(found))
    if parsed is None:
        raise SqlError("42601", f"{name} requires a Boolean value")
    return parsed


def integer_option(name: str, value: Node | None) -> int:
    """The value of an option that is a number.

    Raises:
        SqlError: 42601.
    """
    found: Any = None if value is None else constant(value)
    if not isinstance(found, int) or isinstance(found, bool):
        raise SqlError("42601", f"{name} requires a numeric value")
    return found


def unsupported(feature: str, position: int | None = None) -> SqlError:
    """0A000: PostgreSQL knows it, we do not."""
    return SqlError("0A000", f"{feature} is not supported", position=position)
