"""Parts of the engine by themselves: parameters, login rules, the queue of writers, the cluster, locks."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from socketworkers.storage import Storage, ThreadExecutor
from socketworkers_pgwire.cluster import MIGRATIONS, Cluster
from socketworkers_pgwire.codec import Report
from socketworkers_pgwire.engine.locks import AdvisoryLocks
from socketworkers_pgwire.engine.notifications import Notifications
from socketworkers_pgwire.engine.queue import WriterQueue
from socketworkers_pgwire.engine.variables import Definition, Variables, split_list
from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.policy import Rules, parse_rule
from socketworkers_pgwire.session import Method

DEFINITIONS = {
    each.name.lower(): each
    for each in (
        Definition("TimeZone", "string", "GMT"),
        Definition("search_path", "string", '"$user", public'),
        Definition("enable_sort", "bool", "on"),
        Definition("statement_timeout", "integer", "0", unit="ms", least="0", most="2147483647"),
        Definition("work_mem", "integer", "4096", unit="kB", least="64", most="2147483647"),
        Definition("random_page_cost", "real", "4", least="0", most="1.79769e+308"),
        Definition("client_min_messages", "enum", "notice", choices=("debug1", "notice", "warning", "error")),
        Definition(
            "shared_buffers", "integer", "16384", context="postmaster", unit="8kB", least="16", most="1073741823"
        ),
        Definition("server_version", "string", "15.0", context="internal"),
        Definition("fsync", "bool", "on", context="sighup"),
        Definition("ignore_system_indexes", "bool", "off", context="backend"),
    )
}


def refused(variables: Variables, name: str, value: str) -> tuple[str, str]:
    with pytest.raises(SqlError) as caught:
        variables.set(name, value)
    return caught.value.sqlstate, caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "kept", "shown"),
    [
        ("statement_timeout", "1500", "1500", "1500ms"),
        ("statement_timeout", "60000", "60000", "1min"),
        ("statement_timeout", "2min", "120000", "2min"),
        ("STATEMENT_TIMEOUT", "0", "0", "0"),
        ("work_mem", "1GB", "1048576", "1GB"),
        ("work_mem", " 64 MB ", "65536", "64MB"),
        ("enable_sort", "of", "off", "off"),
        ("enable_sort", "1", "on", "on"),
        ("random_page_cost", "1.5", "1.5", "1.5"),
        ("client_min_messages", "WARNING", "warning", "warning"),
        ("my.own", "x", "x", "x"),
    ],
)
def test_values(name: str, value: str, kept: str, shown: str) -> None:
    variables = Variables(DEFINITIONS, {})
    assert variables.set(name, value) == kept
    assert variables.show(name) == shown


@pytest.mark.parametrize(
    ("name", "value", "sqlstate", "message"),
    [
        ("nosuch", "1", "42704", 'unrecognized configuration parameter "nosuch"'),
        ("enable_sort", "maybe", "22023", 'parameter "enable_sort" requires a Boolean value'),
        ("enable_sort", "o", "22023", 'parameter "enable_sort" requires a Boolean value'),
        ("work_mem", "x", "22023", 'invalid value for parameter "work_mem": "x"'),
        ("work_mem", "1 min", "22023", 'invalid value for parameter "work_mem": "1 min"'),
        ("work_mem", "1", "22023", '1 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)'),
        ("client_min_messages", "loud", "22023", 'invalid value for parameter "client_min_messages": "loud"'),
        ("server_version", "1", "55P02", 'parameter "server_version" cannot be changed'),
        ("shared_buffers", "1", "55P02", 'parameter "shared_buffers" cannot be changed without restarting the server'),
        ("fsync", "off", "55P02", 'parameter "fsync" cannot be changed now'),
        (
            "ignore_system_indexes",
            "on",
            "55P02",
            'parameter "ignore_system_indexes" cannot be set after connection start',
        ),
        ("my.", "1", "42602", 'invalid configuration parameter name "my."'),
    ],
)
def test_values_that_cannot_be(name: str, value: str, sqlstate: str, message: str) -> None:
    assert refused(Variables(DEFINITIONS, {}), name, value) == (sqlstate, message)


def test_parameters_go_with_transactions() -> None:
    variables = Variables(DEFINITIONS, {"TimeZone": "UTC"})
    start = variables.save()
    variables.set("TimeZone", "Europe/Rome")
    point = variables.save()
    variables.set("TimeZone", "Asia/Tokyo", local=True)
    assert variables.get("timezone") == "Asia/Tokyo"
    variables.restore(point, keep=True)
    assert variables.get("timezone") == "Europe/Rome"
    variables.set("TimeZone", "Asia/Tokyo", local=True)
    variables.commit()
    assert variables.get("timezone") == "Europe/Rome"  # SET LOCAL ends with the transaction
    variables.set("TimeZone", None)
    assert variables.get("timezone") == "UTC"
    start = variables.save()
    variables.set("TimeZone", "Asia/Tokyo")
    variables.restore(start)
    assert variables.get("timezone") == "UTC"
    assert "timezone" in variables.changed


def test_what_the_startup_message_sets_is_what_reset_gives() -> None:
    variables = Variables(DEFINITIONS, {})
    variables.begin({"TimeZone": "Asia/Tokyo", "ignore_system_indexes": "on"})
    variables.set("TimeZone", "UTC")
    variables.reset_all()
    assert variables.get("TimeZone") == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"$user", public', ["$user", "public"]),
        ("Public", ["public"]),
        (' "A b" , "c""d",e ', ["A b", 'c"d', "e"]),
        ("", []),
    ],
)
def test_lists(text: str, names: list[str]) -> None:
    assert split_list(text) == names


@pytest.mark.parametrize("text", ["a,,b", '"a', "a b", ",", "a,"])
def test_lists_that_are_none(text: str) -> None:
    with pytest.raises(SqlError):
        split_list(text)


def view(peer: str = "127.0.0.1", user: str = "me", database: str = "db", secure: bool = False) -> Any:
    return SimpleNamespace(peer=peer, user=user, database=database, secure=secure)


def test_without_rules_this_machine_is_trusted_and_others_use_scram() -> None:
    rules = Rules()
    for peer in ("", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert rules.method(view(peer)) is Method.TRUST, peer
    for peer in ("10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"):
        assert rules.method(view(peer)) is Method.SCRAM, peer
    assert Rules(everywhere=True).method(view("10.0.0.1")) is Method.TRUST


def test_the_first_rule_that_fits_holds() -> None:
    rules = Rules(
        [
            parse_rule("hostssl shop,other me 10.0.0.0/8 cert"),
            parse_rule("hostnossl all all 10.0.0.0 255.0.0.0 reject"),
            parse_rule("host sameuser all all password"),
            parse_rule("host all +staff all scram-sha-256"),
        ],
        is_member=lambda member, role: (member, role) == ("ann", "staff"),
    )
    assert rules.method(view("10.1.1.1", database="shop", secure=True)) is Method.CERTIFICATE
    rejected = rules.method(view("10.1.1.1", database="shop"))
    assert isinstance(rejected, Report)
    assert rejected.message == (
        'pg_hba.conf rejects connection for host "10.1.1.1", user "me", database "shop", no encryption'
    )
    assert rules.method(view("1.1.1.1", database="me")) is Method.PASSWORD
    assert rules.method(view("1.1.1.1", user="ann")) is Method.SCRAM
    missing = rules.method(view("1.1.1.1", secure=True))
    assert isinstance(missing, Report)
    assert missing.message == 'no pg_hba.conf entry for host "1.1.1.1", user "me", database "db", SSL encryption'


@pytest.mark.parametrize("text", ["", "all", "host all all trust", "host a b 1.2.3.4/99 trust", "host a b all magic"])
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rule(text)


def test_writers_have_their_turn_in_order() -> None:
    queue = WriterQueue()
    seen: list[str] = []
    assert queue.take("a")
    assert queue.take("a")
    assert not queue.take("b")
    for name in ("b", "c", "d"):
        queue.wait(name, lambda name=name: seen.append(name))  # type: ignore[misc]
    assert queue.forget("c")
    assert not queue.forget("c")
    queue.leave("b")  # not its turn: nothing happens
    assert seen == []
    queue.leave("a")
    assert (seen, queue.owner) == (["b"], "b")
    queue.leave("b")
    queue.leave("d")
    assert (seen, queue.owner, len(queue)) == (["b", "d"], None, 0)


async def test_the_cluster_lasts_and_goes_with_transactions(tmp_path: Any) -> None:
    executor = ThreadExecutor()
    path = tmp_path / "cluster.sqlite"
    storage = Storage.open(path, executor, migrations=MIGRATIONS)
    cluster = Cluster(storage, "me")
    role = cluster.role("me")
    assert role is not None
    assert role["rolsuper"]
    assert cluster.database("me") is not None
    assert cluster.database("shop") is None
    view = cluster.view()
    point = view.save()
    view.put("pg_db_role_setting", (0, 10, '["work_mem=1MB","a.b=c=d"]'))
    assert cluster.settings(5, 10) == {}
    assert next(view.rows("pg_db_role_setting"))[1] == 10
    view.restore(point, keep=True)
    assert list(view.rows("pg_db_role_setting")) == []
    view.put("pg_db_role_setting", (0, 10, '["work_mem=1MB","a.b=c=d"]'))
    other = cluster.view()
    other.remove("pg_authid", role["oid"])
    view.commit()
    assert cluster.settings(5, 10) == {"work_mem": "1MB", "a.b": "c=d"}
    with pytest.raises(SqlError) as caught:  # the cluster has changed since that view was made
        other.commit()
    assert caught.value.sqlstate == "40001"
    secret, oid = cluster.secret, cluster.next_oid
    await storage.close()
    storage = Storage.open(path, executor, migrations=MIGRATIONS)
    again = Cluster(storage, "me")
    assert again.tables == cluster.tables
    assert (again.secret, again.next_oid) == (secret, oid)
    await storage.close()
    await executor.close()


def test_advisory_locks() -> None:
    locks = AdvisoryLocks()

    def take(who: str, key: int, *, shared: bool = False, wait: bool = False) -> bool:
        return locks.take(who, (key,), shared=shared, wait=wait, check=lambda: None, deadline=lambda: False)

    assert take("a", 1)
    assert take("a", 1)
    assert not take("b", 1)
    assert not take("b", 1, shared=True)
    assert take("b", 2, shared=True)
    assert take("c", 2, shared=True)
    assert not take("a", 2)
    assert locks.release("a", (1,), shared=False)
    assert not take("b", 1)
    assert locks.release("a", (1,), shared=False)
    assert not locks.release("a", (1,), shared=False)
    assert take("b", 1)
    locks.release_all("b")
    locks.release_all("c")
    assert locks.all() == []


def test_a_deadlock_of_advisory_locks_is_found() -> None:
    locks = AdvisoryLocks()

    def take(who: str, key: int) -> bool:
        return locks.take(who, (key,), shared=False, wait=True, check=lambda: None, deadline=lambda: False)

    assert take("a", 1)
    assert take("b", 2)
    waiting = threading.Thread(target=take, args=("a", 2))
    waiting.start()
    while not locks._waits:
        pass
    with pytest.raises(SqlError) as caught:
        take("b", 1)
    assert caught.value.sqlstate == "40P01"
    locks.release_all("b")
    waiting.join()
    assert [key for key, _ in locks.held("a")] == [(1,), (2,)]


def test_a_lock_timeout_of_an_advisory_lock() -> None:
    locks = AdvisoryLocks()
    assert locks.take("a", (1,), shared=False, wait=True, check=lambda: None, deadline=lambda: False)
    with pytest.raises(SqlError) as caught:
        locks.take("b", (1,), shared=False, wait=True, check=lambda: None, deadline=lambda: True)
    assert caught.value.sqlstate == "55P03"


def test_notifications_reach_those_who_listen() -> None:
    hub = Notifications()
    seen: list[tuple[str, int, str, str]] = []
    for who in ("a", "b"):
        hub.listen(who, "news", lambda pid, channel, payload, who=who: seen.append((who, pid, channel, payload)))  # type: ignore[misc]
    hub.listen("b", "other", lambda *_: None)
    hub.notify(7, "news", "x")
    assert seen == [("a", 7, "news", "x"), ("b", 7, "news", "x")]
    assert hub.channels("b") == ["news", "other"]
    hub.unlisten("a", "news")
    hub.unlisten_all("b")
    hub.notify(7, "news", "y")
    assert len(seen) == 2
