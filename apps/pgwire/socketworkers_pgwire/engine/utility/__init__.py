"""Statements that are no queries: each kind of node has a function that makes its plan."""

from __future__ import annotations

from .dispatch import plan_utility

__all__ = ["plan_utility"]
