"""Assignment to a subscripted jsonb: what the corpora cannot show."""

from __future__ import annotations

import pytest

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.types.json_operators import assign_path


@pytest.mark.parametrize("path", [["20000000"], ["a", "20000000"], ["1", "20000000", "x"], ["2147483647"]])
def test_a_gap_is_bounded(path: list[str]) -> None:
    with pytest.raises(SqlError) as caught:
        assign_path("[]" if path[0].isdigit() else "{}", path, "1", number=True)
    assert caught.value.sqlstate == "54000"


def test_keys_stay_in_order() -> None:
    assert assign_path('{"aa": 1, "c": 2}', ["b"], "3", number=False) == '{"b": 3, "c": 2, "aa": 1}'
    assert assign_path(None, ["b", "1"], "3", number=False) == '{"b": [null, 3]}'
