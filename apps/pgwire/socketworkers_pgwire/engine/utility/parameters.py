"""SET, SHOW, RESET, DISCARD, SET TRANSACTION (PostgreSQL 15 documentation, reference pages of these names)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...codec import Report
from ...errors import SqlError
from ...sql.grammar import Node
from ...sql.nodes import Utility
from ...sql.plan import Plan
from ..action import Result, action, text_columns
from .tree import constant, options

if TYPE_CHECKING:
    from ..session import SqlSession
    from ..surroundings import Surroundings

__all__ = ["discard", "set_variable", "show_variable", "transaction_modes"]

#: GUC_LIST_INPUT | GUC_LIST_QUOTE
_QUOTED_LISTS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
_ISOLATION = "transaction_isolation"


def transaction_modes(nodes: list[Node] | None) -> dict[str, object]:
    """The modes of BEGIN and SET TRANSACTION: ``isolation``, ``read_only``, ``deferrable``."""
    modes: dict[str, object] = {}
    for name, value, _ in options(nodes):
        assert value is not None
        if name == _ISOLATION:
            modes["isolation"] = str(constant(value)).lower()
        elif name == "transaction_read_only":
            modes["read_only"] = bool(constant(value))
        elif name == "transaction_deferrable":
            modes["deferrable"] = bool(constant(value))
    return modes


def set_variable(session: SqlSession, utility: Utility) -> Plan:
    """SET and RESET."""
    tree = utility.tree
    kind, local = tree["kind"], bool(tree.get("is_local", False))
    name = tree.get("name", "")
    if kind == "VAR_SET_MULTI":
        return _set_multi(name, tree.get("args"))
    if kind == "VAR_RESET_ALL":

        def reset_all(owner: Surroundings) -> None:
            owner.variables.reset_all()
            owner.apply()

        return action("RESET", reset_all)
    reset = kind in ("VAR_RESET", "VAR_SET_DEFAULT")
    if kind == "VAR_SET_CURRENT":
        value = session.surroundings.setting(name) or ""
    else:
        value = "" if reset else _value(session, name, tree.get("args") or [])

    def act(owner: Surroundings) -> None:
        if local and not session.transaction.block:
            owner.notice(
                Report(severity="WARNING", sqlstate="25P01", message="SET LOCAL can only be used in transaction blocks")
            )
        owner.set_setting(name, None if reset else value, local)

    return action("RESET" if kind == "VAR_RESET" else "SET", act)


def _value(session: SqlSession, name: str, nodes: list[Node]) -> str:
    """The text of what stands behind TO (flatten_set_variable_args)."""
    words = []
    quoted = name.lower() in _QUOTED_LISTS
    for node in nodes:
        found = constant(node)
        if "TypeCast" in node:  # SET TIME ZONE INTERVAL '…'
            with session.catalogue():
                kind = session.implementation_named(node["TypeCast"]["typeName"])
            settings = session.surroundings.settings
            words.append(f"INTERVAL '{kind.output(kind.input(str(found), settings), settings)}'")
        elif isinstance(found, bool):
            words.append("true" if found else "false")
        elif isinstance(found, str) and quoted:
            words.append(_quote(found))
        else:
            words.append(str(found))
    return ", ".join(words)


def _quote(name: str) -> str:
    plain = name and (name[0].isalpha() or name[0] == "_") and name.replace("_", "a").replace("$", "a").isalnum()
    if plain and name == name.lower() and name[0] != "$" and name.isascii():
        return name
    return '"' + name.replace('"', '""') + '"'


def _set_multi(name: str, nodes: list[Node] | None) -> Plan:
    if name == "TRANSACTION":
        modes = transaction_modes(nodes)

        def act(owner: Surroundings) -> None:
            transaction = owner.sql.transaction
            if not transaction.block:
                owner.notice(
                    Report(
                        severity="WARNING",
                        sqlstate="25P01",
                        message="SET TRANSACTION can only be used in transaction blocks",
                    )
                )
            transaction.set_modes(modes)

        return action("SET", act)
    if name == "SESSION CHARACTERISTICS":
        defaults = transaction_modes(nodes)

        def characteristics(owner: Surroundings) -> None:
            if "isolation" in defaults:
                owner.set_setting("default_transaction_isolation", str(defaults["isolation"]))
            if "read_only" in defaults:
                owner.set_setting("default_transaction_read_only", "on" if defaults["read_only"] else "off")
            if "deferrable" in defaults:
                owner.set_setting("default_transaction_deferrable", "on" if defaults["deferrable"] else "off")

        return action("SET", characteristics)
    raise SqlError("0A000", f"SET {name} is not supported")


def show_variable(session: SqlSession, utility: Utility) -> Plan:
    """SHOW and SHOW ALL."""
    name = utility.tree["name"]
    if name.lower() == "all":

        def show_all(owner: Surroundings) -> Result:
            return Result(
                [
                    (each, owner.setting(each), definition.description if definition is not None else "")
                    for each in owner.variables.names()
                    for definition in (owner.variables.definition(each),)
                ]
            )

        return action("SHOW", show_all, columns=text_columns("name", "setting", "description"))
    definition = session.surroundings.variables.definition(name)
    session.surroundings.setting(name)  # an unknown one is refused when the statement is described

    def show(owner: Surroundings) -> Result:
        return Result([(owner.setting(name),)])

    return action("SHOW", show, columns=text_columns(definition.name if definition is not None else name))


def discard(session: SqlSession, utility: Utility) -> Plan:
    """DISCARD."""
    target = utility.tree.get("target", "DISCARD_ALL")

    def act(owner: Surroundings) -> None:
        if target in ("DISCARD_ALL", "DISCARD_TEMP"):
            owner.drop_temporary()
        if target in ("DISCARD_ALL", "DISCARD_SEQUENCES"):
            owner.sequences.discard()
        if target == "DISCARD_ALL":
            for name in list(owner.names.portals):
                if name:
                    owner.names.drop_portal(name)
            owner.names.drop_statements()
            owner.unlisten("")
            owner.set_setting("session_authorization", None)
            owner.variables.reset_all()
            owner.apply()
            owner.advisory_unlock(None, shared=False)

    tag = {
        "DISCARD_ALL": "DISCARD ALL",
        "DISCARD_TEMP": "DISCARD TEMP",
        "DISCARD_SEQUENCES": "DISCARD SEQUENCES",
        "DISCARD_PLANS": "DISCARD PLANS",
    }[target]
    return action(tag, act, writes=target in ("DISCARD_ALL", "DISCARD_TEMP") and session.surroundings.has_temporary)
