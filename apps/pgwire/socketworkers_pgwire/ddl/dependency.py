"""What goes with an object that is dropped, and whether it may be dropped (src/backend/catalog/dependency.c)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..catalog.session import SessionCatalog
from ..codec import Report
from ..errors import SqlError
from .ids import Address
from .objects import describe
from .writer import Writer

__all__ = ["Deletion", "plan_deletion"]

_REPORTED = 100
"""MAX_REPORTED_DEPS."""


@dataclass(slots=True)
class Deletion:
    """What is to be dropped."""

    order: list[Address] = field(default_factory=list)
    """Dependents first."""
    notices: list[Report] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """An object that would go."""

    address: Address
    original: bool
    """Whether it was named in the statement."""
    automatic: bool
    """Whether it goes by itself, also with RESTRICT."""
    because: Address | None


class _Search:
    def __init__(self, catalog: SessionCatalog, writer: Writer, originals: Sequence[Address]) -> None:
        self.catalog = catalog
        self.writer = writer
        self.originals = set(originals)
        self.found: dict[Address, _Found] = {}
        self.order: list[Address] = []
        self._stack: set[Address] = set()

    def visit(self, address: Address, because: Address | None, kind: str) -> None:
        """An object that goes: with it goes what depends on it."""
        if address in self._stack:
            return
        known = self.found.get(address)
        automatic = kind in "aix"
        if known is not None:
            known.automatic = known.automatic or automatic
            return
        if address.part and Address(address.class_id, address.oid) in self.found:
            return  # the whole relation goes already
        owner = self._owner(address, because)
        if owner is not None:
            if because is None and owner not in self.originals:
                raise SqlError(
                    "2BP01",
                    f"cannot drop {describe(self.catalog, address)} because {describe(self.catalog, owner)} requires it",
                    hint=f"You can drop {describe(self.catalog, owner)} instead.",
                )
            if owner not in self.found and owner not in self._stack:
                # what owns it goes instead, and takes it along
                self.visit(owner, because, kind)
                if address in self.found:
                    return
        self.found[address] = _Found(address, address in self.originals, automatic, because)
        self._stack.add(address)
        dependents = self._dependents(address)
        for dependent, dependency in dependents:
            self.visit(dependent, address, dependency)
        self._stack.discard(address)
        self.order.append(address)

    def _owner(self, address: Address, because: Address | None) -> Address | None:
        """The object that this one is an internal part of."""
        rows = self.writer.everywhere(
            "pg_depend",
            "refclassid, refobjid, refobjsubid",
            classid=address.class_id,
            objid=address.oid,
            objsubid=address.part,
            deptype="i",
        )
        owners = [Address(*row) for row in rows]
        for owner in owners:
            if owner == because or (because is not None and Address(owner.class_id, owner.oid) == because):
                return None
        return owners[0] if owners else None

    def _dependents(self, address: Address) -> list[tuple[Address, str]]:
        key = {"refclassid": address.class_id, "refobjid": address.oid}
        if address.part:
            key["refobjsubid"] = address.part
        rows = self.writer.everywhere("pg_depend", "classid, objid, objsubid, deptype", **key)
        found: dict[Address, str] = {}
        for class_id, oid, part, kind in rows:
            dependent = Address(class_id, oid, part)
            if (class_id, oid) == (address.class_id, address.oid) and (part == address.part or not address.part):
                continue  # columns go with their table
            strength = found.get(dependent)
            if strength is None or kind in "aix":
                found[dependent] = kind
        # newer objects first: object_address_comparator()
        return sorted(found.items(), key=lambda item: (-item[0].oid, item[0].class_id, item[0].part))


def plan_deletion(
    catalog: SessionCatalog, writer: Writer, originals: Iterable[Address], *, cascade: bool, what: str = ""
) -> Deletion:
    """What goes when objects are dropped.

    Args:
        catalog: of the session.
        writer: reads the catalogue.
        originals: what the statement names.
        cascade: CASCADE.
        what: of several objects, what the message calls them; without, the one object in words.

    Raises:
        SqlError: 2BP01 other objects depend on them.
    """
    wanted = list(originals)
    search = _Search(catalog, writer, wanted)
    for address in wanted:
        search.visit(address, None, "n")
    gone = search.found
    client: list[str] = []
    # a dependent goes by itself when what it depends on automatically goes by itself or was named
    order = list(reversed(search.order))
    for address in order:
        item = gone[address]
        if item.original or item.automatic:
            continue
        if cascade:
            client.append(f"drop cascades to {describe(catalog, address)}")
        elif item.because is not None:
            client.append(f"{describe(catalog, address)} depends on {describe(catalog, item.because)}")
    shown = client[:_REPORTED]
    if len(client) > _REPORTED:
        more = len(client) - _REPORTED
        shown.append(f"and {more} other object{'s' if more > 1 else ''} (see server log for list)")
    deletion = Deletion(search.order)
    if not client:
        return deletion
    if not cascade:
        if len(wanted) == 1:
            message = f"cannot drop {describe(catalog, wanted[0])} because other objects depend on it"
        else:
            message = "cannot drop desired object(s) because other objects depend on them"
        raise SqlError(
            "2BP01",
            what or message,
            detail="\n".join(shown),
            hint="Use DROP ... CASCADE to drop the dependent objects too.",
        )
    if len(client) == 1:
        deletion.notices.append(Report(severity="NOTICE", sqlstate="00000", message=client[0]))
    else:
        deletion.notices.append(
            Report(
                severity="NOTICE",
                sqlstate="00000",
                message=f"drop cascades to {len(client)} other objects",
                detail="\n".join(shown),
            )
        )
    return deletion
