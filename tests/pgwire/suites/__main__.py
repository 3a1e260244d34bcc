"""``python -m tests.pgwire.suites [SUITE...]``: what share of each suite passes.

The suites of psycopg and node-postgres are in their repositories only: ``--source psycopg=FOLDER``. Words behind ``--``
go to the suite: files or options of pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

from tests.pgwire.differential.record.clients import Place
from tests.pgwire.differential.servers import ours, parse_address, postgresql

from .runners import SUITES


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(prog="python -m tests.pgwire.suites")
    parser.add_argument("suites", nargs="*", help=f"which of {', '.join(SUITES)}; all that can be had by default")
    parser.add_argument("--ours", default="app", help="HOST:PORT, 'app' to start ours (default), or 'postgresql'")
    parser.add_argument("--source", action="append", default=[], metavar="SUITE=FOLDER", help="source tree of a suite")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="keep what the suites say, as SUITE.log")
    return parser.parse_args(given[:cut]), given[cut + 1 :]


def main() -> None:
    """Run those that were asked for."""
    options, more = _arguments()
    sources = {name: Path(folder) for name, _, folder in (each.partition("=") for each in options.source)}
    print("| suite | passed | failed | skipped | share |\n|---|---|---|---|---|")
    for name in options.suites or SUITES:
        with contextlib.ExitStack() as stack:
            if options.ours in ("app", "postgresql"):
                host, port = stack.enter_context(ours() if options.ours == "app" else postgresql())
            else:
                host, port = parse_address(options.ours)
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="suite-")))
            try:
                score = SUITES[name](Place(host, port), sources.get(name), work, more)
            except RuntimeError as error:
                print(f"{name}: {error}", file=sys.stderr)
                continue
            finally:
                if options.log and (work / "log").exists():
                    options.log.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(work / "log", options.log / f"{name}.log")
            counts = f"{score.passed:,} | {score.failed:,} | {score.skipped:,} | {score.share:.1f} %"
            print(f"| {name} | {counts} |", flush=True)


if __name__ == "__main__":
    main()
