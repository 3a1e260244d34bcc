"""Durable Objects: state that lasts, one live instance per id, results that leave only when they are on disk."""

from __future__ import annotations

from .base import AlarmInfo, DurableObject, ObjectContext, allow_unconfirmed
from .lock import FolderLock, owner_of
from .namespace import Namespace, Stub
from .router import LocalRouter, Owner, Router
from .runtime import ObjectRuntime

__all__ = [
    "AlarmInfo",
    "DurableObject",
    "FolderLock",
    "LocalRouter",
    "Namespace",
    "ObjectContext",
    "ObjectRuntime",
    "Owner",
    "Router",
    "Stub",
    "allow_unconfirmed",
    "owner_of",
]
