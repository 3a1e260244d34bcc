"""Run-time parameters whose values are checked by more than their rows of pg_settings (guc.c, variable.c).

A check gives the value to keep, or None when there is nothing to keep.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import SqlError
from ..session import find_encoding
from ..types import find_zone, fixed_zone
from ..types.interval import INTERVAL
from .variables import parse_boolean, split_list

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = ["CHECKS"]

#: what strtod takes as a whole
_NUMBER: Final = re.compile(
    r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|0x[0-9a-f]+(?:\.[0-9a-f]*)?(?:p[+-]?\d+)?|inf(?:inity)?|nan)",
    re.ASCII | re.IGNORECASE,
)
#: seconds; hours of a POSIX specification end at 167
_MOST_OFFSET: Final = 168 * 3600


def _datestyle(owner: Surroundings, value: str, local: bool) -> str | None:
    style, _, order = owner.variables.get("DateStyle").partition(", ")
    for word in split_list(value):
        upper = word.upper()
        if upper == "ISO":
            style = "ISO"
        elif upper == "SQL":
            style = "SQL"
        elif upper.startswith("POSTGRES"):
            style = "Postgres"
        elif upper == "GERMAN":
            style = "German"
            order = "DMY"
        elif upper == "YMD":
            order = "YMD"
        elif upper == "DMY" or upper.startswith("EURO"):
            order = "DMY"
        elif upper == "MDY" or upper == "US" or upper.startswith("NONEURO"):
            order = "MDY"
        elif upper == "DEFAULT":
            style, _, order = owner.variables.reset_value("DateStyle").partition(", ")
        else:
            raise SqlError(
                "22023",
                f'invalid value for parameter "DateStyle": "{value}"',
                detail=f'Unrecognized key word: "{word}".',
            )
    return f"{style}, {order or 'MDY'}"


def _timezone(owner: Surroundings, value: str, local: bool) -> str | None:
    """check_timezone: an interval, a number of hours to the east, or a name."""

    def wrong(detail: str = "") -> SqlError:
        return SqlError("22023", f'invalid value for parameter "TimeZone": "{value}"', detail=detail)

    if value[:8].lower() == "interval":
        quoted = value[8:].lstrip()
        text, closing, rest = quoted[1:].partition("'")
        if quoted[:1] != "'" or not closing or rest:
            raise wrong()
        months, days, usecs = INTERVAL.load(INTERVAL.input(text, owner.settings))
        if months:
            raise wrong("Cannot specify months in time zone interval.")
        if days:
            raise wrong("Cannot specify days in time zone interval.")
        seconds = usecs / 1_000_000
    elif _NUMBER.fullmatch(value):
        seconds = (float.fromhex(value) if "x" in value.lower() else float(value)) * 3600
    else:
        zone = find_zone(value)
        if zone is None:
            raise wrong()
        return zone.name
    if not abs(seconds) < _MOST_OFFSET:
        raise wrong("UTC timezone offset is out of range.")
    return fixed_zone(int(seconds)).name


def _encoding(owner: Surroundings, value: str, local: bool) -> str | None:
    found = find_encoding(value)
    if found is None:
        raise SqlError("22023", f'invalid value for parameter "client_encoding": "{value}"')
    return found[0]


def _search_path(owner: Surroundings, value: str, local: bool) -> str | None:
    try:
        split_list(value)
    except SqlError as error:
        raise SqlError("22023", f'invalid value for parameter "search_path": "{value}"', detail=error.message) from None
    return value


def _transaction_isolation(owner: Surroundings, value: str, local: bool) -> str | None:
    lowered = value.lower()
    if lowered not in ("read uncommitted", "read committed", "repeatable read", "serializable"):
        raise SqlError(
            "22023",
            f'invalid value for parameter "transaction_isolation": "{value}"',
            hint="Available values: serializable, repeatable read, read committed, read uncommitted.",
        )
    owner.sql.transaction.set_modes({"isolation": lowered})
    return None


def _transaction_read_only(owner: Surroundings, value: str, local: bool) -> str | None:
    truth = parse_boolean(value)
    if truth is None:
        raise SqlError("22023", 'parameter "transaction_read_only" requires a Boolean value')
    owner.sql.transaction.set_modes({"read_only": truth})
    return None


def _transaction_deferrable(owner: Surroundings, value: str, local: bool) -> str | None:
    truth = parse_boolean(value)
    if truth is None:
        raise SqlError("22023", 'parameter "transaction_deferrable" requires a Boolean value')
    owner.sql.transaction.set_modes({"deferrable": truth})
    return None


def _role(owner: Surroundings, value: str, local: bool) -> str | None:
    if value == "none":
        return value
    role = owner.cluster.find("pg_authid", value)
    if role is None:
        raise SqlError("22023", f'role "{value}" does not exist')
    trusted = owner.authorization.role(owner.session_user_oid).superuser
    if (
        not trusted
        and value != owner.session_user
        and not owner.authorization.is_member(owner.session_user_oid, role["oid"])
    ):
        raise SqlError("42501", f'permission denied to set role "{value}"')
    return value


def _session_authorization(owner: Surroundings, value: str, local: bool) -> str | None:
    role = owner.cluster.find("pg_authid", value)
    if role is None:
        raise SqlError("22023", f'role "{value}" does not exist')
    login = owner.cluster.find("pg_authid", owner.authenticated_user)
    if value != owner.authenticated_user and not (login and login["rolsuper"]):
        raise SqlError("42501", "permission denied to set session authorization")
    return value


def _standard_strings(owner: Surroundings, value: str, local: bool) -> str | None:
    if parse_boolean(value) is False:
        raise SqlError("0A000", "standard_conforming_strings = off is not supported")
    return value


CHECKS: Final[dict[str, Callable[[Surroundings, str, bool], str | None]]] = {
    "datestyle": _datestyle,
    "timezone": _timezone,
    "client_encoding": _encoding,
    "search_path": _search_path,
    "transaction_isolation": _transaction_isolation,
    "transaction_deferrable": _transaction_deferrable,
    "transaction_read_only": _transaction_read_only,
    "role": _role,
    "standard_conforming_strings": _standard_strings,
    "session_authorization": _session_authorization,
}
