"""From the text of a statement to a plan, and the cache of plans of one database.

A plan is kept by its text, the types of its parameters, and all else that its analysis looked at: the catalogue's
version, the search path, the user, and the session's forms of dates where constants were read with them. Texts of the
simple protocol that differ in literals only share plans: `shapes`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ..codec import FieldDescription, FunctionCall
from ..errors import SqlError
from ..session import SERVER_ENCODING, Control, ControlKind, Open, Prepare, Prepared, Statement
from ..sql.analyze import Notes
from ..sql.analyze.typenames import base_type_and_typmod
from ..sql.execute.cursor import SelectPlan
from ..sql.execute.modify import ModifyPlan
from ..sql.grammar import Node, Raw, parse
from ..sql.lower.locking import locked_places
from ..sql.nodes import Query, RowLock, SubLink, Utility
from ..sql.plan import Locking, Plan
from ..sql.walk import query_expressions, subqueries, walk
from ..types import BY_OID, AnyType
from ..types.oid import RegType
from .log import table_of, traits
from .portal import describe
from .recoding import incoming
from .shapes import Lifting, Shape, lift, shape_of
from .utility.dispatch import ALONE, plan_utility
from .utility.parameters import transaction_modes

if TYPE_CHECKING:
    from ..catalog.session import SessionCatalog
    from .session import SqlSession

__all__ = ["Compiled", "Compiler"]

#: bytes that the plans of one database may take together, as they estimate themselves
MAX_PLANS: Final = 32 << 20
#: the same for texts with their parse trees, and the longest text that is kept
MAX_TEXTS: Final = 16 << 20
MAX_TEXT: Final = 10_000
#: how many shapes of texts are known
MAX_SHAPES: Final = 2048
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
        "kept",
        "key",
        "kinds",
        "made",
        "member",
        "parameter_types",
        "place",
        "plain",
        "plan",
        "prepared",
        "raw",
        "shape",
        "size",
        "source",
        "token",
        "values",
    )

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.shape: Shape | None = None
        """Of the text it came with, when its plan may be that of all statements of the shape."""
        self.place = 0
        """Its number in that text."""
        self.values: Sequence[Any] = ()
        """Of the parameters that its literals are."""
        self.member: Member | None = None
        """Whose plan it shares."""
        self.plan: Plan | None = None
        self.columns: tuple[FieldDescription, ...] | None = None
        self.parameter_types: tuple[int, ...] = ()
        self.kinds: tuple[AnyType, ...] | None = None
        """Implementations of these types."""
        self.plain = False
        """Whether values of these can be read without a look at the catalogue."""
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
        self.kept = False
        """Whether it is all of its text, and there is nothing to tell of that text each time."""


@dataclass(slots=True, eq=False)
class Member:
    """A plan that statements of one shape share, as long as nothing changes that it depends on: the user, too."""

    plan: Plan
    columns: tuple[FieldDescription, ...] | None
    lifting: Lifting
    allowed: bool = False
    """Whether the user is known to have the privileges that it needs."""


class Compiler:
    """Makes plans for the sessions of one database."""

    __slots__ = ("_bytes", "_families", "_members", "_members_bytes", "_plans", "_shapes", "_text_bytes", "_texts")

    def __init__(self) -> None:
        self._plans: OrderedDict[tuple[Any, ...], tuple[Plan, tuple[FieldDescription, ...] | None, tuple[int, ...]]] = (
            OrderedDict()
        )
        self._bytes = 0
        #: statements of the simple protocol, which all sessions share
        self._texts: OrderedDict[str, list[Statement]] = OrderedDict()
        self._text_bytes = 0
        #: what the statements of a shape are about transactions, None for a query; () when texts of it share nothing
        self._shapes: OrderedDict[str, tuple[Statement | None, ...]] = OrderedDict()
        #: which literals of a shape were looked at, None when it has no plan of its own; by shape, place and token
        self._families: OrderedDict[tuple[Any, ...], tuple[int, ...] | None] = OrderedDict()
        #: plans of shapes, by what those literals say
        self._members: OrderedDict[tuple[Any, ...], Member] = OrderedDict()
        self._members_bytes = 0

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
        shape = shape_of(text)
        if shape is not None:
            known = self._shapes.get(shape.key)
            if known:
                self._shapes.move_to_end(shape.key)
                return [each or _of_shape(text, shape, place) for place, each in enumerate(known)]
        statements = [self._statement(raw) for raw in parse(text)]
        for each in statements:
            assert isinstance(each.handle, Compiled)
            each.handle.fixed = True
        again = look(text)
        if shape is not None and known is None:
            self._shapes[shape.key] = () if again else _shared(statements)
            if len(self._shapes) > MAX_SHAPES:
                self._shapes.popitem(last=False)
        size = len(text)
        if not again and size <= MAX_TEXT and len(statements) == 1:
            self._texts[text] = statements
            for each in statements:
                assert isinstance(each.handle, Compiled)
                each.handle.kept = True
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
        compiled.source = request.text
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
        if compiled.shape is not None:
            found = self._plan_of_shape(session, compiled, compiled.shape, token)
            if found is not None:
                return found
            compiled.shape = compiled.member = None
            compiled.values = ()
            compiled.raw = parse(compiled.raw.text)[compiled.place]
        with session.catalogue():
            key = session.surroundings.plan_key(compiled.raw.text, compiled.parameter_types)
            shared = compiled.raw.kind in _KEPT_KINDS  # a plan of anything else belongs to its session and moment
            if shared and compiled.key == key and compiled.plan is not None:
                compiled.token = token
                return compiled.plan, compiled.columns
            kept = self._plans.get(key)
            if kept is None or (compiled.fixed and kept[2]):
                kept = self._make(session, compiled)
                if shared and not kept[0].momentary:
                    self._keep(key, kept)
            else:
                self._plans.move_to_end(key)
            plan, columns, parameters = kept
            if parameters and compiled.fixed:
                session.analyse(compiled.raw, None)  # the plan of another protocol: this one says what is wrong
            if compiled.prepared and compiled.plan is not None and _differ(columns, compiled.columns):
                # asyncpg knows by the routine that it has to prepare the statement anew
                routine = "RevalidateCachedQuery"
                raise SqlError("0A000", "cached plan must not change result type", routine=routine)
            if compiled.prepared and columns == compiled.columns:
                columns = compiled.columns
            compiled.plan, compiled.columns = plan, columns
            compiled.kinds = None
            compiled.parameter_types = parameters
            compiled.key = session.surroundings.plan_key(compiled.raw.text, parameters)
            compiled.size = plan.size + _EACH
            compiled.token = token if shared else None
            if plan.momentary and compiled.fixed:  # what was prepared keeps its constants
                compiled.key = compiled.token = None
            return plan, columns

    def _plan_of_shape(
        self, session: SqlSession, compiled: Compiled, shape: Shape, token: object
    ) -> tuple[Plan, tuple[FieldDescription, ...] | None] | None:
        """The plan that a statement shares with others of its shape, and its parameters; None when it does not."""
        if token is None:
            return None
        family = (shape.key, compiled.place, token)
        pinned = self._families.get(family, ())
        if pinned is None:
            return None
        key = (family, tuple([shape.literals[number] for number in pinned]))
        member = self._members.get(key) if family in self._families else None
        try:
            if member is None:
                member = self._lift(session, compiled, shape, family)
                if member is None:
                    self._families[family] = None
                    self._shapes[shape.key] = ()
                    return None
            else:
                self._families.move_to_end(family)
                self._members.move_to_end(key)
            compiled.values = member.lifting.values(shape, session.surroundings.settings)
            compiled.member = member
        except SqlError:  # it is said with its place in the text
            return None
        return member.plan, member.columns

    def _lift(self, session: SqlSession, compiled: Compiled, shape: Shape, family: tuple[Any, ...]) -> Member | None:
        """A plan for the statements of a shape; None when there cannot be one.

        Raises:
            SqlError: what is wrong with this one.
        """
        text = compiled.raw.text
        raw = parse(text)[compiled.place]
        notes = Notes()
        settings = session.surroundings.settings
        with session.catalogue():
            query, _ = session.analyse(raw, None, notes)
            if not isinstance(query, Query):
                return None
            lifting = lift(query, shape, text, raw.start, raw.start + len(raw.text), notes, BY_OID, settings)
            if notes.momentary or lifting is None or self._families.get(family, lifting.pinned) != lifting.pinned:
                return None
            plan = self.plan_of(session, query, [kind.oid for _, kind, _ in lifting.lifted])
            if plan.failure is not None:
                return None
            member = Member(plan, self._described(session, plan), lifting)
        self._families[family] = lifting.pinned
        if len(self._families) > MAX_SHAPES:
            self._families.popitem(last=False)
        self._members[family, tuple([shape.literals[number] for number in lifting.pinned])] = member
        self._members_bytes += plan.size + _EACH
        while self._members_bytes > MAX_PLANS:
            _, dropped = self._members.popitem(last=False)
            self._members_bytes -= dropped.plan.size + _EACH
        return member

    def _make(
        self, session: SqlSession, compiled: Compiled
    ) -> tuple[Plan, tuple[FieldDescription, ...] | None, tuple[int, ...]]:
        notes = Notes()
        types = None if compiled.fixed else compiled.parameter_types
        analysed, parameters = session.analyse(compiled.raw, types, notes)
        plan = self.plan_of(session, analysed, parameters)
        plan.momentary = notes.momentary
        if isinstance(analysed, Utility):
            plan.parameters = parameters
        return plan, self._described(session, plan), parameters

    @staticmethod
    def _described(session: SqlSession, plan: Plan) -> tuple[FieldDescription, ...] | None:
        """The columns of a plan; clients see the base types of domains, and their modifiers."""
        columns = describe(plan)
        if columns is None:
            return None
        catalog = session.surroundings.catalog
        found = []
        for each in columns:
            if each.type_oid >= _FIRST_DOMAIN:
                oid, typmod = base_type_and_typmod(catalog, each.type_oid, each.type_modifier)
                each = replace(each, type_oid=oid, type_modifier=typmod)
            found.append(each)
        return tuple(found)

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
        plan.traits = traits(plan, session.surroundings.catalog, analysed)
        if locks := _locks_of(analysed):
            plan.locks = plan.writes = True
            waits = [each.wait for each in locks]
            plan.locking = self._locking(session, analysed, parameters)
            plan.wait = "error" if "error" in waits else "skip" if "skip" in waits else "block"
        if plan.short or plan.locks:
            plan.tables = _tables(plan, session.surroundings.catalog)
        plan.at_once = _runs_at_once(plan)
        return plan

    @staticmethod
    def _locking(session: SqlSession, query: Query, parameters: Sequence[int]) -> Locking | None:
        places = locked_places(query)
        if places is None or query.command != "select" or len(_locks_of(query)) > len(query.locks):
            return None
        plan = session.lower(query, parameters, positions=True)
        if plan.volatile or plan.blocking or plan.failure is not None or plan.columns is None or plan.written:
            return None
        relations = [session.surroundings.catalog.relation_by_oid(oid) for oid in plan.positions]
        behind = len(plan.columns)
        named = [(behind + place, each) for place in places if (each := relations[place]) is not None]
        strong = any(lock.strength == "update" for lock in query.locks)
        return Locking(plan, tuple([(place, table_of(each)) for place, each in named]), named[0][1].name, strong)

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
        kinds = compiled.kinds
        if kinds is None:
            with session.catalogue():
                kinds = compiled.kinds = tuple([session.type_with(oid, -1) for oid in plan.parameters])
            compiled.plain = not any([isinstance(kind, RegType) for kind in kinds])
        if compiled.plain:
            return self._decode(session, request.parameters, kinds, request.formats)
        with session.catalogue():
            return self._decode(session, request.parameters, kinds, request.formats)

    @staticmethod
    def _decode(
        session: SqlSession, parameters: Sequence[bytes | None], kinds: Sequence[AnyType], formats: tuple[int, ...]
    ) -> Sequence[Any]:
        """Values of parameters, in storage forms.

        Raises:
            SqlError: one cannot be read as its type.
        """
        settings, encoding = session.surroundings.settings, session.surroundings.protocol.encoding
        if encoding == SERVER_ENCODING and not formats:
            return [
                None if data is None else kind.decode(data, False, settings)
                for data, kind in zip(parameters, kinds, strict=True)
            ]
        values: list[Any] = []
        for number, (data, kind) in enumerate(zip(parameters, kinds, strict=True)):
            if data is None:
                values.append(None)
                continue
            binary = bool(formats) and formats[0 if len(formats) == 1 else number] == 1
            try:
                if encoding != SERVER_ENCODING:
                    recode = incoming(kind, binary, encoding)
                    data = data if recode is None else recode(data)
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
        if surroundings.superuser:  # as of now: looking for the plan has looked at the roles
            if not any([right.user for right in plan.rights]):
                return
        elif self.allowed(compiled):
            return
        with session.catalogue():
            surroundings.authorization.check(plan.rights, surroundings.user_oid)
        compiled.allowed = compiled.token
        if compiled.member is not None:
            compiled.member.allowed = True

    @staticmethod
    def allowed(compiled: Compiled) -> bool:
        """Whether the user is known to have the privileges that a statement needs, since its plan was found."""
        if compiled.member is not None:
            return compiled.member.allowed
        return compiled.token is not None and compiled.allowed is compiled.token

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


def _runs_at_once(plan: Plan) -> bool:
    """Whether a plan is one for `shortcut.run_at_once`."""
    if not plan.short or plan.blocking or plan.locks or plan.positions or plan.failure is not None:
        return False
    if isinstance(plan, SelectPlan):
        return bool(plan.columns) and not plan.writes and not plan.volatile
    return isinstance(plan, ModifyPlan) and plan.traits is not None


def _tables(plan: Plan, catalog: SessionCatalog) -> dict[int, str]:
    relations = [catalog.relation_by_oid(oid) for oid in plan.relations]
    return {each.oid: table_of(each) for each in relations if each is not None and each.storage}


def _locks_of(query: Query) -> list[RowLock]:
    """All clauses of a query, and of those within it, that lock rows."""
    found: list[RowLock] = []
    for each in subqueries(query):
        found += each.locks
        for expr in query_expressions(each):
            for link in walk(expr, into_queries=False):
                if isinstance(link, SubLink):
                    found += _locks_of(link.query)
    return found


def _differ(one: tuple[FieldDescription, ...] | None, other: tuple[FieldDescription, ...] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return [(each.type_oid, each.type_modifier, each.name) for each in one] != [
        (each.type_oid, each.type_modifier, each.name) for each in other
    ]


def _shared(statements: Sequence[Statement]) -> tuple[Statement | None, ...]:
    """What is kept for a shape of these statements; () when one is neither a query nor about transactions."""
    kept: list[Statement | None] = []
    for each in statements:
        compiled = each.handle
        assert isinstance(compiled, Compiled)
        if each.control is None and compiled.raw.kind not in _KEPT_KINDS:
            return ()
        kept.append(each if each.control is not None else None)
    return tuple(kept) if None in kept else ()


def _of_shape(text: str, shape: Shape, place: int) -> Statement:
    compiled = Compiled(Raw("", {}, text, 0))
    compiled.fixed = True
    compiled.shape = shape
    compiled.place = place
    return Statement(compiled)


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
