"""What roles may do: memberships, and the lists of privileges of objects (documentation §5.7, §22; aclchk.c).

Each session has one `Authorization`. What it found is kept as long as neither the roles nor the catalogue change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from .catalog import Relation
from .catalog.privileges import AclItem, allows, read_acl
from .catalog.session import SessionCatalog
from .catalog.temporary import TemporarySchema
from .cluster import ClusterView
from .errors import SqlError
from .sql.rights import Right

__all__ = ["Authorization", "denied", "groups_of"]

_DATABASE_OWNER: Final = 6171
_READ_ALL_DATA: Final = 6181
_WRITE_ALL_DATA: Final = 6182
_FIRST_OID: Final = 16384

_WORDS: Final = {"v": "view", "m": "materialized view", "S": "sequence", "i": "index"}


@dataclass(frozen=True, slots=True)
class _Role:
    """A role with all whose privileges it has."""

    superuser: bool
    oids: frozenset[int]
    names: frozenset[str]


_NOBODY: Final = _Role(False, frozenset(), frozenset())


def groups_of(
    memberships: Iterable[Sequence[int]], role: int, inherits: Callable[[int], bool] = lambda role: True
) -> set[int]:
    """A role and all that it is a member of: roles_is_member_of().

    Args:
        memberships: rows that begin with the group and the member, as those of pg_auth_members do.
        role: OID of the role.
        inherits: whether the memberships of a role count.
    """
    groups: dict[int, list[int]] = {}
    for group, member, *_ in memberships:
        groups.setdefault(member, []).append(group)
    reached, left = {role}, [role]
    while left:
        current = left.pop()
        if current in groups and inherits(current):
            new = [each for each in groups[current] if each not in reached]
            reached.update(new)
            left += new
    return reached


class Authorization:
    """See the module.

    Args:
        cluster: the session's view of the roles.
        catalog: the session's.
        database: OID of the database.
    """

    __slots__ = ("_catalog", "_cluster", "_database", "_roles", "_version")

    def __init__(self, cluster: ClusterView, catalog: SessionCatalog, database: int) -> None:
        self._cluster = cluster
        self._catalog = catalog
        self._database = database
        self._roles: dict[int, _Role] = {}
        self._version = -1

    # Roles

    def role(self, oid: int) -> _Role:
        """A role: roles_is_member_of() with ROLERECURSE_PRIVS."""
        version = self._cluster.version
        if version != self._version or self._cluster.changed:
            self._roles.clear()
            self._version = version
        found = self._roles.get(oid)
        if found is None:
            found = self._roles[oid] = self._role(oid)
        return found

    def _role(self, oid: int) -> _Role:
        rows = {row[0]: row for row in self._cluster.rows("pg_authid")}
        if oid not in rows:
            return _NOBODY
        database = self._cluster.get("pg_database", self._database)
        memberships = [(row[0], row[1]) for row in self._cluster.rows("pg_auth_members")]
        if database is not None:
            memberships.append((_DATABASE_OWNER, database["datdba"]))
        reached = groups_of(memberships, oid, lambda each: each in rows and bool(rows[each][3]))  # rolinherit
        reached &= rows.keys()
        return _Role(bool(rows[oid][2]), frozenset(reached), frozenset(rows[each][1] for each in reached))

    def is_member(self, user: int, role: int) -> bool:
        """Whether a role is another one, or is a member of it by whatever way: is_member_of_role_nosuper()."""
        return role in groups_of(self._cluster.rows("pg_auth_members"), user)

    def _items(self, stored: str | None, kind: str, owner: int) -> list[AclItem]:
        row = self._cluster.get("pg_authid", owner)
        return read_acl(stored, kind, str(owner) if row is None else row["rolname"])

    # Relations

    def relation(self, relation: Relation, user: int, letters: str) -> bool:
        """Whether a role has one of some privileges on a relation as a whole: pg_class_aclmask()."""
        role = self.role(user)
        if role.superuser:
            return True
        if relation.schema == "pg_catalog" and relation.oid < _FIRST_OID and relation.kind != "v":
            letters = letters.replace("a", "").replace("w", "").replace("d", "").replace("D", "")
        found = self._catalog.owner_and_list("pg_class", relation.oid)
        if found is None:
            return False
        items = self._items(found[1], "sequence" if relation.kind == "S" else "table", found[0])
        if any(allows(items, role.names, letter) for letter in letters):
            return True
        if "r" in letters and _READ_ALL_DATA in role.oids:
            return True
        return _WRITE_ALL_DATA in role.oids and not set("awd").isdisjoint(letters)

    def _column(self, relation: Relation, number: int, user: int, letter: str) -> bool:
        found = self._catalog.owner_and_list("pg_attribute", relation.oid, number)
        if found is None or found[1] is None:
            return False
        return allows(self._items(found[1], "column", relation.owner), self.role(user).names, letter)

    def _columns(self, relation: Relation, numbers: Iterable[int], user: int, letter: str) -> bool:
        live = [each.number for each in relation.columns if not each.dropped]
        wanted = set(numbers)
        if not wanted:
            return any(self._column(relation, number, user, letter) for number in live)
        if 0 in wanted:
            wanted |= set(live)
            wanted.discard(0)
        return all(self._column(relation, number, user, letter) for number in wanted)

    def check(self, rights: Iterable[Right], user: int) -> None:
        """Look at what a query needs: ExecCheckRTPerms().

        Args:
            rights: it.
            user: the current one.

        Raises:
            SqlError: 42501.
        """
        for right in rights:
            relation, needs = right.relation, right.user or user
            if self.relation(relation, needs, right.letter):
                continue
            if right.columns is None or not self._columns(relation, right.columns, needs, right.letter):
                raise denied(relation)

    def check_relation(self, relation: Relation, user: int, letters: str) -> None:
        """A role needs one of some privileges on a relation.

        Raises:
            SqlError: 42501.
        """
        if not self.relation(relation, user, letters):
            raise denied(relation)

    # Schemas and databases

    def schema(self, oid: int, user: int, letter: str) -> bool:
        """Whether a role has a privilege on a schema: pg_namespace_aclmask()."""
        role = self.role(user)
        if role.superuser:
            return True
        if TemporarySchema.holds(oid):
            return letter == "U" or self.database(self._database, user, "T")
        found = self._catalog.owner_and_list("pg_namespace", oid)
        if found is None:
            return False
        if allows(self._items(found[1], "schema", found[0]), role.names, letter):
            return True
        return letter == "U" and not role.oids.isdisjoint((_READ_ALL_DATA, _WRITE_ALL_DATA))

    def usable(self, user: int) -> Callable[[int], bool] | None:
        """Which schemas a role may look into; None for all."""
        return None if self.role(user).superuser else lambda oid: self.schema(oid, user, "U")

    def check_schema(self, oid: int, user: int, letter: str) -> None:
        """A role needs a privilege on a schema.

        Raises:
            SqlError: 42501.
        """
        if not self.schema(oid, user, letter):
            raise SqlError("42501", f"permission denied for schema {self._catalog.namespace_name(oid)}")

    def database(self, oid: int, user: int, letter: str) -> bool:
        """Whether a role has a privilege on a database."""
        role, row = self.role(user), self._cluster.get("pg_database", oid)
        if role.superuser:
            return True
        return row is not None and allows(self._items(row["datacl"], "database", row["datdba"]), role.names, letter)


def denied(relation: Relation) -> SqlError:
    """42501 about a relation."""
    return SqlError("42501", f"permission denied for {_WORDS.get(relation.kind, 'table')} {relation.name}")
