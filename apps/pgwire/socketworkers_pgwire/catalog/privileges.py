"""Access privileges: lists of aclitems as the catalogue keeps them, and what they allow (documentation §5.7). Sans-IO.

A list is None until somebody grants or revokes something: it is the default one of the kind of object then.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

__all__ = ["ALL", "DEFAULT_PUBLIC", "LETTERS", "AclItem", "allows", "default_acl", "read_acl", "write_acl"]

LETTERS = {
    "INSERT": "a",
    "SELECT": "r",
    "UPDATE": "w",
    "DELETE": "d",
    "TRUNCATE": "D",
    "REFERENCES": "x",
    "TRIGGER": "t",
    "EXECUTE": "X",
    "USAGE": "U",
    "CREATE": "C",
    "TEMPORARY": "T",
    "TEMP": "T",
    "CONNECT": "c",
    "SET": "s",
    "ALTER SYSTEM": "A",
}
"""The letter of each privilege (table 5.1)."""
_ORDER = "arwdDxtXUCTcsA"
ALL = {
    "table": "arwdDxt",
    "column": "arwx",
    "sequence": "rwU",
    "database": "CTc",
    "schema": "UC",
    "type": "U",
    "function": "X",
    "language": "U",
    "tablespace": "C",
    "foreign-data wrapper": "U",
    "foreign server": "U",
}
"""All privileges of a kind of object (table 5.2)."""
DEFAULT_PUBLIC = {"database": "Tc", "type": "U", "function": "X", "language": "U"}
"""What everybody may do unless it is revoked."""


@dataclass(slots=True)
class AclItem:
    """What one role may do, granted by one role."""

    grantee: str
    """"" for PUBLIC."""
    grantor: str
    privileges: set[str]
    options: set[str]
    """Privileges that it may grant to others."""


def default_acl(kind: str, owner: str) -> list[AclItem]:
    """The list of an object about which nobody has said anything."""
    items = []
    if kind in DEFAULT_PUBLIC:
        items.append(AclItem("", owner, set(DEFAULT_PUBLIC[kind]), set()))
    if kind != "column":
        items.append(AclItem(owner, owner, set(ALL[kind]), set()))
    return items


def read_acl(stored: str | None, kind: str, owner: str) -> list[AclItem]:
    """A list of the catalogue."""
    if stored is None:
        return default_acl(kind, owner)
    return [_read_item(text) for text in json.loads(stored)]


def _read_item(text: str) -> AclItem:
    grantee, rest = _read_name(text, "=")
    letters, _, grantor = rest.partition("/")
    item = AclItem(grantee, _read_name(grantor + "/", "/")[0], set(), set())
    last = ""
    for letter in letters:
        if letter == "*":
            item.options.add(last)
        else:
            item.privileges.add(letter)
            last = letter
    return item


def _read_name(text: str, end: str) -> tuple[str, str]:
    """A name, which is quoted when it has other characters than letters, digits and underscores; and what follows."""
    if not text.startswith('"'):
        name, _, rest = text.partition(end)
        return name, rest
    name, position = "", 1
    while True:
        if text[position] == '"':
            if text[position + 1 : position + 2] != '"':
                return name, text[position + 2 :]
            position += 1
        name += text[position]
        position += 1


def _write_name(name: str) -> str:
    if all(character.isalnum() or character == "_" for character in name):
        return name
    return '"' + name.replace('"', '""') + '"'


def write_acl(items: Iterable[AclItem]) -> str:
    """A list as the catalogue keeps it."""
    texts = []
    for item in items:
        if not item.privileges:
            continue
        letters = "".join(
            letter + ("*" if letter in item.options else "") for letter in _ORDER if letter in item.privileges
        )
        texts.append(f"{_write_name(item.grantee)}={letters}/{_write_name(item.grantor)}")
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))


def allows(items: Iterable[AclItem], roles: Collection[str], letter: str, *, option: bool = False) -> bool:
    """Whether a list gives a privilege to any of some roles.

    Args:
        items: the list.
        roles: names: that of the user, and of all roles that it is a member of.
        letter: of the privilege.
        option: whether it must come with the right to grant it.
    """
    for item in items:
        if item.grantee and item.grantee not in roles:
            continue
        if letter in (item.options if option else item.privileges):
            return True
    return False
