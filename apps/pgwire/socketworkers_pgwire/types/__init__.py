"""The types of PostgreSQL: what values look like in text, in binary and at rest, and how they are calculated with.

Sans-IO: of the runtime only its errors may be imported here.
"""

from __future__ import annotations

from .array import Array, ArrayType
from .base import AnyType, Type
from .enum import EnumType
from .errors import SqlError
from .interval import Interval
from .multirange import MultirangeType
from .range import Range, RangeType
from .record import RecordType
from .registry import BY_NAME, BY_OID, TYPES
from .settings import DEFAULT, Names, Settings
from .zones import UTC, Zone, find_zone, fixed_zone

__all__ = [
    "BY_NAME",
    "BY_OID",
    "DEFAULT",
    "TYPES",
    "UTC",
    "AnyType",
    "Array",
    "ArrayType",
    "EnumType",
    "Interval",
    "MultirangeType",
    "Names",
    "Range",
    "RangeType",
    "RecordType",
    "Settings",
    "SqlError",
    "Type",
    "Zone",
    "find_zone",
    "fixed_zone",
]
