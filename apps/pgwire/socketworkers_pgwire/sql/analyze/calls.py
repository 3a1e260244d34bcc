"""Calls of functions, aggregates and window functions, and fields of rows. PostgreSQL: ParseFuncOrColumn."""

from __future__ import annotations

from typing import Any

from ...catalog import Proc
from ...errors import SqlError
from ..grammar import Node
from ..nodes import ArrayExpr, Const, Expr, FuncCall, Param
from .coerce import Context, coerce_type, with_typmod
from .expressions import expression, where_clause
from .functions import Choice, find_function, signature
from .kinds import Kind
from .oids import ANY, RECORD, TEXT, UNKNOWN, VOID
from .places import location_of
from .polymorphic import resolve
from .state import State, error, unsupported
from .typenames import check_schema, element_type, format_type, is_composite, name_list, split_name, type_row

__all__ = ["column_or_function", "function_call", "note_set"]

_PG_TYPEOF = 1619
_MOST_ARGUMENTS = 100  # FUNC_MAX_ARGS
_CAST_HINT = " You might need to add explicit type casts."


class Call:
    """A call while it is looked at: what is written, and what it is found to mean."""

    __slots__ = (
        "args",
        "argument_names",
        "distinct",
        "filter",
        "last_set",
        "location",
        "node",
        "order",
        "star",
        "within_group",
        "words",
    )

    def __init__(self, state: State, node: Node) -> None:
        self.node = node
        self.location: int = node.get("location", 0)
        self.words = name_list(node["funcname"])
        self.star = node.get("agg_star", False)
        self.distinct = node.get("agg_distinct", False)
        self.order: list[Node] = node.get("agg_order", [])
        self.within_group = node.get("agg_within_group", False)
        self.last_set = state.last_set_function
        self.args: list[Expr] = []
        self.argument_names: list[str] = []
        for arg in node.get("args", ()):
            named = arg.get("NamedArgExpr")
            if named is not None:
                if named["name"] in self.argument_names:
                    raise error(
                        "42601", f'argument name "{named["name"]}" used more than once', named.get("location", 0)
                    )
                self.args.append(expression(state, named["arg"]))
                self.argument_names.append(named["name"])
                continue
            value = expression(state, arg)
            if self.argument_names:
                raise error("42601", "positional argument cannot follow named argument", location_of(value))
            self.args.append(value)
        if self.within_group:
            for each in self.order:
                before = state.kind
                if state.kind is not Kind.OTHER:
                    state.kind = Kind.ORDER_BY
                self.args.append(expression(state, each["SortBy"]["node"]))
                state.kind = before
        self.filter = where_clause(state, node.get("agg_filter"), Kind.FILTER, "FILTER")

    @property
    def name(self) -> str:
        """The name as it is written."""
        return ".".join(self.words)


def function_call(state: State, node: Node) -> Expr:
    """A FuncCall.

    Raises:
        SqlError: 42883 there is no such function, 42725 there are several, and many more.
    """
    call = Call(state, node)
    location = call.location
    if len(call.args) > _MOST_ARGUMENTS:
        raise error("54023", f"cannot pass more than {_MOST_ARGUMENTS} arguments to a function", location)
    if not call.within_group:
        call.args = [arg for arg in call.args if not (arg.type == VOID and isinstance(arg, Param))]
    expand = not node.get("func_variadic", False)
    catalog = state.catalog
    choice = find_function(catalog, node["funcname"], call.args, call.argument_names, expand_variadic=expand)
    if not isinstance(choice, Choice):
        return _not_chosen(state, call, several=choice is False)
    if choice.cast:
        _refuse_decoration(call)
        return coerce_type(state, call.args[0], choice.cast, -1, Context.EXPLICIT, "call", location)
    proc = choice.proc
    assert proc is not None
    if proc.kind == "p":
        shown = signature(catalog, call.words, [arg.type for arg in call.args], call.argument_names)
        raise error("42809", f"{shown} is a procedure", location, hint="To call a procedure, use CALL.")
    if proc.kind == "f":
        _refuse_decoration(call)
    elif proc.kind == "a":
        from .aggregates import check_call

        check_call(state, call, proc, choice)
    elif "over" not in node:
        raise error("42809", f"window function {call.name} requires an OVER clause", location)
    elif call.within_group:
        raise error("42809", f"window function {call.name} cannot have WITHIN GROUP", location)
    args, result = _arguments(state, call, proc, choice, expand)
    if proc.returns_set:
        check_set_place(state, call.last_set, location)
    made: Expr
    if proc.kind == "f":
        made = FuncCall(
            type=result,
            proc=proc,
            args=args,
            form="sql syntax" if node.get("funcformat") == "COERCE_SQL_SYNTAX" else "call",
            variadic=bool(proc.variadic) and (not expand or (choice.variadic > 0 and proc.variadic != ANY)),
            location=location,
        )
        if proc.returns_set:
            state.last_set_function = made
        return made
    if "over" in node:
        from .windows import window_call

        return window_call(state, call, proc, args, result)
    from .aggregates import aggregate_call

    return aggregate_call(state, call, proc, args, result)


def _arguments(state: State, call: Call, proc: Proc, choice: Choice, expand: bool) -> tuple[list[Expr], int]:
    """The arguments in the order of the declaration, cast, and the type of the result."""
    catalog = state.catalog
    given = len(call.args)
    if choice.types == [arg.type for arg in call.args] and not choice.variadic and not proc.variadic:
        wanted, result = (
            resolve(catalog, choice.types, choice.types, proc.result)
            if _generic(catalog, proc)
            else (choice.types, proc.result)
        )
        args = list(call.args)
    else:
        defaults = [_default(state, proc, number) for number in choice.defaults]
        actual = [arg.type for arg in (*call.args, *defaults)]
        try:
            wanted, result = resolve(catalog, actual, choice.types, proc.result)
        except SqlError as wrong:
            if wrong.position is None:
                wrong.position = call.location + 1
            raise
        args = [
            arg if arg.type == kind else coerce_type(state, arg, kind, -1, Context.IMPLICIT, "implicit cast", -1)
            for arg, kind in zip((*call.args, *defaults), wanted, strict=True)
        ]
    if proc.oid != _PG_TYPEOF:
        args = [_known(state, arg) for arg in args]
    if choice.numbers is not None:
        ordered: list[Any] = [None] * len(args)
        for number, arg in zip(choice.numbers, args, strict=True):
            ordered[number] = arg
        args = ordered
    if choice.variadic and proc.variadic != ANY:
        first = given - choice.variadic
        items = args[first:]
        element = items[0].type
        array = type_row(catalog, element).array
        if not array:
            raise error(
                "42704",
                f"could not find array type for data type {format_type(catalog, element)}",
                location_of(items[0]),
            )
        typmod = items[0].typmod
        if any(item.typmod != typmod for item in items):
            typmod = -1
        items = [with_typmod(item, typmod) for item in items]
        args[first:] = [ArrayExpr(type=array, typmod=typmod, items=items, location=location_of(items[0]))]
    if given and proc.variadic == ANY and not expand and not element_type(catalog, call.args[-1].type):
        raise error("42804", "VARIADIC argument must be an array", location_of(args[-1]))
    return args, result


def _known(state: State, arg: Expr) -> Expr:
    """A literal passed to "any" is text."""
    if arg.type == UNKNOWN and isinstance(arg, Const):
        return coerce_type(state, arg, TEXT, -1, Context.IMPLICIT, "implicit cast", -1)
    return arg


def _generic(catalog: Any, proc: Proc) -> bool:
    return type_row(catalog, proc.result).kind == "p"


def _default(state: State, proc: Proc, number: int) -> Expr:
    """The default of an argument: its text is kept by the catalogue."""
    from .standalone import expression_of_text

    text = proc.defaults[number - (len(proc.arguments) - proc.default_count)]
    result = expression_of_text(state.shared, text)
    kind = proc.arguments[number]
    if result.type == UNKNOWN and type_row(state.catalog, kind).kind != "p":
        return coerce_type(state, result, kind, -1, Context.IMPLICIT, "implicit cast", -1)
    return result


def _refuse_decoration(call: Call) -> None:
    """What only aggregates and window functions can have."""
    name, location = call.name, call.location
    if call.star:
        raise error("42809", f"{name}(*) specified, but {name} is not an aggregate function", location)
    for present, word in (
        (call.distinct, "DISTINCT"),
        (call.within_group, "WITHIN GROUP"),
        (call.order, "ORDER BY"),
        (call.filter, "FILTER"),
    ):
        if present:
            raise error("42809", f"{word} specified, but {name} is not an aggregate function", location)
    if "over" in call.node:
        raise error("42809", f"OVER specified, but {name} is not a window function nor an aggregate function", location)


def _not_chosen(state: State, call: Call, *, several: bool) -> Expr:
    catalog = state.catalog
    actual = [arg.type for arg in call.args]
    shown = signature(catalog, call.words, actual, call.argument_names)
    if several:
        hint = "Could not choose a best candidate function." + _CAST_HINT
        raise error("42725", f"function {shown} is not unique", call.location, hint=hint)
    decorated = call.order or call.filter or call.star or call.distinct or "over" in call.node
    plain = not decorated and not call.argument_names and "func_variadic" not in call.node
    if len(actual) == 1 and plain and len(call.words) == 1:
        from .fields import field_of

        projected = field_of(state, call.args[0], call.words[0], call.location)
        if projected is not None:
            return projected
    if len(call.order) > 1 and not call.within_group:
        hint = (
            "No aggregate function matches the given name and argument types. Perhaps you misplaced ORDER BY;"
            " ORDER BY must appear after all regular arguments of the aggregate."
        )
    else:
        hint = "No function matches the given name and argument types." + _CAST_HINT
        schema, _ = split_name(call.node["funcname"], call.location)
        check_schema(catalog, schema, call.location)
    raise error("42883", f"function {shown} does not exist", call.location, hint=hint)


def column_or_function(state: State, name: str, arg: Expr, location: int) -> Expr | None:
    """``arg.name``: a field, or a function of one argument; None when it is neither."""
    from .fields import field_of

    if arg.type == RECORD or is_composite(state.catalog, arg.type):
        found = field_of(state, arg, name, location)
        if found is not None:
            return found
    last_set = state.last_set_function
    names = [{"String": {"sval": name}}]
    choice = find_function(state.catalog, names, [arg], (), expand_variadic=True)
    if not isinstance(choice, Choice):
        return None
    if choice.cast:
        return coerce_type(state, arg, choice.cast, -1, Context.EXPLICIT, "call", location)
    proc = choice.proc
    assert proc is not None
    if proc.kind != "f":
        if proc.kind == "p":
            shown = signature(state.catalog, [name], [arg.type])
            raise error("42809", f"{shown} is a procedure", location, hint="To call a procedure, use CALL.")
        if proc.kind == "w":
            raise error("42809", f"window function {name} requires an OVER clause", location)
        raise unsupported("an aggregate in attribute notation", location)
    wanted, result = resolve(state.catalog, [arg.type], choice.types[:1], proc.result)
    args = [coerce_type(state, arg, wanted[0], -1, Context.IMPLICIT, "implicit cast", -1)]
    args += [_default(state, proc, number) for number in choice.defaults]
    if proc.returns_set:
        check_set_place(state, last_set, location)
    made = FuncCall(type=result, proc=proc, args=args, location=location)
    if proc.returns_set:
        state.last_set_function = made
    return made


def note_set(state: State, made: Expr, location: int) -> None:
    """A set-returning operator or function was found."""
    check_set_place(state, state.last_set_function, location)
    state.last_set_function = made


def check_set_place(state: State, last_set: Expr | None, location: int) -> None:
    """Refuse a set-returning function where it cannot stand: check_srf_call_placement.

    Raises:
        SqlError: 0A000.
    """
    kind = state.kind
    if kind is Kind.FROM_FUNCTION:
        last = state.last_set_function
        if last is not last_set and last is not None:
            raise error("0A000", "set-returning functions must appear at top level of FROM", location_of(last))
        return
    if kind.sets:
        raise error("0A000", f"set-returning functions are not allowed in {kind.sets}", location)
    state.query.has_set_functions = True
