"""Object ids and the file names that stand for them.

A name must be safe on every file system (also one that ignores case) and lead back to its id. Lower-case letters,
digits and ``_ @ + - .`` stay; every other byte of the UTF-8 form becomes ``%XX``, upper-case letters too. What would
be longer than a file name may be is cut and gets a hash; its id is kept in the namespace's index.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["MAX_ID", "SUFFIX", "check_id", "file_name", "id_of", "is_cut"]

#: Bytes of an id in UTF-8.
MAX_ID: Final = 1024

SUFFIX: Final = ".sqlite"

#: Names are limited to 255 bytes; the longest suffixes are ``.sqlite-wal`` and ``.sqlite.failed.new``.
_LONGEST: Final = 200

#: Stands between the cut name and the hash; "%" is always followed by two digits elsewhere.
_CUT: Final = "%~"

_SAFE: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_@+-.")
_TABLE: Final = [chr(byte) if byte in _SAFE else f"%{byte:02x}" for byte in range(256)]
_PLAIN: Final = re.compile(r"[a-z0-9_@+-][a-z0-9_@+.-]{0,150}")


def check_id(id: str) -> str:
    """The id itself, when it can be one.

    Raises:
        TypeError: it is not a str.
        ValueError: it is empty, too long, or not Unicode.
    """
    if not isinstance(id, str):
        raise TypeError(f"an object's id must be a str, not {type(id).__name__}")
    if not id or len(id.encode()) > MAX_ID:
        raise ValueError(f"an object's id must have 1 to {MAX_ID} bytes")
    return id


def file_name(id: str) -> str:
    """The name of an object's database, without folder."""
    if _PLAIN.fullmatch(id):
        return id + SUFFIX
    raw = id.encode()
    name = "".join([_TABLE[byte] for byte in raw])
    if name.startswith("."):
        name = "%2e" + name[1:]
    if len(name) > _LONGEST:
        cut = name[: _LONGEST - 40]
        cut = cut[: len(cut) - (2 if cut[-2:-1] == "%" else 1 if cut.endswith("%") else 0)]
        name = f"{cut}{_CUT}{hashlib.sha256(raw).hexdigest()[:32]}"
    return name + SUFFIX


def is_cut(name: str) -> bool:
    """Whether the id of a file name has to be looked up."""
    return _CUT in name


def id_of(name: str) -> str | None:
    """The id of a file name; None when it is no name of ours or was cut."""
    if not name.endswith(SUFFIX) or is_cut(name):
        return None
    try:
        id = unquote_to_bytes(name.removesuffix(SUFFIX)).decode()
        return id if id and file_name(id) == name else None
    except UnicodeDecodeError:
        return None
