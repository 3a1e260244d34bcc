"""What the base classes leave to others, those do: every type has its forms, every plan can be opened."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TypeVar

import pytest

import socketworkers_pgwire
from socketworkers_pgwire.sql.plan import Plan
from socketworkers_pgwire.types import BY_OID
from socketworkers_pgwire.types.base import Type

_Base = TypeVar("_Base")


def _below(base: type[_Base]) -> set[type[_Base]]:
    below = {base}
    for child in base.__subclasses__():
        below |= _below(child)
    return below


@pytest.mark.parametrize("name", ["input", "receive", "send"])
def test_each_type_has_its_forms(name: str) -> None:
    assert len(BY_OID) > 100
    kinds = {type(kind) for kind in BY_OID.values()}
    assert [kind.__name__ for kind in kinds if getattr(kind, name) is getattr(Type, name)] == []


def test_each_plan_can_be_opened() -> None:
    for module in pkgutil.walk_packages(socketworkers_pgwire.__path__, "socketworkers_pgwire."):
        importlib.import_module(module.name)
    plans = _below(Plan) - {Plan}
    assert len(plans) >= 5
    assert [plan.__name__ for plan in plans if plan.open is Plan.open] == []
