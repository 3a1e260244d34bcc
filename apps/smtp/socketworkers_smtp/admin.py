"""What the commands ask of a mail server, running or not. Arguments and results are JSON values."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from socketworkers import Env
from socketworkers.commands import Method, user_methods

from .addresses import normal

__all__ = ["METHODS"]


async def mail_list(env: Env, address: str | None = None) -> list[dict[str, Any]]:
    """Messages, oldest first; of one address if one is given."""
    if address is not None:
        # by the address itself, not by who reads it: a command without a server knows no domains
        local, at, domain = address.rpartition("@")
        address = normal(local, domain) if at else normal(address, "") + "@*"
    found = await env.mail.store.list(None, address)
    return [dataclasses.asdict(summary) for summary in found]


async def mail_show(env: Env, id: str, mailbox: str | None = None) -> dict[str, Any]:
    """One message with its content in base64; it is looked for in one mailbox if that is known.

    Raises:
        LookupError: there is none.
    """
    summary = await env.mail.store.find(id, mailbox)
    if summary is None:
        raise LookupError(f"there is no message {id}")
    content = await env.mail.store.whole(summary.mailbox, summary.id)
    return {**dataclasses.asdict(summary), "content": base64.b64encode(content).decode()}


async def mail_rm(env: Env, ids: list[str] | None = None, all: bool = False) -> int:
    """Remove messages; returns how many there were."""
    store = env.mail.store
    if all:
        return int(await store.remove_all())
    removed = 0
    for id in ids or []:
        while (summary := await store.find(id)) is not None:
            removed += await store.remove(summary.mailbox, [id])
    return removed


async def mail_status(env: Env) -> dict[str, Any]:
    """What is waiting and held."""
    return {
        "pending": await env.mail.store.pending(),
        "mailboxes": len(env.mail.store.mailboxes()),
        "catch_all_bytes": env.mail.catch_all_bytes,
    }


METHODS: dict[str, Method] = {
    "mail.list": mail_list,
    "mail.show": mail_show,
    "mail.rm": mail_rm,
    "mail.status": mail_status,
    **user_methods("mail", lambda env: env.mail),
}
