"""CREATE, ALTER SEQUENCE, and the sequences of serial and identity columns (src/backend/commands/sequence.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..catalog import Relation
from ..errors import SqlError
from ..sql.analyze.typenames import resolve_type
from .common import (
    Target,
    check_owner,
    creation_target,
    error,
    find_relation,
    notice,
    option_value,
    refuse_system,
    state_of,
    strings,
    unsupported,
    writer_of,
)
from .ids import CLASS, Address
from .rows import NewColumn, add_attribute, add_class, add_system_attributes
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["SequenceOptions", "alter_sequence", "create_sequence", "make_sequence", "read_options"]

_BOUNDS = {21: (-(1 << 15), (1 << 15) - 1), 23: (-(1 << 31), (1 << 31) - 1), 20: (-(1 << 63), (1 << 63) - 1)}
_NAMES = {21: "smallint", 23: "integer", 20: "bigint"}
_COLUMNS = (("last_value", 20), ("log_cnt", 20), ("is_called", 16))


@dataclass(slots=True)
class SequenceOptions:
    """A row of pg_sequence, and where the counter is to start again."""

    type: int = 20
    start: int = 1
    increment: int = 1
    maximum: int = (1 << 63) - 1
    minimum: int = 1
    cache: int = 1
    cycle: bool = False
    last_value: int | None = None
    """What the counter is set to, None when it goes on."""
    called: bool = False


def _integer(option: dict[str, Any]) -> int:
    value = option_value(option)
    if isinstance(value, bool) or not isinstance(value, int):
        if isinstance(value, str):
            raise error("42601", f'invalid input syntax for type bigint: "{value}"', option)
        raise error("42601", f"{option['defname']} requires a numeric value", option)
    if not -(1 << 63) <= value < 1 << 63:
        raise SqlError("22003", f'value "{value}" is out of range for type bigint')
    return value


def read_options(
    around: Surroundings,
    options: list[dict[str, Any]],
    current: SequenceOptions | None = None,
    *,
    identity: bool = False,
    type_oid: int = 0,
) -> tuple[SequenceOptions, list[str] | None]:
    """Options of CREATE or ALTER SEQUENCE: init_params().

    Args:
        around: the statement.
        options: DefElem nodes.
        current: of ALTER: what the sequence is now.
        identity: for an identity column, whose type cannot be chosen here.
        type_oid: of the column that the sequence is for, when none is named.

    Returns:
        the options, and the names behind OWNED BY, None without.

    Raises:
        SqlError: 42601, 22023.
    """
    given: dict[str, dict[str, Any]] = {}
    for node in options:
        option = node["DefElem"]
        if option["defname"] in given:
            raise error("42601", "conflicting or redundant options", option)
        given[option["defname"]] = option
    found = SequenceOptions() if current is None else current
    fresh = current is None
    old_type = 0 if fresh else found.type
    if "as" in given:
        if identity:
            raise error("42601", "identity column type must be smallint, integer, or bigint", given["as"])
        found.type, _ = resolve_type(state_of(around), given["as"]["arg"]["TypeName"])
    elif fresh:
        found.type = type_oid or 20
    if found.type not in _BOUNDS:
        message = "identity column type must be" if identity else "sequence type must be"
        raise SqlError("22023", f"{message} smallint, integer, or bigint")
    lowest, highest = _BOUNDS[found.type]
    reset_max = reset_min = False
    if not fresh and old_type != found.type:  # bounds that were those of the type become those of the new one
        old_lowest, old_highest = _BOUNDS[old_type]
        reset_max = found.maximum == old_highest
        reset_min = found.minimum == old_lowest
    if "increment" in given:
        found.increment = _integer(given["increment"])
        if not found.increment:
            raise SqlError("22023", "INCREMENT must not be zero")
    if "cycle" in given:
        found.cycle = bool(option_value(given["cycle"]))
    ascending = found.increment > 0
    if "maxvalue" in given and "arg" in given["maxvalue"]:
        found.maximum = _integer(given["maxvalue"])
    elif "maxvalue" in given or reset_max or fresh:
        found.maximum = highest if ascending or reset_max else -1
    if not lowest <= found.maximum <= highest:
        raise SqlError(
            "22023", f"MAXVALUE ({found.maximum}) is out of range for sequence data type {_NAMES[found.type]}"
        )
    if "minvalue" in given and "arg" in given["minvalue"]:
        found.minimum = _integer(given["minvalue"])
    elif "minvalue" in given or reset_min or fresh:
        found.minimum = 1 if ascending and not reset_min else lowest
    if not lowest <= found.minimum <= highest:
        raise SqlError(
            "22023", f"MINVALUE ({found.minimum}) is out of range for sequence data type {_NAMES[found.type]}"
        )
    if found.minimum >= found.maximum:
        raise SqlError("22023", f"MINVALUE ({found.minimum}) must be less than MAXVALUE ({found.maximum})")
    if "start" in given:
        found.start = _integer(given["start"])
    elif fresh:
        found.start = found.minimum if ascending else found.maximum
    _check_bounds(found, "START", found.start)
    if "restart" in given:
        found.last_value = _integer(given["restart"]) if "arg" in given["restart"] else found.start
        found.called = False
    elif fresh:
        found.last_value, found.called = found.start, False
    if found.last_value is not None:
        _check_bounds(found, "RESTART", found.last_value)
    if "cache" in given:
        found.cache = _integer(given["cache"])
        if found.cache <= 0:
            raise SqlError("22023", f"CACHE ({found.cache}) must be greater than zero")
    known = {
        "as",
        "increment",
        "cycle",
        "maxvalue",
        "minvalue",
        "start",
        "restart",
        "cache",
        "owned_by",
        "sequence_name",
    }
    for name, option in given.items():
        if name not in known:
            raise unsupported(f"{name.upper()} of a sequence", option)
    owner = given.get("owned_by")
    return found, None if owner is None else strings(owner["arg"]["List"]["items"])


def _check_bounds(options: SequenceOptions, what: str, value: int) -> None:
    if value < options.minimum:
        raise SqlError("22023", f"{what} value ({value}) cannot be less than MINVALUE ({options.minimum})")
    if value > options.maximum:
        raise SqlError("22023", f"{what} value ({value}) cannot be greater than MAXVALUE ({options.maximum})")


def create_sequence(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE SEQUENCE."""
    target = creation_target(around, tree["sequence"])
    name = tree["sequence"]["relname"]
    if around.catalog.relation_oid(target.namespace, name):
        if not tree.get("if_not_exists"):
            read_options(around, tree.get("options", []))  # what is wrong with them is told first
            raise error("42P07", f'relation "{name}" already exists')
        notice(around, f'relation "{name}" already exists, skipping', "42P07")
        return "CREATE SEQUENCE"
    options, owner = read_options(around, tree.get("options", []))
    writer = writer_of(around)
    oid = make_sequence(around, writer, target, name, options, around.session.user_oid)
    writer.changed()
    if owner is not None:
        own_sequence(around, writer, oid, owner)
    writer.changed()
    return "CREATE SEQUENCE"


def make_sequence(
    around: Surroundings, writer: Writer, target: Target, name: str, options: SequenceOptions, owner: int
) -> int:
    """A new sequence; gives its OID."""
    refuse_system(target.namespace, name)
    tables = target.tables
    oid = writer.new_oid(target.temporary)
    add_class(
        writer, tables, oid, name, target.namespace, "S", owner, persistence=target.persistence, columns=len(_COLUMNS)
    )
    for number, (column, kind) in enumerate(_COLUMNS, 1):
        add_attribute(writer, tables, oid, number, NewColumn(name=column, type=kind, not_null=True))
    add_system_attributes(writer, tables, oid)
    writer.insert(
        "pg_sequence",
        tables,
        seqrelid=oid,
        seqtypid=options.type,
        seqstart=options.start,
        seqincrement=options.increment,
        seqmax=options.maximum,
        seqmin=options.minimum,
        seqcache=options.cache,
        seqcycle=int(options.cycle),
    )
    place = "temp" if target.temporary else "main"
    around.connection.execute(
        f'INSERT INTO {place}."socketworkers.sequences" VALUES (?, ?, ?)',
        (oid, options.last_value, int(options.called)),
    )
    around.sequence_changed(oid)
    return oid


def current_options(writer: Writer, oid: int) -> SequenceOptions:
    """What a sequence is."""
    columns = "seqtypid, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle"
    ((kind, start, increment, maximum, minimum, cache, cycle),) = writer.select(
        "pg_sequence", writer.tables(oid), columns, seqrelid=oid
    )
    return SequenceOptions(kind, start, increment, maximum, minimum, cache, bool(cycle))


def alter_sequence(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER SEQUENCE with options of CREATE SEQUENCE."""
    relation = find_relation(around, tree["sequence"], missing_ok=tree.get("missing_ok", False), kinds="S")
    if relation is None:
        notice(around, f'relation "{tree["sequence"]["relname"]}" does not exist, skipping')
        return "ALTER SEQUENCE"
    check_owner(around, relation)
    change_sequence(around, writer_of(around), relation.oid, tree.get("options", []), tree.get("for_identity", False))
    return "ALTER SEQUENCE"


def change_sequence(
    around: Surroundings, writer: Writer, oid: int, nodes: list[dict[str, Any]], identity: bool = False
) -> None:
    """Change a sequence by options."""
    options, owner = read_options(around, nodes, current_options(writer, oid), identity=identity)
    writer.update(
        "pg_sequence",
        writer.tables(oid),
        {"seqrelid": oid},
        seqtypid=options.type,
        seqstart=options.start,
        seqincrement=options.increment,
        seqmax=options.maximum,
        seqmin=options.minimum,
        seqcache=options.cache,
        seqcycle=int(options.cycle),
    )
    if options.last_value is not None:
        restart_sequence(around, writer, oid, options.last_value, options.called)
    else:
        last, _, called = around.session.sequences.state(oid)
        _check_bounds(options, "RESTART", last)
        restart_sequence(around, writer, oid, last, called)
    if owner is not None:
        own_sequence(around, writer, oid, owner)
    writer.changed()


def restart_sequence(around: Surroundings, writer: Writer, oid: int, value: int, called: bool = False) -> None:
    """Set the counter of a sequence, as a part of the transaction."""
    place = "temp" if writer.tables(oid).temporary else "main"
    around.connection.execute(
        f'UPDATE {place}."socketworkers.sequences" SET last_value = ?, is_called = ? WHERE oid = ?',
        (value, int(called), oid),
    )
    around.sequence_changed(oid)


def own_sequence(around: Surroundings, writer: Writer, oid: int, names: list[str]) -> None:
    """OWNED BY: process_owned_by()."""
    catalog = around.catalog
    tables = writer.tables(oid)
    sequence = catalog.relation_by_oid(oid)
    assert sequence is not None
    if writer.select("pg_depend", tables, "1", classid=CLASS, objid=oid, refclassid=CLASS, deptype="i"):
        raise SqlError(
            "0A000",
            "cannot change ownership of identity sequence",
            detail=f'Sequence "{sequence.name}" is linked to table "{_owner_table(around, writer, oid)}".',
        )
    wanted = None
    if len(names) == 1:
        if names[0] != "none":
            raise SqlError("42601", "invalid OWNED BY option", hint="Specify OWNED BY table.column or OWNED BY NONE.")
    else:
        wanted = _owned_column(around, sequence, names)
    writer.delete("pg_depend", tables, classid=CLASS, objid=oid, refclassid=CLASS, deptype="a")
    if wanted is not None:
        writer.depend(Address(CLASS, oid), wanted, "a")
    writer.changed()


def _owned_column(around: Surroundings, sequence: Relation, names: list[str]) -> Address:
    schema, table = (names[-3], names[-2]) if len(names) > 2 else (None, names[-2])
    relation = find_relation(around, {"schemaname": schema, "relname": table} if schema else {"relname": table})
    assert relation is not None
    if relation.kind not in "rvm":
        raise SqlError("42809", f'sequence cannot be owned by relation "{relation.name}"')
    if relation.owner != sequence.owner:
        raise SqlError("55000", "sequence must have same owner as table it is linked to")
    if relation.namespace != sequence.namespace:
        raise SqlError("55000", "sequence must be in same schema as table it is linked to")
    column = next((each for each in relation.columns if each.name == names[-1] and not each.dropped), None)
    if column is None:
        raise SqlError("42703", f'column "{names[-1]}" of relation "{relation.name}" does not exist')
    return Address(CLASS, relation.oid, column.number)


def _owner_table(around: Surroundings, writer: Writer, oid: int) -> str:
    rows = writer.select("pg_depend", writer.tables(oid), "refobjid", classid=CLASS, objid=oid, deptype="i")
    relation = around.catalog.relation_by_oid(rows[0][0]) if rows else None
    return relation.name if relation else ""
