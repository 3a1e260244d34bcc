"""Functions of jsonpath: PostgreSQL 15 documentation §9.16, tables 9.48 and 9.46."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..types.errors import SqlError
from ..types.json_text import Json, dump_canonical, load_json
from ..types.jsonpath import PathQuery, query_for
from .context import Execution
from .regex import Options, compile_regex
from .registry import rows, scalar

__all__: list[str] = []


def _variables(text: str) -> Mapping[str, Json]:
    found = load_json(text)
    if not isinstance(found, dict):
        detail = 'Jsonpath parameters should be encoded as key-value pairs of "vars" object.'
        raise SqlError("22023", '"vars" argument is not an object', detail=detail)
    return found


def _query(execution: Execution, target: str, path: str, variables: str) -> PathQuery:
    check = execution.session.check_cancelled

    def matches(text: str, pattern: str, flags: str) -> bool:
        options = Options(
            ignore_case="i" in flags,
            newline_stops="s" not in flags,
            newline_anchors="m" in flags,
            literal="q" in flags,
        )
        return compile_regex(pattern, options).matches(text, check)

    return query_for(path, load_json(target), _variables(variables), matches, check)


def _is_quiet(error: SqlError, silent: int) -> bool:
    """Errors of values, which `silent` keeps quiet about."""
    return bool(silent) and error.sqlstate.startswith("22") and error.sqlstate != "22023"


def _items(execution: Execution, target: str, path: str, variables: str, silent: int) -> list[Json]:
    try:
        return list(_query(execution, target, path, variables).items())
    except SqlError as error:
        if _is_quiet(error, silent):
            return []
        raise


def _exists(execution: Execution, target: str, path: str, variables: str = "{}", silent: int = 1) -> int | None:
    query = _query(execution, target, path, variables)
    try:
        return int(query.exists())
    except SqlError as error:
        if _is_quiet(error, silent):
            return None
        raise


def _match(execution: Execution, target: str, path: str, variables: str = "{}", silent: int = 1) -> int | None:
    query = _query(execution, target, path, variables)
    try:
        found = list(query.items())
    except SqlError as error:
        if _is_quiet(error, silent):
            return None
        raise
    if len(found) == 1:
        if isinstance(found[0], bool):
            return int(found[0])
        if found[0] is None:
            return None
    if silent:
        return None
    raise SqlError("22038", "single boolean result is expected")


def _rows(execution: Execution, target: str, path: str, variables: str, silent: int) -> Iterator[tuple[Any]]:
    return ((dump_canonical(each),) for each in _items(execution, target, path, variables, silent))


def _array(execution: Execution, target: str, path: str, variables: str, silent: int) -> str:
    return dump_canonical(_items(execution, target, path, variables, silent))


def _first(execution: Execution, target: str, path: str, variables: str, silent: int) -> str | None:
    found = _items(execution, target, path, variables, silent)
    return dump_canonical(found[0]) if found else None


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "jsonb_path_exists": _exists,
    "jsonb_path_match": _match,
    "jsonb_path_query_array": _array,
    "jsonb_path_query_first": _first,
}
for _suffix in ("", "_tz"):
    for _name, _function in _FUNCTIONS.items():
        scalar(f"{_name}{_suffix}(jsonb,jsonpath,jsonb,boolean)", context=True)(_function)
    rows(f"jsonb_path_query{_suffix}(jsonb,jsonpath,jsonb,boolean)", context=True)(_rows)
scalar("jsonb_path_exists_opr(jsonb,jsonpath)", context=True)(_exists)
scalar("jsonb_path_match_opr(jsonb,jsonpath)", context=True)(_match)
