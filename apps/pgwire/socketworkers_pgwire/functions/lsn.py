"""pg_lsn: PostgreSQL 15 documentation §8.20."""

from __future__ import annotations

from decimal import Decimal

from ..types import numeric_math as nm
from ..types.errors import SqlError
from .comparison import register_choices, register_tests
from .registry import scalar

__all__: list[str] = []

_ALL = (1 << 64) - 1


def _load(stored: int) -> int:
    """Without the sign that SQLite's integers have."""
    return stored & _ALL


def _store(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


register_tests("pg_lsn_", "pg_lsn,pg_lsn", _load, _load, "pg_lsn_cmp")
register_choices("pg_lsn_", "pg_lsn", _load)


def _stored(value: Decimal) -> int:
    if not 0 <= value < 1 << 64:
        raise SqlError("22023", "pg_lsn out of range")
    return _store(int(nm.round_to(value, 0)))


@scalar("pg_lsn_mi(pg_lsn,pg_lsn)", "pg_wal_lsn_diff(pg_lsn,pg_lsn)")
def _difference(a: int, b: int) -> str:
    return str(_load(a) - _load(b))


def _moved(stored: int, distance: str, sign: int) -> int:
    number = Decimal(distance)
    if number.is_nan():
        raise SqlError("0A000", f"cannot {'add NaN to' if sign > 0 else 'subtract NaN from'} pg_lsn")
    if number.is_infinite():
        raise SqlError("0A000", "cannot convert infinity to pg_lsn")
    return _stored(nm.round_to(nm.add(Decimal(_load(stored)), nm.multiply(number, Decimal(sign))), 0))


scalar("pg_lsn_pli(pg_lsn,numeric)")(lambda stored, distance: _moved(stored, distance, 1))
scalar("numeric_pl_pg_lsn(numeric,pg_lsn)")(lambda distance, stored: _moved(stored, distance, 1))
scalar("pg_lsn_mii(pg_lsn,numeric)")(lambda stored, distance: _moved(stored, distance, -1))


@scalar("pg_lsn(numeric)")
def _of_numeric(text: str) -> int:
    value = Decimal(text)
    if not value.is_finite():
        raise SqlError("0A000", f"cannot convert {'NaN' if value.is_nan() else 'infinity'} to pg_lsn")
    return _stored(nm.round_to(value, 0))
