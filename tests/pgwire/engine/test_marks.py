"""Row marks: who waits for whom (engine/marks.py)."""

from __future__ import annotations

import pytest

from socketworkers_pgwire.engine.marks import RowMarks
from socketworkers_pgwire.errors import SqlError

ROW, OTHER = ("public.t", 1), ("public.t", 2)


def test_counted_changes_of_a_row_add_up() -> None:
    marks = RowMarks()
    marks.add("a", [ROW], counted=True)
    assert marks.conflict("b", [ROW], counted=True) == set()
    marks.add("b", [ROW], counted=True)
    assert marks.conflict("c", [ROW], counted=False) == {"a", "b"}
    assert marks.conflict("c", [OTHER], counted=False) == set()


def test_who_reads_back_goes_first_and_the_others_commit_behind() -> None:
    marks = RowMarks()
    for each in ("a", "b"):
        marks.add(each, [ROW], counted=True)
    assert marks.before("b") == set()
    assert marks.conflict("a", [ROW], counted=False) == set()
    marks.add("a", [ROW], counted=False)
    assert marks.before("b") == {"a"}
    assert marks.before("a") == set()
    assert marks.conflict("a", [ROW], counted=True) == set()
    for counted in (True, False):
        assert marks.conflict("b", [ROW], counted=counted) == {"a"}
        assert marks.conflict("c", [ROW], counted=counted) == {"a"}
    marks.release("a")
    assert marks.before("b") == set()
    assert marks.conflict("c", [ROW], counted=True) == set()
    assert marks.conflict("c", [ROW], counted=False) == {"b"}
    assert marks.conflict("b", [ROW], counted=False) == set()
    marks.add("a", [ROW], counted=True)
    marks.add("b", [ROW], counted=False)
    assert marks.before("a") == {"b"}
    marks.release("a")
    assert marks.before("a") == set()
    marks.release("b")
    assert not marks


def test_any_other_mark_is_exclusive() -> None:
    marks = RowMarks()
    marks.add("a", [ROW], counted=False)
    assert marks.conflict("b", [ROW], counted=True) == {"a"}
    assert marks.conflict("a", [ROW], counted=True) == set()
    marks.add("a", [ROW], counted=True)  # it stays exclusive
    assert marks.conflict("b", [ROW], counted=True) == {"a"}
    assert marks.own("a", ["public.t"]) == [ROW]
    assert marks.own("a", ["public.u"]) == []
    marks.release("a")
    assert marks.conflict("b", [ROW], counted=False) == set()
    assert not marks


def test_who_waits_goes_on_when_the_last_one_has_ended() -> None:
    marks = RowMarks()
    seen: list[str] = []
    marks.add("a", [ROW], counted=True)
    marks.add("b", [ROW], counted=True)
    marks.wait("c", marks.conflict("c", [ROW], counted=False), lambda: seen.append("c"))
    marks.wait("d", {"a"}, lambda: seen.append("d"))
    assert marks.waits_for("c") == {"a", "b"}
    marks.release("a")
    assert seen == ["d"]
    marks.release("b")
    assert seen == ["d", "c"]
    marks.wait("e", {"c"}, lambda: seen.append("e"))
    assert marks.forget("e")
    assert not marks.forget("e")
    marks.release("c")
    assert seen == ["d", "c"]


def test_a_circle_is_a_deadlock() -> None:
    marks = RowMarks()
    marks.wait("a", {"b"}, lambda: None)
    marks.wait("b", {"c"}, lambda: None)
    with pytest.raises(SqlError) as caught:
        marks.wait("c", {"a"}, lambda: None)
    assert caught.value.sqlstate == "40P01"
    marks.release("c")  # who was told of the deadlock ends
    assert marks.waits_for("b") == set()
