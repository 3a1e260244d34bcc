"""File names of ids: safe, short, reversible, and different for different ids on every file system."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers.objects.names import check_id, file_name, id_of, is_cut

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=120)


@given(ids)
def test_round_trip(id: str) -> None:
    name = file_name(id)
    assert re.fullmatch(r"(?!\.)[a-z0-9_@+.%~-]+\.sqlite", name)
    assert len(name) <= 210
    if is_cut(name):
        assert id_of(name) is None
    else:
        assert id_of(name) == id


@given(ids, ids)
def test_different_ids_have_different_names_whatever_the_case(one: str, other: str) -> None:
    assert (file_name(one).lower() == file_name(other).lower()) == (one == other)


def test_examples() -> None:
    assert file_name("bob@example.org") == "bob@example.org.sqlite"
    assert file_name("Bob") == "%42ob.sqlite"
    assert file_name("../x") == "%2e.%2fx.sqlite"
    assert file_name("x" * 500) != file_name("x" * 499 + "y")
    assert is_cut(file_name("ü" * 100))
    for foreign in ("index.db", "%zz.sqlite", "Bob.sqlite", "%41%42.sqlite.new", ".sqlite", "%ff.sqlite"):
        assert id_of(foreign) is None


def test_check() -> None:
    assert check_id("a") == "a"
    for wrong in ("", "x" * 1025, "\ud800"):
        with pytest.raises(ValueError):
            check_id(wrong)
