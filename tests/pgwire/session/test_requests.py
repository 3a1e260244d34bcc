"""What a session asks of its engine and when: order of commit and answer, portions, handles, transactions."""

from __future__ import annotations

import pytest
from tests.pgwire.session.tiny import TinyEngine
from tests.pgwire.session.world import World, ready

from socketworkers.errors import StateError
from socketworkers_pgwire import codec as c
from socketworkers_pgwire.session import (
    Close,
    Done,
    Failure,
    Fetch,
    FunctionResult,
    Interrupt,
    Open,
    Parsed,
    ParseQuery,
    Portion,
    Prepare,
    SessionConfig,
    State,
    Transact,
    TransactKind,
    error,
    fatal,
    perform,
)

SERIES = b"SELECT generate_series(1,8)"
ONE = c.encode_bind(b"", b"") + c.encode_execute()


def kinds(world: World) -> list[str]:
    """Requests in a word each."""
    return [each.kind.value if isinstance(each, Transact) else type(each).__name__ for each in world.engine.requests]


def state(world: World) -> State:
    """Where the session is."""
    return world.session.state


def test_a_commit_is_told_when_it_is_done() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"INSERT INTO t VALUES (1)"))
    for expected in (ParseQuery, Open, Fetch):
        assert isinstance(world.request, expected)
        assert world.output == b""
        world.go()
    assert world.request == Transact(TransactKind.COMMIT)
    assert world.output == b"", "CommandComplete waits"
    world.go()
    assert world.brief() == ["INSERT 0 1", "ready I"]


def test_a_pipeline_commits_at_sync() -> None:
    world = ready(held=True)
    world.send(c.encode_parse(b"", b"INSERT INTO t VALUES (1)") + ONE + ONE)
    world.go_all()
    assert kinds(world) == ["Prepare", "Open", "Fetch", "Open", "Fetch"]
    assert state(world) is State.PIPELINE
    world.send(c.SYNC)
    assert world.brief()[-1] == "INSERT 0 1"
    assert world.request == Transact(TransactKind.COMMIT)
    world.go()
    assert world.brief() == ["ready I"]
    assert state(world) is State.READY


def test_a_lone_sync_asks_nothing() -> None:
    world = ready()
    world.send(c.SYNC + c.encode_close(b"S", b"x") + c.SYNC)
    assert world.engine.requests == []
    assert world.brief() == ["ready I", "CloseComplete", "ready I"]


def test_a_large_result_comes_in_portions_and_can_be_paused() -> None:
    world = ready(held=True)
    world.send(c.encode_query(SERIES))
    world.go()
    world.go()
    sizes = []
    while isinstance(world.request, Fetch):
        assert world.request.limit == 0
        world.go()
        sizes.append(world.brief().count("DataRow"))
    assert sizes == [3, 3, 2], "each portion goes out before the next is asked for"
    world.go_all()
    assert world.brief() == ["SELECT 8", "ready I"]


def test_a_row_limit_over_several_portions() -> None:
    world = ready()
    world.send(
        c.encode_parse(b"", SERIES) + c.encode_bind(b"c", b"") + c.encode_execute(b"c", 5) + c.encode_execute(b"c", 5)
    )
    world.send(c.SYNC)
    limits = [each.limit for each in world.engine.requests if isinstance(each, Fetch)]
    assert limits == [5, 2, 5, 2]
    brief = world.brief()
    assert brief.count("DataRow") == 8
    assert brief[-2:] == ["SELECT 3", "ready I"]


def test_a_failed_commit() -> None:
    for data in (
        c.encode_query(b"INSERT INTO t VALUES (1)"),
        c.encode_query(b"BEGIN") + c.encode_query(b"INSERT INTO t VALUES (1)") + c.encode_query(b"COMMIT"),
        c.encode_parse(b"", b"INSERT INTO t VALUES (1)") + ONE + c.SYNC,
    ):
        world = ready()
        world.engine.fail_commit = True
        world.send(data)
        assert world.brief()[-2:] == ["ERROR 40001 could not serialize access", "ready I"]
        assert kinds(world)[-2:] == ["commit", "rollback"]
        assert world.engine.table == []


def test_what_cannot_be_undone_ends_the_session() -> None:
    for query in (b"SELECT nosuch", b"BEGIN; SELECT nosuch"):
        world = ready(held=True)
        world.send(c.encode_query(query))
        while not (isinstance(world.request, Transact) and world.request.kind.value in ("rollback", "abort")):
            world.go()
        assert world.go(Failure(error("58030", "disk").report)) == [Close("rollback failed")]
        assert world.brief()[-1] == "FATAL 58030 disk"


def test_a_fatal_answer_ends_the_session() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"SELECT 1"))
    assert world.go(Failure(fatal("53300", "gone"))) == [Close("fatal")]
    assert world.brief() == ["FATAL 53300 gone"]
    assert world.session.answer(Done()) == []


def test_blocks_as_an_engine_sees_them() -> None:
    world = ready()
    for text in (
        b"BEGIN",
        b"SAVEPOINT a",
        b"SELECT nosuch",
        b"ROLLBACK TO a",
        b"RELEASE a",
        b"COMMIT AND CHAIN",
        b"END",
    ):
        world.send(c.encode_query(text))
    assert [each for each in world.engine.requests if isinstance(each, Transact)] == [
        Transact(TransactKind.BEGIN),
        Transact(TransactKind.SAVEPOINT, "a"),
        Transact(TransactKind.ABORT),
        Transact(TransactKind.ROLLBACK_TO, "a"),
        Transact(TransactKind.RELEASE, "a"),
        Transact(TransactKind.COMMIT, chain=True),
        Transact(TransactKind.COMMIT),
    ]


def test_in_a_failed_block_a_statement_is_parsed_and_not_looked_up() -> None:
    world = ready()
    world.send(c.encode_query(b"BEGIN; SELECT nosuch") + c.encode_parse(b"", b"SELECT 1") + c.SYNC)
    prepare = world.engine.requests[-1]
    assert isinstance(prepare, Prepare)
    assert prepare.aborted
    assert world.released[-1:] == ["SELECT 1"], "what was parsed in vain is released"


def test_handles_are_released_when_they_are_not_used_any_more() -> None:
    world = ready()
    world.send(c.encode_parse(b"s", SERIES) + c.encode_bind(b"c", b"s") + c.encode_execute(b"c", 1) + c.SYNC)
    (running,) = world.released
    opened = [each for each in world.engine.requests if isinstance(each, Open)]
    world.send(c.encode_close(b"S", b"s") + c.SYNC)
    assert world.released == [running, opened[0].handle]
    world.send(c.encode_query(SERIES))
    assert len(world.released) == 2, "a portal that ran to its end was let go of by the engine"


def test_notices_and_settings_of_an_answer() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"SELECT 1"))
    world.go()
    world.go()
    notice = c.Report(severity="NOTICE", sqlstate="00000", message="look")
    world.go(Portion(tag="SELECT", counted=True, notices=(notice,), parameters={"TimeZone": "UTC"}))
    world.go()
    assert world.messages() == [
        c.RowDescription((c.FieldDescription(b"?column?", 23, 4),)),
        c.NoticeResponse(notice),
        c.CommandComplete(b"SELECT 0"),
        c.ParameterStatus(b"TimeZone", b"UTC"),
        c.ReadyForQuery(b"I"),
    ]


def test_the_encoding_of_the_client() -> None:
    world = ready()
    world.send(c.encode_query(b"SET client_encoding TO 'LATIN1'"))
    assert world.session.encoding == "latin-1"
    world.messages()
    world.send(c.encode_query("SELECT ä".encode("latin-1")))
    (report, _) = world.messages()
    assert isinstance(report, c.ErrorResponse)
    assert report.report.message.encode("utf-8", "surrogateescape") == b'column "\xe4" does not exist'
    world.send(c.encode_query(b"SET client_encoding TO 'nosuch'"))
    assert world.brief()[0] == 'ERROR 22023 invalid value for parameter "client_encoding": "NOSUCH"'
    assert world.session.encoding == "latin-1"


def test_answers_that_nobody_asked_for() -> None:
    world = ready()
    for answer in (Done(), Parsed([]), FunctionResult(None)):
        with pytest.raises(StateError):
            world.session.answer(answer)


def test_copy_that_the_engine_refuses_in_the_middle() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"COPY t FROM STDIN"))
    world.go()
    world.go()
    world.go()
    assert world.brief() == ["CopyInResponse"]
    assert not world.session.paused
    world.send(c.encode_copy_data(b"1\n") + c.encode_copy_data(b"2\n") + c.COPY_DONE)
    world.go(Failure(error("53100", "disk full").report))
    world.go_all()
    assert world.brief() == ["ERROR 53100 disk full", "ready I"]
    assert len(world.released) == 1
    world.send(c.encode_query(b"SELECT 1"))
    world.go_all()
    assert world.brief()[-2:] == ["SELECT 1", "ready I"]


def test_a_row_of_copy_data_is_one_request() -> None:
    world = ready()
    world.send(c.encode_query(b"COPY t FROM STDIN") + c.encode_copy_data(b"1\n") * 500 + c.COPY_DONE)
    assert kinds(world).count("CopyPut") == 1
    assert len(world.engine.table) == 500


def test_cancel_while_the_engine_works() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"SELECT 1") + c.encode_query(b"SELECT 2"))
    assert world.take(world.session.cancel()) == [Interrupt("user request")]
    world.go(Failure(error("57014", "canceling statement due to user request").report))
    world.go_all()
    assert world.brief()[:2] == ["ERROR 57014 canceling statement due to user request", "ready I"]


def test_cancel_without_effect() -> None:
    world = ready(held=True)
    assert world.take(world.session.cancel()) == []
    world.send(c.encode_query(b"BEGIN"))
    world.go()
    assert isinstance(world.request, Transact)
    assert world.session.cancel() == [], "a step of a transaction is never interrupted"
    world.go()
    assert world.brief() == ["BEGIN", "ready T"]


def test_cancel_while_copy_waits_for_the_client() -> None:
    world = ready()
    world.send(c.encode_query(b"COPY t FROM STDIN"))
    world.messages()
    world.take(world.session.cancel())
    assert world.brief() == ["ERROR 57014 canceling statement due to user request", "ready I"]
    world.send(c.encode_copy_data(b"1\n") + c.COPY_DONE + c.encode_query(b"SELECT count(*) FROM t"))
    assert world.brief()[-2:] == ["SELECT 1", "ready I"]


def test_shutdown() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"SELECT 1"))
    assert world.take(world.session.terminate()) == [Close("shutdown")]
    assert world.brief() == ["FATAL 57P01 terminating connection due to administrator command"]
    assert world.session.terminate() == []


def test_the_end_of_the_client_while_the_engine_works() -> None:
    world = ready(held=True)
    world.send(c.encode_query(b"INSERT INTO t VALUES (1)"))
    assert world.send(b"") == []
    world.go_all()
    assert world.brief() == ["INSERT 0 1", "ready I"], "who closed its half only, gets its answer"
    assert world.closed() == "eof"


def test_the_end_of_the_client_within_copy_and_within_a_message() -> None:
    world = ready()
    world.send(c.encode_query(b"COPY t FROM STDIN"))
    assert world.send(b"") == [Close("eof")]
    assert world.engine.table == []
    world = ready()
    world.send(b"Q\0\0")
    assert world.send(b"") == [Close("eof")]


def test_notifications_wait_for_the_end_of_a_transaction() -> None:
    world = ready()
    world.take(world.session.notify(9, "now", "x"))
    assert world.messages() == [c.NotificationResponse(9, b"now", b"x")]
    world.send(c.encode_query(b"BEGIN"))
    world.take(world.session.notify(9, "later"))
    world.send(c.encode_query(b"SELECT nosuch"))
    assert "NotificationResponse" not in world.brief()
    world.send(c.encode_query(b"COMMIT"))
    assert world.brief() == ["ROLLBACK", "NotificationResponse", "ready I"]


def test_notifications_are_bounded() -> None:
    world = ready(SessionConfig(max_notification_bytes=1000))
    world.send(c.encode_query(b"BEGIN"))
    for _ in range(30):
        world.take(world.session.notify(9, "c", "x" * 100))
    assert world.closed() == "notifications"
    assert world.brief()[-1].startswith("FATAL 54000")


def test_notices_of_others() -> None:
    world = ready()
    world.session.notice(c.Report(severity="LOG", sqlstate="00000", message="hello"))
    world.take([])
    assert world.brief() == ["LOG 00000 hello"]
    world.send(c.TERMINATE)
    world.session.notice(c.Report(severity="LOG", sqlstate="00000", message="hello"))
    assert world.session.take_output() == b""
    assert world.session.notify(1, "c") == []


def test_many_statements_that_ask_nothing_need_no_depth() -> None:
    world = ready()
    world.send(c.encode_query(b"BEGIN;" * 5000))
    brief = world.brief()
    assert brief.count("BEGIN") == 5000
    assert brief.count("WARNING 25001 there is already a transaction in progress") == 4999


def test_an_engine_that_answers_inline_what_it_can() -> None:
    world = ready()
    world.session.inline = lambda request: perform(world.engine, request) if isinstance(request, ParseQuery) else None
    world.send(c.encode_query(b"SELECT 1"))
    assert kinds(world) == ["Open", "Fetch", "commit"]
    assert world.brief()[-2:] == ["SELECT 1", "ready I"]


def test_rows_do_not_pile_up_inline() -> None:
    world = ready(make=lambda: TinyEngine(batch=1000), held=True)
    world.session.inline = lambda request: perform(world.engine, request)
    events = world.session.receive(c.encode_query(b"SELECT generate_series(1,100000)"))
    sizes = []
    while events:
        (request,) = events
        assert isinstance(request, Fetch)
        sizes.append(len(world.session.take_output()))
        events = world.session.answer(perform(world.engine, request))
    assert len(sizes) >= 5
    assert max(sizes) < 300_000
    assert world.session.take_output().endswith(c.encode_command_complete(b"SELECT 100000") + c.READY["I"])


def test_a_query_that_leaves_nothing_open_needs_no_commit() -> None:
    for data in (c.encode_query(b"SELECT 1"), c.encode_parse(b"", b"SELECT 1") + ONE + c.SYNC):
        world = ready(held=True)
        world.send(data)
        while not isinstance(world.request, Fetch):
            world.go()
        world.go(Portion(tag="SELECT", counted=True, settled=True))
        assert world.request is None
        assert world.brief()[-2:] == ["SELECT 0", "ready I"]
        assert world.session.names.portals == {}
