"""Which mailbox an address belongs to. Pure.

Three cases: no domain configured: everything goes to the catch-all; a domain without mailboxes: everything in it goes
to the catch-all; a domain with mailboxes (or users): these have a mailbox each, others do not exist. ``postmaster``
exists always (RFC 5321 §4.5.1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .codec.address import Address

__all__ = ["CATCH_ALL", "Directory", "normal"]

#: id of the one mailbox object that all unlisted addresses share
CATCH_ALL = "*"


def normal(local: str, domain: str) -> str:
    """The address without its tag, lower-cased: ``Bob+news@Example.org`` is ``bob@example.org``."""
    base = local.partition("+")[0] or local
    return f"{base}@{domain}".lower() if domain else base.lower()


class Directory:
    """Says who exists.

    Args:
        domains: the domains that mail is taken for; none = all.
        mailboxes: names, alone (in every domain) or with a domain.
        users: names with a password; each has a mailbox when there are domains.
    """

    def __init__(self, domains: Iterable[str], mailboxes: Iterable[str], users: Collection[str]) -> None:
        self.domains = tuple(domain.lower().rstrip(".") for domain in domains)
        self._mailboxes = tuple(mailboxes)
        self._users = users
        self._known: frozenset[str] = frozenset()
        self.refresh()

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self._mailboxes, *self._users)

    @property
    def listed(self) -> bool:
        """Whether only listed mailboxes exist."""
        return bool(self.domains) and (bool(self._mailboxes) or len(self._users) > 0)

    def is_local(self, address: Address) -> bool:
        """Whether mail for the address is taken at all (no relay)."""
        if not self.domains:
            return True
        if not address.domain:
            return address.is_postmaster
        return address.domain.lower().rstrip(".") in self.domains

    def mailbox(self, address: Address) -> str | None:
        """The mailbox object for a local address; None if there is no such mailbox."""
        if not self.listed:
            return CATCH_ALL
        domain = (address.domain or self.domains[0]).lower().rstrip(".")
        found = normal(address.local, domain)
        if found in self._known:
            return found
        return CATCH_ALL if address.is_postmaster else None

    def refresh(self) -> None:
        """The users have changed."""
        known = set()
        for name in self._names:
            local, at, domain = name.rpartition("@")
            if at:
                known.add(normal(local, domain))
            else:
                known.update(normal(name, domain) for domain in self.domains)
        self._known = frozenset(known)

    def address_of(self, address: Address) -> str:
        """The normal form under which a message is found again."""
        return normal(address.local, address.domain or (self.domains[0] if self.domains else ""))

    def of_user(self, user: str) -> list[tuple[str, str | None]]:
        """What a user reads by POP3: pairs of mailbox object and address (None = all of that mailbox)."""
        local, at, domain = user.rpartition("@")
        addresses = [normal(local, domain)] if at else [normal(user, each) for each in self.domains]
        caught: list[tuple[str, str | None]] = [(CATCH_ALL, address) for address in addresses]
        if self.listed:
            # also what came before the mailbox was listed
            return [*((address, None) for address in addresses), *caught]
        if caught:
            return caught
        # a catcher on loopback: the name alone stands for that name in any domain
        return [(CATCH_ALL, normal(user, "") + "@*")]
