"""``python -m tests.pgwire.differential run SOURCE...``: compare, show what differs, keep the shares."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
from pathlib import Path

from .connection import Lost
from .report import Outcome, differences_text, kinds_text, outcome_of, table
from .runner import Server, run_source
from .servers import Unavailable, ours, parse_address, postgresql
from .source import Source, find


def compare_sources(sources: list[Source], theirs: Server, other: Server) -> list[Outcome]:
    """Run sources on both servers, one after the other, and compare."""
    found = []
    for source in sources:
        steps = source.steps()
        now = dt.datetime.now(dt.UTC)
        answers = list(run_source(theirs, source, steps))
        found.append(outcome_of(source, steps, answers, list(run_source(other, source, steps)), now))
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.pgwire.differential")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the sources and how many statements they have")
    listing.add_argument("sources", nargs="*")
    run = commands.add_parser("run", help="run sources on both servers")
    run.add_argument("sources", nargs="*", help="files under corpus without their suffix, or folders; all by default")
    run.add_argument("--ours", default="app", help="HOST:PORT, 'app' to start ours (default), or 'postgresql'")
    run.add_argument(
        "--postgresql", default="", help="HOST:PORT of a PostgreSQL 15 that runs; one is started by default"
    )
    run.add_argument("--show", type=int, default=5, metavar="N", help="differences to show in full (5)")
    run.add_argument("--kind", default="", help="show only those whose kind has this text in it")
    run.add_argument("--kinds", type=int, default=40, metavar="N", help="kinds of differences to list (40)")
    run.add_argument("--save", metavar="FILE", help="write the table of shares")
    run.add_argument("--timeout", type=float, default=30.0, help="seconds that one answer may take (30)")
    run.add_argument("--at-least", type=float, default=0.0, metavar="SHARE", help="exit with 1 below this share")
    return parser.parse_args()


def main() -> int:
    """Do what the command line says."""
    options = _arguments()
    sources = find(options.sources)
    if options.command == "list":
        total = 0
        for source in sources:
            number = sum(step.counts for step in source.steps())
            total += number
            print(f"{number:6} {source.name}")
        print(f"{total:6} in all")
        return 0
    with contextlib.ExitStack() as stack:
        given = options.postgresql
        theirs = parse_address(given) if given else stack.enter_context(postgresql())
        if options.ours == "app":
            other = stack.enter_context(ours())
        elif options.ours == "postgresql":
            other = stack.enter_context(postgresql())
        else:
            other = parse_address(options.ours)
        outcomes = compare_sources(
            sources, Server(theirs, timeout=options.timeout), Server(other, timeout=options.timeout)
        )
    for text in differences_text(outcomes, options.show, options.kind):
        print(text)
    print(kinds_text(outcomes, options.kinds))
    print()
    print(table(outcomes))
    if options.save:
        Path(options.save).write_text(table(outcomes) + "\n", encoding="utf-8")
    count = sum(each.count for each in outcomes)
    share = 100.0 * sum(each.equal for each in outcomes) / count if count else 100.0
    return int(share < options.at_least)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, Lost, ValueError) as error:
        sys.exit(f"{error}")
