"""The key-value side and SQL: values come back as they were, and writes of one turn stand or fall together."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.storage.conftest import Opener

from socketworkers.errors import StateError, StorageError
from socketworkers.storage import ConstraintError, SQLError, Storage
from socketworkers.storage.documents import decode, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(codec="utf-8")), children),
    max_leaves=8,
)


@given(st.binary() | json_values)
def test_documents_round_trip(value: Any) -> None:
    kind, stored = encode(value)
    back = decode(kind, stored)
    assert back == value
    assert type(back) is type(value)


def test_documents_of_odd_kinds() -> None:
    assert math.isnan(decode(*encode(math.nan)))
    assert decode(*encode((1, 2))) == [1, 2]
    assert decode(*encode(bytearray(b"x"))) == b"x"
    assert decode(*encode(1 << 70)) == 1 << 70
    for wrong in ({1: 2}, [{1: 2}], object(), {b"k": 1}, [b"x"]):
        with pytest.raises(TypeError):
            encode(wrong)


async def test_get_put_delete(storage: Storage) -> None:
    assert storage.get("a") is None
    assert storage.get("a", 5) == 5
    for value in (b"\0\xff", "ü", 1, -1.5, True, False, None, [1, [None]], {"a": {"b": True}}):
        storage.put("a", value)
        assert storage.get("a") == value
        assert type(storage.get("a")) is type(value)
    storage.put(b"a", 2)
    assert (storage.get(b"a"), storage.get("a")) == (2, {"a": {"b": True}})
    assert storage.delete("a")
    assert not storage.delete("a")
    storage.delete_all()
    assert storage.list() == {}


async def test_keys_are_checked(storage: Storage) -> None:
    with pytest.raises(TypeError):
        storage.put(5, 1)  # type: ignore[arg-type]
    with pytest.raises(StorageError):
        storage.put("k" * 3000, 1)


async def test_list(storage: Storage) -> None:
    for key in ("a", "b", "ba", "bb", "bc", "c", "b\U0010ffff", b"b", b"b\xff", b"\xff"):
        storage.put(key, key if isinstance(key, str) else 0)
    assert list(storage.list(prefix="b")) == ["b", "ba", "bb", "bc", "b\U0010ffff"]
    assert list(storage.list(prefix=b"b")) == [b"b", b"b\xff"]
    assert list(storage.list(prefix=b"\xff")) == [b"\xff"]
    assert list(storage.list(prefix="\U0010ffff")) == []
    assert list(storage.list(start="b", end="bb")) == ["b", "ba"]
    assert list(storage.list(start_after="b", limit=2)) == ["ba", "bb"]
    assert list(storage.list(prefix="b", reverse=True, limit=2)) == ["b\U0010ffff", "bc"]
    assert list(storage.list(prefix="\ud7ff")) == []


async def test_sql(storage: Storage) -> None:
    assert storage.sql.execute("create table t (id integer primary key, x unique)") == []
    storage.sql.execute("insert into t (x) values (?)", ("a",))
    assert (storage.sql.changes, storage.sql.last_rowid) == (1, 1)
    storage.sql.execute("insert into t (x) values (:x)", {"x": "b"})
    storage.sql.execute_many("insert into t (x) values (?)", [("c",), ("d",)])
    assert storage.sql.one("select x from t where id = ?", (4,)) == ("d",)
    assert storage.sql.one("select x from t where id = 9") is None
    assert storage.sql.value("select count(*) from t") == 4
    assert storage.sql.execute("insert into t (x) values ('e') returning id") == [(5,)]
    with pytest.raises(ConstraintError):
        storage.sql.execute("insert into t (x) values ('a')")
    with pytest.raises(SQLError):
        storage.sql.execute("selekt 1")
    assert storage.sql.value("select count(*) from t") == 5


@pytest.mark.parametrize(
    "text",
    [
        "begin",
        " -- a\n /* b */ COMMIT",
        "attach 'x' as y",
        "pragma synchronous = off",
        "pragma main.journal_mode=delete",
        "vacuum",
        "savepoint x",
    ],
)
async def test_what_is_the_storages_own(storage: Storage, text: str) -> None:
    with pytest.raises(StateError):
        storage.sql.execute(text)


async def test_reads_open_no_transaction(storage: Storage) -> None:
    storage.get("a")
    assert not storage.writing
    storage.sql.execute("with a as (select 1) select * from a")
    assert not storage.writing
    storage.sql.execute("create table if not exists t (x); insert into t values (1)")
    assert storage.writing
    storage.flush()
    assert not storage.writing
    assert storage.sql.value("select x from t") == 1


async def test_a_turn_is_one_commit(opened: Opener) -> None:
    storage = await opened()
    reader = storage.open_connection(readonly=True)

    def seen() -> int:
        count = reader.execute("select count(*) from _kv").get
        assert isinstance(count, int)
        return count

    storage.put("a", 1)
    storage.put("b", 2)
    assert seen() == 0
    await asyncio.sleep(0)
    assert seen() == 2
    storage.put("c", 3)
    storage.flush()
    assert seen() == 3
    storage.close_connection(reader)


async def test_transaction(storage: Storage) -> None:
    storage.put("before", 1)
    with pytest.raises(ZeroDivisionError):  # noqa: SIM117
        with storage.transaction():
            storage.put("inside", 1)
            with storage.transaction():
                storage.put("deep", 1)
            raise ZeroDivisionError
    with storage.transaction():
        storage.put("kept", 1)
        with pytest.raises(KeyError), storage.transaction():
            storage.put("undone", 1)
            raise KeyError
        with pytest.raises(StateError):
            storage.flush()
    await storage.synced()
    assert list(storage.list()) == ["before", "kept"]


async def test_await_inside_transaction_is_refused(storage: Storage) -> None:
    with pytest.raises(StateError, match="await"), storage.transaction():
        storage.put("a", 1)
        await asyncio.sleep(0)
    assert storage.list() == {}
    storage.put("b", 1)
    with storage.transaction():
        storage.put("c", 1)
    await storage.synced()
    assert list(storage.list()) == ["b", "c"]


async def test_alarm(storage: Storage) -> None:
    told: list[float | None] = []
    storage.alarm_changed = told.append
    assert storage.get_alarm() is None
    storage.set_alarm(5.0)
    assert storage.get_alarm() == 5.0
    assert storage.alarm_begins() == (5.0, 0)
    assert storage.get_alarm() is None
    storage.alarm_ends(again_at=7.0)
    assert storage.get_alarm() == 7.0
    assert storage.alarm_begins() == (7.0, 1)
    storage.set_alarm(9.0)
    assert storage.get_alarm() == 9.0
    storage.alarm_ends()
    assert storage.get_alarm() == 9.0
    storage.alarm_begins()
    storage.alarm_ends()
    assert storage.get_alarm() is None
    with pytest.raises(ZeroDivisionError), storage.transaction():
        storage.set_alarm(11.0)
        raise ZeroDivisionError
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert told == [5.0, 9.0, 11.0, None]
    storage.set_alarm(1.0)
    storage.delete_alarm()
    assert storage.get_alarm() is None
