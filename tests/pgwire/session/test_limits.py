"""P2 and P3 of the catalogue at the level of a session, deadlines of every state, and memory."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.pgwire.session.world import World, ready

from socketworkers_pgwire import codec as c
from socketworkers_pgwire.session import (
    Close,
    Failure,
    Hole,
    Interrupt,
    Ran,
    Session,
    SessionConfig,
    State,
    Timeouts,
    error,
)
from socketworkers_pgwire.session.repetition import Texts

SERIES = b"SELECT generate_series(1,8)"


@pytest.mark.attack("P2")
@pytest.mark.parametrize("length", [0, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_lengths_that_end_the_session_P2(length: int) -> None:
    world = ready()
    data = c.encode_query(b"INSERT INTO t VALUES (1)") + b"Q" + length.to_bytes(4)
    world.send(data + c.encode_query(b"INSERT INTO t VALUES (2)"))
    assert world.brief() == ["INSERT 0 1", "ready I", "FATAL 08P01 invalid message length"]
    assert world.closed() == "protocol"
    assert world.engine.table == [1], "what came before is done, what comes behind is never looked at"


@pytest.mark.attack("P2")
def test_a_bind_with_65_535_parameters_P2() -> None:
    world = ready()
    values: list[bytes | None] = [None] * 65_535
    for formats in ([], [0] * 65_535, [0, 1]):
        world.send(c.encode_parse(b"", b"SELECT $1::int4") + c.encode_bind(b"", b"", values, formats) + c.SYNC)
        expected = (
            "ERROR 08P01 bind message has 2 parameter formats but 65535 parameters"
            if len(formats) == 2
            else 'ERROR 08P01 bind message supplies 65535 parameters, but prepared statement "" requires 1'
        )
        assert world.brief() == ["ParseComplete", expected, "ready I"]


@pytest.mark.attack("P3")
def test_a_pipeline_of_10_000_messages_before_sync_P3() -> None:
    world = ready()
    one = c.encode_bind(b"", b"s") + c.encode_execute()
    world.send(c.encode_parse(b"s", b"SELECT 1") + one * 5_000 + c.SYNC)
    brief = world.brief()
    assert brief.count("SELECT 1") == 5_000
    assert brief[-1] == "ready I"
    assert len(world.session.names.portals) == 0


@pytest.mark.attack("P3")
def test_behind_an_error_10_000_messages_cost_nothing_P3() -> None:
    world = ready()
    world.send(c.encode_parse(b"", b"SELECT nosuch"))
    asked = len(world.engine.requests)
    world.send((c.encode_parse(b"", b"SELECT 1") + c.encode_query(b"SELECT 1")) * 5_000)
    assert len(world.engine.requests) == asked
    assert world.session.held == 0
    world.send(c.SYNC)
    assert world.brief() == ['ERROR 42703 column "nosuch" does not exist', "ready I"]


@pytest.mark.attack("P3")
def test_statements_without_close_are_counted_P3() -> None:
    world = ready(SessionConfig(max_statements=10))
    for number in range(12):
        world.send(c.encode_parse(b"s%d" % number, b"SELECT 1") + c.SYNC)
    brief = world.brief()
    assert brief.count("ParseComplete") == 10
    assert brief[-2] == "ERROR 53400 too many prepared statements"
    assert len(world.released) == 2
    world.send(c.encode_close(b"S", b"s0") + c.encode_parse(b"x", b"SELECT 1") + c.SYNC)
    assert world.brief() == ["CloseComplete", "ParseComplete", "ready I"]
    world.session.names.drop_statements()
    assert world.session.names.statements == {}


@pytest.mark.attack("P3")
def test_statements_without_close_are_weighed_P3() -> None:
    world = ready(SessionConfig(max_statement_bytes=10_000))
    text = b"SELECT 1" + b" " * 2_000
    for number in range(6):
        world.send(c.encode_parse(b"s%d" % number, text) + c.SYNC)
    brief = world.brief()
    assert brief.count("ParseComplete") == 4
    assert brief[-2] == "ERROR 53400 prepared statements are too large"
    for _ in range(20):  # the unnamed one takes the place of its predecessor
        world.send(c.encode_close(b"S", b"s0") + c.encode_parse(b"", text) + c.SYNC)
        assert world.brief()[1] == "ParseComplete"


@pytest.mark.attack("P3")
def test_portals_without_close_are_counted_and_weighed_P3() -> None:
    world = ready(SessionConfig(max_portals=5, max_portal_bytes=5_000))
    world.send(c.encode_query(b"BEGIN") + c.encode_parse(b"s", b"SELECT $1::text"))
    for number in range(7):
        world.send(c.encode_bind(b"p%d" % number, b"s", [b"x"]))
    world.send(c.SYNC)
    brief = world.brief()
    assert brief.count("BindComplete") == 5
    assert brief[-2] == "ERROR 53400 too many portals"
    world.send(c.encode_query(b"ROLLBACK"))
    world.send(
        c.encode_query(b"BEGIN") + c.encode_bind(b"a", b"s", [b"x" * 4_000]) + c.encode_bind(b"b", b"s", [b"x" * 4_000])
    )
    world.send(c.SYNC)
    assert world.brief()[-2] == "ERROR 53400 parameters of portals are too large"


@pytest.mark.attack("P3")
def test_savepoints_are_counted_P3() -> None:
    world = ready(SessionConfig(max_savepoints=3))
    world.send(c.encode_query(b"BEGIN" + b"; SAVEPOINT a" * 4))
    assert world.brief()[-2:] == ["ERROR 53400 too many savepoints", "ready E"]


@pytest.mark.attack("P3")
def test_input_that_comes_while_the_engine_works_is_bounded_P3() -> None:
    world = ready(SessionConfig(max_held=10_000), held=True)
    world.send(c.encode_query(b"SELECT 1"))
    for _ in range(9):
        assert world.send(c.encode_query(b"x" * 1_000)) == []
    assert 9_000 < world.session.held < 10_000
    assert world.send(b"x" * 1_001) == [Close("held input")]
    assert world.brief() == ["FATAL 54000 too much input before the answer to what came first"]
    assert world.session.held == 0


@pytest.mark.attack("P3")
def test_a_client_that_answers_copy_with_something_else_P3() -> None:
    for data in (c.encode_query(b"SELECT 1"), c.encode_execute(), c.TERMINATE, b"P\0\0\0\5x"):
        world = ready()
        world.send(c.encode_query(b"COPY t FROM STDIN") + c.encode_copy_data(b"1\n") + data + c.COPY_DONE)
        assert world.brief() == [
            "CopyInResponse",
            f"ERROR 08P01 unexpected message type 0x{data[0]:02X} during COPY from stdin",
            "FATAL 08P01 terminating connection because protocol synchronization was lost",
        ]
        assert world.engine.table == []


def timeout(world: World) -> tuple[str, float] | None:
    """The deadline of the state."""
    found = world.session.next_timeout()
    return None if found is None else (found.kind, found.seconds)


def test_deadlines_of_every_state_C5() -> None:
    timeouts = Timeouts(1, 2, 3, 4, 5, 6, 7)
    world = World(Session(SessionConfig(timeouts=timeouts)))
    assert timeout(world) == ("login", 1)
    login = world.session.next_timeout()
    world.send(b"\0\0")
    assert world.session.next_timeout() == login, "the login as a whole"
    world = ready(SessionConfig(timeouts=timeouts), held=True)
    assert timeout(world) == ("idle", 2)
    world.send(c.encode_query(b"BEGIN"))
    assert timeout(world) == ("statement", 4)
    world.go_all()
    assert timeout(world) == ("idle in transaction", 3)
    world.send(b"Q\0")
    assert timeout(world) == ("message", 5)
    world.send(b"\0\0\x0bCOMMI")
    world.send(b"T\0" + c.encode_parse(b"", b"SELECT 1"))
    world.go_all()
    assert timeout(world) == ("pipeline", 6)
    world.send(c.SYNC + c.encode_query(b"COPY t FROM STDIN"))
    world.go_all()
    assert timeout(world) == ("copy", 7)
    world.send(c.encode_query(b""))
    assert timeout(world) is None
    assert timeout(ready()) is None, "no limit by default, as in PostgreSQL"


def test_bytes_that_finish_nothing_prolong_nothing_C5() -> None:
    world = ready(SessionConfig(timeouts=Timeouts(message=5)))
    world.send(b"Q\0\2\0\0" + b"x" * 10)
    first = world.session.next_timeout()
    for _ in range(100):
        world.send(b"x")
    assert world.session.next_timeout() == first
    world.send(b"x" * 65_536)
    second = world.session.next_timeout()
    assert second is not None
    assert first is not None
    assert second.token != first.token, "64 KiB more came"


@pytest.mark.parametrize(
    ("before", "report"),
    [
        (b"", "FATAL 57P05 terminating connection due to idle-session timeout"),
        (c.encode_query(b"BEGIN"), "FATAL 25P03 terminating connection due to idle-in-transaction timeout"),
        (b"Q", "FATAL 57P05 terminating connection due to timeout: more was expected"),
        (c.encode_parse(b"", b""), "FATAL 57P05 terminating connection due to timeout: more was expected"),
    ],
)
def test_what_is_told_when_time_is_up(before: bytes, report: str) -> None:
    world = ready(SessionConfig(timeouts=Timeouts(idle=1, idle_in_transaction=1)))
    stale = world.session.next_timeout()
    assert stale is not None
    if before:
        world.send(before)
        assert world.session.timed_out(stale) == [], "the state is another one by now"
    now = world.session.next_timeout()
    assert now is not None
    assert world.take(world.session.timed_out(now)) == [Close("timeout")]
    assert world.brief()[-1] == report
    assert world.session.timed_out(now) == []


def test_the_login_takes_too_long() -> None:
    world = World(Session(SessionConfig()))
    now = world.session.next_timeout()
    assert now is not None
    assert world.session.timed_out(now) == [Close("timeout")]
    assert world.session.take_output() == b""
    world = World(Session(SessionConfig()))
    world.send(c.encode_startup({b"user": b"u"}))
    world.messages()
    assert world.take(world.session.timed_out(now)) == [Close("timeout")]
    assert world.brief() == ["FATAL 57014 canceling authentication due to timeout"]


def test_a_statement_takes_too_long() -> None:
    world = ready(SessionConfig(timeouts=Timeouts(statement=1)), held=True)
    world.send(c.encode_query(b"SELECT 1; SELECT 2"))
    first = world.session.next_timeout()
    world.go()
    second = world.session.next_timeout()
    assert first is not None
    assert second is not None
    assert world.session.timed_out(first) == [], "each statement has its own time"
    assert world.take(world.session.timed_out(second)) == [Interrupt("statement timeout")]
    world.go(Failure(error("57014", "canceling statement due to statement timeout").report))
    world.go_all()
    assert world.brief() == ["ERROR 57014 canceling statement due to statement timeout", "ready I"]


def test_timeouts_can_be_changed_by_a_statement() -> None:
    world = ready()
    world.session.timeouts = Timeouts(idle=9)
    assert timeout(world) == ("idle", 9)


def test_an_idle_session_is_small() -> None:
    config = SessionConfig()
    kept = []
    tracemalloc.start()
    try:
        ready(config)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            session = ready(config).session
            kept.append(session)
        each = (tracemalloc.get_traced_memory()[0] - before) / 50
    finally:
        tracemalloc.stop()
    assert not hasattr(kept[0], "__dict__")
    assert each < 4_000
    assert kept[0].state is State.READY


def test_texts_that_may_come_again_are_bounded() -> None:
    class Nothing:
        def __call__(self, parameters: object, text: bytes = b"") -> None:
            return None

        def within(self, parameters: object) -> None:
            return None

    texts = Texts(1 << 20)
    for number in range(500):
        data = c.encode_query(b"select %d -- " % number + b"x" * 3_000)
        texts.add(data, (Hole(7, 7 + len(str(number)), False),), Nothing(), b"")
        assert texts.find(data) is not None
        known = [each for alike in texts._known.values() for each in alike]
        assert sum(len(each._start) + len(each._tail) for each in known) < 1 << 15
    too_long = c.encode_query(b"select 1 -- " + b"x" * 10_000)
    texts.add(too_long, (Hole(7, 8, False),), Nothing(), b"")
    assert texts.find(too_long) is None


def test_statements_that_may_come_again_are_bounded() -> None:
    world = ready()
    session = world.session
    session.shortcut = lambda request, commits: Ran(None, tag="INSERT 0 1")
    session.repeatable = lambda request: None
    for number in range(200):
        name = b"s%d" % number
        world.send(c.encode_parse(name, b"select 1") + c.SYNC)
        world.send(c.encode_bind(b"", name, ()) + c.encode_execute() + c.SYNC)
        assert session._repetitions is not None
        assert 1 <= len(session._repetitions) <= 64
    world.send(c.encode_parse(b"n" * 64, b"select 1") + c.SYNC)
    world.send(c.encode_bind(b"", b"n" * 64, ()) + c.encode_execute() + c.SYNC)
    assert b"n" * 64 not in (session._repetitions or {})
