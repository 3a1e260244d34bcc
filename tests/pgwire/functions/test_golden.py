"""What PostgreSQL 15 answered once (`make_golden.py`), without one at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.pgwire.functions.evaluate import Call, equal, our_group, ours, readable

from socketworkers_pgwire.functions import find

FILES = sorted(Path(__file__).with_name("golden").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_answers(path: Path) -> None:
    cases = json.loads(path.read_text())
    assert cases
    wrong = []
    for signature, types, result, strict, calls in cases:
        entry = find(signature)
        assert entry is not None, signature
        call = Call(signature, tuple(types), result, strict)
        for row, answer in calls:
            mine = readable((our_group if entry.kind == "aggregate" else ours)(entry, call, row))
            if not equal(signature, answer, mine):
                wrong.append((signature, row, answer, mine))
    assert not wrong
