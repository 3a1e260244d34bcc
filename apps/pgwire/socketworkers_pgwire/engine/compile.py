"""From the text of a statement to a plan, and the cache of plans of one database.

A plan is kept by its text, the types of its parameters, and all else that its analysis looked at: the catalogue's
version, the search path, the user, and the session's forms of dates where constants were read with them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..codec import FieldDescription, FunctionCall
from ..errors import SqlError
from ..session import Control, ControlKind, Open, Prepare, Prepared, Statement
from ..sql.analyze.typenames import base_type
from ..sql.grammar import Node, Raw, parse
from ..sql.nodes import Query, Utility
from ..sql.plan import Plan
from ..types import AnyType, Settings
from ..types.oid import RegType
from .log import traits
from .portal import describe
from .utility.dispatch import ALONE, plan_utility
from .utility.parameters import transaction_modes

if TYPE_CHECKING:
    from .session import SqlSession

__all__ = ["Compiled", "Compiler"]

#: bytes that the plans of one database may take together, as they estimate themselves
MAX_PLANS: Final = 32 << 20
#: the same for texts with their parse trees, and the longest text that is kept
MAX_TEXTS: Final = 16 << 20
MAX_TEXT: Final = 10_000
#: what is reckoned for a plan beside that
_EACH: Final = 4096

#: PostgreSQL's own types below this OID are no domains
_FIRST_DOMAIN: Final = 10_000

_CONTROLS: Final = {
    "TRANS_STMT_BEGIN": (ControlKind.BEGIN, "BEGIN"),
    "TRANS_STMT_START": (ControlKind.BEGIN, "START TRANSACTION"),
    "TRANS_STMT_COMMIT": (ControlKind.COMMIT, "COMMIT"),
    "TRANS_STMT_ROLLBACK": (ControlKind.ROLLBACK, "ROLLBACK"),
    "TRANS_STMT_SAVEPOINT": (ControlKind.SAVEPOINT, "SAVEPOINT"),
    "TRANS_STMT_RELEASE": (ControlKind.RELEASE, "RELEASE"),
    "TRANS_STMT_ROLLBACK_TO": (ControlKind.ROLLBACK_TO, "ROLLBACK"),
    "TRANS_STMT_PREPARE": (ControlKind.PREPARE, "PREPARE TRANSACTION"),
}


class Compiled:
    """A statement: parsed, and analysed as soon as that was asked for. The engine's handle of a statement."""

    __slots__ = (
        "allowed",
        "by_sql",
        "columns",
        "fixed",
        "key",
        "kinds",
        "made",
        "parameter_types",
        "plan",
        "prepared",
        "raw",
        "size",
        "source",
        "token",
    )

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.plan: Plan | None = None
        self.columns: tuple[FieldDescription, ...] | None = None
        self.parameter_types: tuple[int, ...] = ()
        self.kinds: tuple[AnyType, ...] | None = None
        """Implementations of these types."""
        self.key: tuple[Any, ...] | None = None
        """Under which the plan was made; another one means that it has to be made anew."""
        self.token: object = None
        """While the surroundings' is the same, nothing has changed that the plan depends on."""
        self.allowed: object = None
        """While it is the same as `token`, the user is known to have the privileges that the plan needs."""
        self.prepared = False
        """Whether its columns were told to the client, and must stay what they are."""
        self.size = 0
        self.source = raw.text
        """What pg_prepared_statements shows."""
        self.made = 0
        self.by_sql = False
        self.fixed = False
        """Whether it can have no parameters: the simple protocol."""


class Compiler:
    """Makes plans for the sessions of one database."""

    __slots__ = ("_bytes", "_plans", "_text_bytes", "_texts")

    def __init__(self) -> None:
        self._plans: OrderedDict[tuple[Any, ...], tuple[Plan, tuple[FieldDescription, ...] | None, tuple[int, ...]]] = (
            OrderedDict()
        )
        self._bytes = 0
        #: statements of the simple protocol, which all sessions share
        self._texts: OrderedDict[str, list[Statement]] = OrderedDict()
        self._text_bytes = 0

    # Parsing

    def parse(self, text: str, look: Callable[[str], bool]) -> list[Statement]:
        """The statements of a query string of the simple protocol, parsed only.

        Args:
            text: it.
            look: called with a text that is not known; true when it has to be called each time.

        Raises:
            SqlError: 42601 and what else the grammar finds wrong.
        """
        kept = self._texts.get(text)
        if kept is not None:
            self._texts.move_to_end(text)
            return kept
        statements = [self._statement(raw) for raw in parse(text)]
        for each in statements:
            assert isinstance(each.handle, Compiled)
            each.handle.fixed = True
        size = len(text)
        if not look(text) and size <= MAX_TEXT and len(statements) == 1:
            self._texts[text] = statements
            self._text_bytes += size + _EACH
            while self._text_bytes > MAX_TEXTS:
                dropped, _ = self._texts.popitem(last=False)
                self._text_bytes -= len(dropped) + _EACH
        return statements

    def _statement(self, raw: Raw) -> Statement:
        compiled = Compiled(raw)
        control = _control(raw) if raw.kind == "TransactionStmt" else None
        return Statement(compiled, control, _alone(raw))

    # Plans

    def prepare(self, session: SqlSession, request: Prepare) -> Prepared:
        """Parse and analyse one statement.

        Raises:
            SqlError: what is wrong with it.
        """
        statements = [self._statement(raw) for raw in parse(request.text)]
        if len(statements) > 1:
            raise SqlError("42601", "cannot insert multiple commands into a prepared statement")
        if not statements:
            return Prepared(None)
        statement = statements[0]
        if statement.control is not None or request.aborted:
            return Prepared(statement)
        compiled = statement.handle
        assert isinstance(compiled, Compiled)
        compiled.parameter_types = request.parameter_types
        session.transaction.touch()
        plan, columns = self.plan(session, compiled)
        compiled.prepared = True
        compiled.made = session.surroundings.statement_time
        return Prepared(statement, plan.parameters, columns, compiled.size)

    def plan(self, session: SqlSession, compiled: Compiled) -> tuple[Plan, tuple[FieldDescription, ...] | None]:
        """The plan of a statement, from the cache when there is one.

        Raises:
            SqlError: what is wrong with the statement; 0A000 its columns are other ones than the client was told.
        """
        token = session.surroundings.plan_token
        if token is not None and compiled.token is token and compiled.plan is not None:
            return compiled.plan, compiled.columns
        with session.catalogue():
            key = session.surroundings.plan_key(compiled.raw.text, compiled.parameter_types)
            shared = compiled.raw.kind in _KEPT_KINDS  # a plan of anything else belongs to its session and moment
            if shared and compiled.key == key and compiled.plan is not None:
                compiled.token = token
                return compiled.plan, compiled.columns
            kept = self._plans.get(key)
            if kept is None or (compiled.fixed and kept[2]):
                kept = self._make(session, compiled)
                if shared:
                    self._keep(key, kept)
            else:
                self._plans.move_to_end(key)
            plan, columns, parameters = kept
            if parameters and compiled.fixed:
                session.analyse(compiled.raw, None)  # the plan of another protocol: this one says what is wrong
            if compiled.prepared and compiled.plan is not None and _differ(columns, compiled.columns):
                raise SqlError("0A000", "cached plan must not change result type")
            if compiled.prepared and columns == compiled.columns:
                columns = compiled.columns
            compiled.plan, compiled.columns = plan, columns
            compiled.kinds = None
            compiled.parameter_types = parameters
            compiled.key = session.surroundings.plan_key(compiled.raw.text, parameters)
            compiled.size = plan.size + _EACH
            compiled.token = token if shared else None
            return plan, columns

    def _make(
        self, session: SqlSession, compiled: Compiled
    ) -> tuple[Plan, tuple[FieldDescription, ...] | None, tuple[int, ...]]:
        analysed, parameters = session.analyse(compiled.raw, None if compiled.fixed else compiled.parameter_types)
        plan = self.plan_of(session, analysed, parameters)
        if isinstance(analysed, Utility):
            plan.parameters = parameters
        return plan, self._described(session, plan), parameters

    @staticmethod
    def _described(session: SqlSession, plan: Plan) -> tuple[FieldDescription, ...] | None:
        """The columns of a plan; clients see the base types of domains."""
        columns = describe(plan)
        if columns is None:
            return None
        catalog = session.surroundings.catalog
        return tuple(
            [
                each if each.type_oid < _FIRST_DOMAIN else replace(each, type_oid=base_type(catalog, each.type_oid))
                for each in columns
            ]
        )

    def plan_of(
        self, session: SqlSession, analysed: Query | Utility, parameters: Sequence[int] = (), *, positions: bool = False
    ) -> Plan:
        """The plan of what was analysed.

        Raises:
            SqlError: 0A000 it is not supported.
        """
        if isinstance(analysed, Utility):
            return plan_utility(session, analysed)
        plan = session.lower(analysed, parameters, positions=positions)
        plan.rights = session.rights(analysed)
        plan.traits = traits(plan, session.surroundings.catalog)
        if analysed.locks:
            waits = [each.wait for each in analysed.locks]
            plan.wait = "error" if "error" in waits else "skip" if "skip" in waits else "block"
        return plan

    def _keep(
        self, key: tuple[Any, ...], kept: tuple[Plan, tuple[FieldDescription, ...] | None, tuple[int, ...]]
    ) -> None:
        self._plans[key] = kept
        self._bytes += kept[0].size + _EACH
        while self._bytes > MAX_PLANS:
            _, (plan, _, _) = self._plans.popitem(last=False)
            self._bytes -= plan.size + _EACH

    # Parameters

    def bind(self, session: SqlSession, compiled: Compiled, plan: Plan, request: Open) -> Sequence[Any]:
        """The parameters of a Bind, in storage forms.

        Raises:
            SqlError: one cannot be read as its type.
        """
        settings, formats = session.surroundings.settings, request.formats
        encoding = session.surroundings.protocol.encoding
        kinds = compiled.kinds
        if kinds is None:
            with session.catalogue():
                kinds = compiled.kinds = tuple([session.type_with(oid, -1) for oid in plan.parameters])
        if not any(isinstance(kind, RegType) for kind in kinds):
            return self._decode(request.parameters, kinds, formats, settings, encoding)
        with session.catalogue():
            return self._decode(request.parameters, kinds, formats, settings, encoding)

    @staticmethod
    def _decode(
        parameters: Sequence[bytes | None],
        kinds: Sequence[AnyType],
        formats: tuple[int, ...],
        settings: Settings,
        encoding: str,
    ) -> Sequence[Any]:
        values: list[Any] = []
        for number, (data, kind) in enumerate(zip(parameters, kinds, strict=True)):
            if data is None:
                values.append(None)
                continue
            binary = bool(formats) and formats[0 if len(formats) == 1 else number] == 1
            if not binary and encoding != "utf-8":
                data = data.decode(encoding, "replace").encode()
            try:
                values.append(kind.decode(data, binary, settings))
            except SqlError as error:
                if binary and error.sqlstate == "22P03":
                    error.message = f"incorrect binary data format in bind parameter {number + 1}"
                raise
        return values

    def authorize(self, session: SqlSession, compiled: Compiled, plan: Plan) -> None:
        """The plan is about to be run: its user needs the privileges for that.

        Raises:
            SqlError: 42501.
        """
        surroundings = session.surroundings
        # what a superuser's plans depend on does not tell whether the roles have changed
        if surroundings.superuser or compiled.token is None or compiled.allowed is not compiled.token:
            with session.catalogue():
                surroundings.authorization.check(plan.rights, surroundings.user_oid)
            compiled.allowed = compiled.token

    def prepare_tree(self, session: SqlSession, node: Node, types: Sequence[Node]) -> Compiled:
        """The statement of an SQL-level PREPARE.

        Raises:
            SqlError: what is wrong with it.
        """
        ((kind, tree),) = node.items()
        compiled = Compiled(Raw(kind, tree, session.surroundings.query, 0))
        with session.catalogue():
            compiled.parameter_types = tuple(session.type_named(each) for each in types)
        compiled.source = session.surroundings.query
        compiled.made = session.surroundings.statement_time
        compiled.by_sql = True
        compiled.raw = Raw(kind, tree, f"{session.surroundings.pid} {id(compiled)} {session.surroundings.query}", 0)
        self.plan(session, compiled)
        compiled.prepared = True
        return compiled

    def execute_plan(self, session: SqlSession, handle: object, nodes: Sequence[Node], types: Sequence[int]) -> Plan:
        """The plan of EXECUTE: that of the statement, with its parameters evaluated when it is opened.

        Raises:
            SqlError: a parameter has a wrong type.
        """
        assert isinstance(handle, Compiled)
        plan, _ = self.plan(session, handle)
        return session.bound(plan, nodes, types)

    def call(self, session: SqlSession, call: FunctionCall) -> bytes | None:
        """A FunctionCall message.

        Raises:
            SqlError: 0A000.
        """
        raise SqlError("0A000", "the function call protocol is not supported", hint="Use SELECT function(…).")


_KEPT_KINDS: Final = frozenset(("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"))


def _differ(one: tuple[FieldDescription, ...] | None, other: tuple[FieldDescription, ...] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return [(each.type_oid, each.type_modifier, each.name) for each in one] != [
        (each.type_oid, each.type_modifier, each.name) for each in other
    ]


def _control(raw: Raw) -> Control | None:
    tree = raw.tree
    found = _CONTROLS.get(tree["kind"])
    if found is None:  # COMMIT PREPARED and its like
        return None
    kind, tag = found
    modes = transaction_modes(tree.get("options")) or None
    return Control(kind, tag, tree.get("savepoint_name", ""), bool(tree.get("chain", False)), modes)


def _alone(raw: Raw) -> str:
    if raw.kind == "VacuumStmt" and not raw.tree.get("is_vacuumcmd", False):
        return ""  # ANALYZE
    if raw.kind == "IndexStmt" and raw.tree.get("concurrent", False):
        return "CREATE INDEX CONCURRENTLY"
    if raw.kind == "DropStmt" and raw.tree.get("concurrent", False):
        return "DROP INDEX CONCURRENTLY"
    if raw.kind == "DiscardStmt" and raw.tree.get("target") == "DISCARD_ALL":
        return "DISCARD ALL"
    return ALONE.get(raw.kind, "")
