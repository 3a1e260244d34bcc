"""How the tree of an EXPLAIN is written: as text, and as JSON."""

from __future__ import annotations

from typing import Any

from .tree import Node

__all__ = ["json_plan", "text_lines"]

_WIDTH = 32


def _estimate(node: Node) -> str:
    start = node.children[0].cost if node.name in ("Sort", "Aggregate", "SetOp") and node.children else 0.0
    return f"(cost={start:.2f}..{node.cost:.2f} rows={node.rows} width={_WIDTH})"


def _actual(count: int, elapsed: float, timing: bool) -> str:
    times = f"time=0.000..{elapsed:.3f} " if timing else ""
    return f"(actual {times}rows={count} loops=1)"


def text_lines(root: Node, costs: bool, count: int | None, elapsed: float | None, timing: bool) -> list[str]:
    """The lines of the text format.

    Args:
        root: the tree.
        costs: whether estimates are shown.
        count: rows that there were, of ANALYZE.
        elapsed: milliseconds that it took.
        timing: whether they are shown.
    """
    lines: list[str] = []

    def draw(node: Node, indent: int, arrow: bool) -> None:
        title = node.title or node.name
        if costs:
            title += "  " + _estimate(node)
        if not lines and count is not None and elapsed is not None:
            title += " " + _actual(count, elapsed, timing)
        name = node.properties.get("Subplan Name")
        if name:
            lines.append(" " * indent + str(name))
            indent += 2
        lines.append(" " * indent + ("->  " if arrow else "") + title)
        below = indent + (6 if arrow else 2)
        lines.extend(" " * below + f"{label}: {text}" for label, text in node.details)
        for child in node.children:
            draw(child, below, True)

    draw(root, 0, False)
    return lines


def json_plan(root: Node, costs: bool, count: int | None, elapsed: float | None, timing: bool) -> dict[str, Any]:
    """The object of the JSON format; arguments as those of `text_lines`."""

    def drawn(node: Node, relationship: str) -> dict[str, Any]:
        found: dict[str, Any] = {"Node Type": node.name}
        if relationship:
            found["Parent Relationship"] = relationship
        found["Parallel Aware"] = False
        found["Async Capable"] = False
        found.update(node.properties)
        if costs:
            found["Startup Cost"] = 0.0
            found["Total Cost"] = round(node.cost, 2)
            found["Plan Rows"] = node.rows
            found["Plan Width"] = _WIDTH
        if not relationship and count is not None and elapsed is not None:
            if timing:
                found["Actual Startup Time"] = 0.0
                found["Actual Total Time"] = round(elapsed, 3)
            found["Actual Rows"] = count
            found["Actual Loops"] = 1
        found.update(dict(node.details))
        if node.children:
            names = ["Outer", "Inner"] if len(node.children) == 2 else ["Outer"] * len(node.children)
            found["Plans"] = [drawn(child, name) for child, name in zip(node.children, names, strict=True)]
        return found

    return {"Plan": drawn(root, "")}
