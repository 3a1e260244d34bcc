"""``python -m bench [PART ...] [--rounds N] [--save]``: measure, print tables, keep them."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from importlib.metadata import version
from pathlib import Path

PARTS = ("start", "echo", "udp", "quic", "mail", "mqtt", "pgwire", "tunnel", "answers")


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--save", action="store_true", help="write bench/RESULTS.md")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    texts = []
    for part in parts:
        if part not in PARTS:
            parser.error(f"there is no part {part}")
        for table in importlib.import_module(f"bench.{part}").run(options.rounds):
            texts.append(table.text())
            print(texts[-1], flush=True)
    if options.save:
        head = (
            "# Results\n\n"
            "Written by `python -m bench --save`. Server and generator are pinned to a core each; ratios are medians\n"
            f"of {options.rounds} interleaved rounds, with their spread. Compare ratios: machines differ,\n"
            "and a wide spread says that this one did other work meanwhile.\n\n"
            f"CPython {platform.python_version()}, uvloop {version('uvloop')}, {os.cpu_count()} cores, "
            f"Linux {platform.release().split('-')[0]}.\n\n"
        )
        Path(__file__).with_name("RESULTS.md").write_text(head + "\n".join(texts))


if __name__ == "__main__":
    main()
