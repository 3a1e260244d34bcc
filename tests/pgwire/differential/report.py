"""What came of a run: the share of equal answers, the differences by kind, a table."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .answers import Answer
from .compare import ASIDE, Difference, compare
from .source import Source, Step

__all__ = ["Outcome", "differences_text", "kinds_text", "outcome_of", "table"]


@dataclass(slots=True)
class Outcome:
    """The answers to one source, compared."""

    source: str
    count: int = 0
    equal: int = 0
    left_open: list[tuple[Step, Difference]] = field(default_factory=list)
    """Those that differ in what PostgreSQL's documentation leaves open; they count neither as equal nor as unequal."""
    differences: list[tuple[Step, Difference]] = field(default_factory=list)
    errors: int = 0
    """Statements to which both servers give an error."""
    aside: Counter[str] = field(default_factory=Counter)
    """Of those, how many differ in each field that is counted aside."""

    @property
    def share(self) -> float:
        """Equal answers of 100."""
        return _share(self.count, self.equal, len(self.left_open))

    @property
    def kinds(self) -> Counter[str]:
        """How often there is each kind of difference."""
        return Counter(difference.kind for _, difference in self.differences)


def outcome_of(
    source: Source, steps: Iterable[Step], theirs: Iterable[Answer], ours: Iterable[Answer], now: dt.datetime
) -> Outcome:
    """Compare the answers to a source."""
    found = Outcome(source.name)
    for step, one, other in zip(steps, theirs, ours, strict=True):
        if not step.counts:
            continue
        found.count += 1
        difference, aside = compare(step, one, other, now)
        if one.error is not None and other.error is not None:
            found.errors += 1
            found.aside.update(aside)
        if difference is None:
            found.equal += 1
        elif difference.left_open:
            found.left_open.append((step, difference))
        else:
            found.differences.append((step, difference))
    return found


def kinds_text(outcomes: Iterable[Outcome], limit: int = 60) -> str:
    """The kinds of differences, the most frequent first."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total += outcome.kinds
    return "\n".join(f"{number:6} {kind}" for kind, number in total.most_common(limit))


def differences_text(outcomes: Iterable[Outcome], limit: int, kind: str = "") -> Iterator[str]:
    """The first differences, with both answers."""
    for outcome in outcomes:
        for step, difference in (*outcome.differences, *outcome.left_open):
            if kind not in difference.kind:
                continue
            if not limit:
                return
            limit -= 1
            sql = step.sql if len(step.sql) < 1500 else step.sql[:1500] + " …"
            extra = f"\n    send {step.send}" if step.send and len(str(step.send)) < 2000 else ""
            open_ = "left open: " if difference.left_open else ""
            yield (
                f"{outcome.source}:{step.line}: {open_}{difference.kind}\n{_indent(sql)}{extra}\n"
                f"  PostgreSQL:\n{_indent(difference.theirs)}\n  ours:\n{_indent(difference.ours)}\n"
            )


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines()[:40])


def table(outcomes: list[Outcome]) -> str:
    """The shares, as Markdown."""
    lines = [
        "| source | statements | equal | left open | share | errors of both | with equal message | detail | position |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.source.partition("/")[0], []).append(outcome)
    for name, members in groups.items():
        if len(members) > 1:
            lines.append(_row(f"**{name}**", members))
        lines += [_row(member.source, [member]) for member in members]
    if len(groups) > 1:
        lines.append(_row("**all**", outcomes))
    return "\n".join(lines)


def _row(name: str, outcomes: list[Outcome]) -> str:
    count, equal = sum(each.count for each in outcomes), sum(each.equal for each in outcomes)
    errors = sum(each.errors for each in outcomes)
    aside = Counter[str]()
    for each in outcomes:
        aside += each.aside
    shares = [f"{100.0 * (errors - aside[field]) / errors:.0f} %" if errors else "" for field in _SHOWN]
    left_open = sum(len(each.left_open) for each in outcomes)
    share = _share(count, equal, left_open)
    told = f"{count:,} | {equal:,} | {left_open or ''} | {share:.1f} %"
    return f"| {name} | {told} | {errors or ''} | {' | '.join(shares)} |"


def _share(count: int, equal: int, left_open: int) -> float:
    return 100.0 * equal / (count - left_open) if count > left_open else 100.0


_SHOWN = tuple(name for name in ("message", "detail", "position") if name in ASIDE)
