"""The entry to the analysis."""

from __future__ import annotations

from ...catalog import Catalog
from ...types import DEFAULT, Settings
from ..grammar import Raw, too_deep
from ..nodes import Analysed, Query
from .oids import UNKNOWN
from .state import Notes, Shared, State, error

__all__ = ["analyze"]

_QUERIES = frozenset(("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"))


def analyze(
    raw: Raw,
    catalog: Catalog,
    parameter_types: list[int] | None = None,
    *,
    settings: Settings = DEFAULT,
    notes: Notes | None = None,
    stored: bool = False,
) -> Analysed:
    """Analyse a statement.

    Args:
        raw: the statement.
        catalog: the catalogue, with the search path of the session.
        parameter_types: None when the statement can have no parameters (simple protocol). Otherwise the types that are
            known, 0 where one is open: it is extended and filled in with what the statement says.
        settings: of the session: literals are read with them.
        notes: takes what a plan cache wants to know.
        stored: whether it is the definition of a view, as the deparser wrote it.

    Returns:
        A `Query`; a `Utility` for all that is none.

    Raises:
        SqlError: whatever is wrong with the statement; 42P18 nothing tells the type of a parameter.
    """
    shared = Shared(catalog, settings, parameter_types, notes if notes is not None else Notes(), stored=stored)
    try:
        if raw.kind in _QUERIES and "intoClause" not in raw.tree:
            result: Analysed = _query(shared, raw.kind, raw.tree)
        else:
            from .utility import analyse_utility

            result = analyse_utility(shared, raw)
    except RecursionError:
        raise too_deep() from None
    if parameter_types:
        _check_parameters(shared)
    return result


def _query(shared: Shared, kind: str, tree: dict[str, object]) -> Query:
    if kind == "SelectStmt":
        from .select import analyse_select

        return analyse_select(State(shared), tree)
    from .statements import analyse_modification

    return analyse_modification(State(shared), kind, tree)


def _check_parameters(shared: Shared) -> None:
    """Every parameter that is used has a type: check_parameter_resolution_walker and its callers."""
    for number, kind in enumerate(shared.parameters, 1):
        if not kind or kind == UNKNOWN:
            raise error("42P18", f"could not determine data type of parameter ${number}")
