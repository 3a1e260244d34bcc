"""What clients send to see how a server behaves: name to bytes, for a session that is logged in.

It has an empty table t.
Each was sent to PostgreSQL 15, whose answers are in ``samples``; see ``capture``.
"""

from __future__ import annotations

from socketworkers_pgwire.codec import (
    COPY_DONE,
    FLUSH,
    GSSENC_REQUEST,
    SSL_REQUEST,
    SYNC,
    TERMINATE,
    encode_bind,
    encode_cancel_request,
    encode_close,
    encode_copy_data,
    encode_copy_fail,
    encode_describe,
    encode_execute,
    encode_function_call,
    encode_parse,
    encode_query,
)

__all__ = ["SCENARIOS", "STARTUPS"]

B, D, E = encode_bind, encode_describe, encode_execute


def q(*texts: str) -> bytes:
    """Queries, one behind the other."""
    return b"".join([encode_query(text.encode()) for text in texts])


def p(text: str, name: bytes = b"", types: tuple[int, ...] = ()) -> bytes:
    """Parse."""
    return encode_parse(name, text.encode(), types)


def run(text: str) -> bytes:
    """Parse, Bind, Execute of the unnamed ones."""
    return p(text) + B(b"", b"") + E()


def raw(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    """A message, whatever it holds."""
    return kind + (len(body) + 4 if length is None else length).to_bytes(4) + body


COUNT = q("SELECT count(*) FROM t")
INSERT = "INSERT INTO t VALUES (1)"
SERIES = "SELECT generate_series(1,5)"

_SIMPLE = {
    "one statement": q("SELECT 1"),
    "empty": q("", " ;; "),
    "several": q(f"SELECT 1; {INSERT}; SELECT 2") + COUNT,
    "several, one fails": q(f"{INSERT}; SELECT 1/0; SELECT 2") + COUNT,
    "several, syntax error": q(f"{INSERT}; SELEC 1") + COUNT,
    "several, not analysed": q(f"{INSERT}; SELECT nosuch") + COUNT,
    "rows": q(SERIES),
    "returning": q("INSERT INTO t VALUES (7) RETURNING a"),
}
_BLOCKS = {
    "block": q("BEGIN", INSERT, "COMMIT") + COUNT,
    "start transaction, end": q("START TRANSACTION", "END"),
    "block rolled back": q("BEGIN", INSERT, "ROLLBACK") + COUNT,
    "block fails": q("BEGIN", INSERT, "SELECT 1/0", "SELECT 1", "BEGIN", "SAVEPOINT a", "COMMIT") + COUNT,
    "block fails, rollback": q("BEGIN", "SELECT 1/0", "", "ROLLBACK"),
    "syntax error in a failed block": q("BEGIN", "SELECT 1/0", "SELEC", "ROLLBACK"),
    "begin twice": q("BEGIN", "BEGIN", "COMMIT"),
    "no block": q("COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "SELECT 1"),
    "chain": q("BEGIN", INSERT, "COMMIT AND CHAIN", INSERT, "ROLLBACK AND CHAIN", "COMMIT") + COUNT,
    "chain of a failed block": q("BEGIN", "SELECT 1/0", "COMMIT AND CHAIN", INSERT, "COMMIT") + COUNT,
    "several with begin": q(f"{INSERT}; BEGIN; {INSERT}") + q("ROLLBACK") + COUNT,
    "several with begin, then an error": q(f"{INSERT}; BEGIN; SELECT 1/0") + COUNT + q("ROLLBACK") + COUNT,
    "several with commit": q(f"{INSERT}; COMMIT; {INSERT}; SELECT 1/0") + COUNT,
    "several with rollback": q(f"{INSERT}; ROLLBACK; {INSERT}") + COUNT,
    "several, a whole block within": q(f"{INSERT}; BEGIN; {INSERT}; COMMIT; {INSERT}; SELECT 1/0") + COUNT,
    "several, commit and chain": q(f"{INSERT}; COMMIT AND CHAIN; SELECT 1") + COUNT,
    "several within a block": q("BEGIN", f"{INSERT}; {INSERT}", "COMMIT") + COUNT,
    "failed block, several": q("BEGIN", "SELECT 1/0", f"ROLLBACK; {INSERT}; SELECT 1") + COUNT,
    "savepoint without a block": q("SAVEPOINT a", "RELEASE a", "ROLLBACK TO a"),
    "savepoint in several": q(f"{INSERT}; SAVEPOINT a; SELECT 1") + COUNT + q("SELECT 1; RELEASE a"),
    "savepoints": q("BEGIN", "SAVEPOINT a", INSERT, "ROLLBACK TO a", INSERT, "RELEASE a", "COMMIT") + COUNT,
    "savepoint saves": q("BEGIN", INSERT, "SAVEPOINT a", INSERT, "SELECT 1/0", "RELEASE a", "ROLLBACK TO SAVEPOINT a")
    + q("SELECT 1", "COMMIT")
    + COUNT,
    "savepoints of one name": q("BEGIN", "SAVEPOINT a", INSERT, "SAVEPOINT a", INSERT, "ROLLBACK TO a")
    + q("RELEASE a", "ROLLBACK TO a", "RELEASE a", "RELEASE a", "ROLLBACK"),
    "no such savepoint": q("BEGIN", "RELEASE a", "ROLLBACK TO a", "ROLLBACK"),
    "failed within a savepoint, commit": q("BEGIN", INSERT, "SAVEPOINT a", "SELECT 1/0", "COMMIT") + COUNT,
    "prepare transaction": q("BEGIN", "SELECT 1", "PREPARE TRANSACTION 'x'") + COUNT,
    "prepare transaction of a failed block": q("BEGIN", "SELECT 1/0", "PREPARE TRANSACTION 'x'"),
    "vacuum": q("VACUUM"),
    "vacuum in a block": q("BEGIN", "VACUUM", "ROLLBACK"),
    "vacuum in several": q("VACUUM; SELECT 1", "SELECT 1; VACUUM"),
}
_EXTENDED = {
    "a query": p("SELECT 1") + B(b"", b"") + D(b"P") + E() + SYNC,
    "parameters": p("SELECT $1::int4, $2::int4", b"s") + D(b"S", b"s") + B(b"", b"s", [b"7", None]) + E() + SYNC,
    "text parameters": p("SELECT $1::text", b"s") + B(b"", b"s", [b"abc"], [0], [0]) + D(b"P") + E() + SYNC,
    "describe a statement": p(SERIES) + D(b"S") + p(INSERT) + D(b"S") + SYNC,
    "no data": p(INSERT) + B(b"", b"") + D(b"P") + E() + SYNC + COUNT,
    "row limit": p(SERIES) + B(b"c", b"") + E(b"c", 2) + E(b"c", 2) + E(b"c", 2) + E(b"c", 2) + SYNC,
    "row limit is the number of rows": p(SERIES) + B(b"", b"") + E(b"", 5) + E(b"", 5) + E() + SYNC,
    "negative row limit": p(SERIES) + B(b"", b"") + E(b"", -3) + SYNC,
    "row limit over Sync": p(SERIES) + B(b"c", b"") + E(b"c", 2) + SYNC + E(b"c", 2) + SYNC,
    "row limit over Sync in a block": q("BEGIN")
    + p(SERIES)
    + B(b"c", b"")
    + E(b"c", 2)
    + SYNC
    + E(b"c", 9)
    + SYNC
    + q("COMMIT")
    + E(b"c", 9)
    + SYNC,
    "run again": p(SERIES) + B(b"", b"") + E() + E() + SYNC,
    "insert again": p(INSERT) + B(b"", b"") + E() + E() + SYNC + COUNT,
    "returning": p("INSERT INTO t VALUES (7) RETURNING a") + B(b"", b"") + E() + E() + SYNC + COUNT,
    "returning, row limit": p("INSERT INTO t VALUES (7) RETURNING a") + B(b"", b"") + E(b"", 1) + E() + SYNC + COUNT,
    "empty statement": p("") + D(b"S") + B(b"", b"") + D(b"P") + E() + E() + SYNC,
    "two statements": p("SELECT 1; SELECT 2") + B(b"", b"") + SYNC,
    "skipped up to Sync": p("SELECT nosuch")
    + B(b"", b"")
    + q("SELECT 1")
    + E()
    + encode_close(b"S")
    + FLUSH
    + SYNC
    + q("SELECT 2"),
    "error while running": p("SELECT 1/0") + B(b"", b"") + E() + B(b"", b"") + SYNC + q("SELECT 2"),
    "unknown names": B(b"", b"x")
    + SYNC
    + B(b"", b"")
    + SYNC
    + E(b"x")
    + SYNC
    + E()
    + SYNC
    + D(b"S", b"x")
    + SYNC
    + D(b"P", b"x")
    + SYNC
    + D(b"S")
    + SYNC
    + encode_close(b"S", b"x")
    + encode_close(b"P", b"x")
    + SYNC,
    "statement exists": p("SELECT 1", b"a") + p("SELECT 2", b"a") + SYNC + p("SELECT 1") + p("SELECT 2") + SYNC,
    "portal exists": p(SERIES) + B(b"a", b"") + B(b"a", b"") + SYNC,
    "close": p("SELECT 1", b"a")
    + B(b"c", b"a")
    + encode_close(b"S", b"a")
    + E(b"c")
    + encode_close(b"P", b"c")
    + E(b"c")
    + SYNC
    + B(b"", b"a")
    + SYNC,
    "unnamed ones are replaced": p(SERIES)
    + B(b"", b"")
    + E(b"", 1)
    + p("SELECT 2")
    + E(b"", 1)
    + B(b"", b"")
    + E()
    + SYNC,
    "a query drops the unnamed ones": p("SELECT 1") + B(b"", b"") + q("SELECT 2") + E() + SYNC + B(b"", b"") + SYNC,
    "too few parameters": p("SELECT $1::int4", b"s") + B(b"", b"s") + SYNC + B(b"", b"s", [b"1", b"2"]) + SYNC,
    "wrong number of formats": p("SELECT $1::int4") + B(b"", b"", [b"1"], [0, 0]) + SYNC,
    "unknown format": p("SELECT $1::int4") + B(b"", b"", [b"1"], [7]) + SYNC,
    "wrong number of result formats": p("SELECT 1") + B(b"", b"", (), (), [0, 0]) + SYNC,
    "result formats without rows": p(INSERT) + B(b"", b"", (), (), [0, 0]) + E() + SYNC,
    "flush": p("SELECT 1") + FLUSH + B(b"", b"") + FLUSH + E() + SYNC,
    "only Sync": SYNC + SYNC,
    "declared cursor": q("BEGIN", f"DECLARE c CURSOR FOR {SERIES}")
    + D(b"P", b"c")
    + E(b"c", 2)
    + SYNC
    + q("CLOSE c")
    + E(b"c")
    + SYNC
    + q("ROLLBACK"),
    "cursor with hold": q("BEGIN", f"DECLARE c CURSOR WITH HOLD FOR {SERIES}", "COMMIT") + E(b"c", 2) + SYNC,
    "prepared by SQL": q("PREPARE s AS SELECT 1") + B(b"", b"s") + E() + SYNC + q("DEALLOCATE s") + B(b"", b"s") + SYNC,
    "deallocated": p("SELECT 1", b"s") + SYNC + q("DEALLOCATE s") + D(b"S", b"s") + SYNC + q("DEALLOCATE s"),
}
_PIPELINES = {
    "one transaction": run(INSERT) + run(INSERT) + run("SELECT 1/0") + run(INSERT) + SYNC + COUNT,
    "two transactions": run(INSERT) + SYNC + run(INSERT) + run("SELECT 1/0") + SYNC + COUNT,
    "begin within": run(INSERT) + run("BEGIN") + run(INSERT) + SYNC + q("ROLLBACK") + COUNT,
    "begin first": run("BEGIN") + run(INSERT) + SYNC + run(INSERT) + run("COMMIT") + SYNC + COUNT,
    "commit within": run(INSERT) + run("COMMIT") + run(INSERT) + run("SELECT 1/0") + SYNC + COUNT,
    "rollback within": run(INSERT) + run("ROLLBACK") + run(INSERT) + SYNC + COUNT,
    "savepoint within": run(INSERT) + run("SAVEPOINT a") + run(INSERT) + SYNC + COUNT,
    "savepoint first": run("SAVEPOINT a") + SYNC,
    "savepoint in a block": run("BEGIN")
    + run("SAVEPOINT a")
    + run("SELECT 1/0")
    + SYNC
    + run("ROLLBACK TO a")
    + run(INSERT)
    + run("COMMIT")
    + SYNC
    + COUNT,
    "commit of a failed block": run("BEGIN") + run("SELECT 1/0") + SYNC + run("COMMIT") + SYNC,
    "a query within": run(INSERT) + q(INSERT) + run("SELECT 1/0") + SYNC + COUNT,
    "several within": run(INSERT) + q(f"{INSERT}; {INSERT}") + run("SELECT 1/0") + SYNC + COUNT,
    "a query that fails within": run(INSERT) + q("SELECT 1/0") + run(INSERT) + SYNC + COUNT,
    "vacuum first": run("VACUUM") + run(INSERT) + SYNC + COUNT,
    "vacuum later": run(INSERT) + run("VACUUM") + SYNC + COUNT,
    "vacuum in a block": run("BEGIN") + run("VACUUM") + SYNC + q("ROLLBACK"),
    "vacuum in a block, later": run("BEGIN") + run(INSERT) + run("VACUUM") + SYNC + q("ROLLBACK"),
    "vacuum in a block, in the next pipeline": run("BEGIN") + SYNC + run(INSERT) + run("VACUUM") + SYNC + q("ROLLBACK"),
    "vacuum behind a commit": run(INSERT) + run("COMMIT") + run("VACUUM") + SYNC + COUNT,
    "vacuum and a query": run("SELECT 1") + q("VACUUM") + SYNC + q("SELECT 1"),
    "vacuum behind a suspended portal": p(SERIES) + B(b"c", b"") + E(b"c", 1) + run("VACUUM") + SYNC,
    "a failing query, then one that works": run(INSERT) + q("SELECT 1/0", "SELECT 1") + SYNC,
    "a query within, then another": run(INSERT) + q(INSERT, "SELECT 1/0") + SYNC + COUNT,
    "a function call within": run(INSERT) + encode_function_call(177, [b"\0\0\0\1", b"\0\0\0\2"], [1], 1) + SYNC,
    "control again": p("BEGIN") + B(b"", b"") + E() + E() + SYNC + q("ROLLBACK"),
    "describe control": p("BEGIN") + D(b"S") + B(b"", b"") + D(b"P") + E(b"", 1) + SYNC + q("COMMIT"),
}
_FAILED = {
    "parse": q("BEGIN", "SELECT 1/0") + p("SELECT 1") + SYNC + p("ROLLBACK") + B(b"", b"") + E() + SYNC,
    "parse nothing": q("BEGIN", "SELECT 1/0") + p("") + B(b"", b"") + SYNC + q("ROLLBACK"),
    "bind": p("SELECT 1", b"s")
    + SYNC
    + q("BEGIN", "SELECT 1/0")
    + B(b"", b"s")
    + SYNC
    + B(b"", b"x")
    + SYNC
    + q("ROLLBACK"),
    "describe": p("SELECT 1", b"s")
    + p(INSERT, b"i")
    + SYNC
    + q("BEGIN", "SELECT 1/0")
    + D(b"S", b"i")
    + SYNC
    + D(b"S", b"s")
    + SYNC
    + D(b"S", b"x")
    + SYNC
    + q("ROLLBACK"),
    "portals": q("BEGIN")
    + p(SERIES)
    + B(b"c", b"")
    + E(b"c", 1)
    + SYNC
    + q("SELECT 1/0")
    + E(b"c", 1)
    + SYNC
    + D(b"P", b"c")
    + SYNC
    + E(b"x")
    + SYNC
    + encode_close(b"P", b"c")
    + SYNC
    + q("ROLLBACK"),
    "portals of a savepoint": q("BEGIN")
    + p(SERIES, b"s")
    + B(b"a", b"s")
    + SYNC
    + q("SAVEPOINT x")
    + B(b"b", b"s")
    + SYNC
    + q("SELECT 1/0", "ROLLBACK TO x")
    + E(b"a", 1)
    + SYNC
    + E(b"b", 1)
    + SYNC
    + q("ROLLBACK"),
    "portals of a released savepoint": q("BEGIN", "SAVEPOINT x")
    + p(SERIES, b"s")
    + B(b"b", b"s")
    + SYNC
    + q("RELEASE x", "SAVEPOINT y", "ROLLBACK TO y")
    + E(b"b", 1)
    + SYNC
    + q("COMMIT"),
    "rollback that was bound before": q("BEGIN")
    + p("ROLLBACK")
    + B(b"r", b"")
    + SYNC
    + q("SELECT 1/0")
    + E(b"r")
    + SYNC,
    "rollback that was bound outside of the savepoint": q("BEGIN")
    + p("ROLLBACK")
    + B(b"r", b"")
    + SYNC
    + q("SAVEPOINT a", "SELECT 1/0")
    + E(b"r")
    + SYNC,
    "a portal outside of the savepoint": q("BEGIN")
    + p(SERIES)
    + B(b"c", b"")
    + E(b"c", 1)
    + SYNC
    + q("SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a")
    + E(b"c", 1)
    + SYNC
    + q("ROLLBACK"),
    "function call": q("BEGIN", "SELECT 1/0")
    + encode_function_call(177, [b"\0\0\0\1", b"\0\0\0\2"], [1], 1)
    + q("ROLLBACK"),
}
_COPY = {
    "in": q("COPY t FROM STDIN") + encode_copy_data(b"1\n2\n") + encode_copy_data(b"3\n") + COPY_DONE + COUNT,
    "in, lines cut anywhere": q("COPY t FROM STDIN")
    + encode_copy_data(b"1")
    + encode_copy_data(b"2\n3")
    + COPY_DONE
    + COUNT,
    "in, nothing": q("COPY t FROM STDIN") + COPY_DONE + COUNT,
    "in, given up": q("COPY t FROM STDIN") + encode_copy_data(b"1\n") + encode_copy_fail(b"no more") + COUNT,
    "in, bad data": q("COPY t FROM STDIN") + encode_copy_data(b"1\nx\n") + encode_copy_data(b"2\n") + COPY_DONE + COUNT,
    "in, flush and sync": q("COPY t FROM STDIN") + FLUSH + SYNC + encode_copy_data(b"1\n") + SYNC + COPY_DONE + COUNT,
    "in, a query": q("COPY t FROM STDIN") + encode_copy_data(b"1\n") + q("SELECT 1") + COUNT,
    "in, terminate": q("COPY t FROM STDIN") + encode_copy_data(b"1\n"),
    "in, several": q(f"{INSERT}; COPY t FROM STDIN; {INSERT}") + encode_copy_data(b"5\n") + COPY_DONE + COUNT,
    "in, several, given up": q(f"{INSERT}; COPY t FROM STDIN; {INSERT}") + encode_copy_fail(b"") + COUNT,
    "in, in a block": q("BEGIN", "COPY t FROM STDIN") + encode_copy_fail(b"x") + q("COMMIT") + COUNT,
    "in, extended": run("COPY t FROM STDIN") + encode_copy_data(b"1\n") + COPY_DONE + SYNC + COUNT,
    "in, extended, Sync first": run("COPY t FROM STDIN") + SYNC + encode_copy_data(b"1\n") + COPY_DONE + SYNC + COUNT,
    "in, extended, given up": run("COPY t FROM STDIN") + encode_copy_fail(b"x") + run(INSERT) + SYNC + COUNT,
    "in, extended, bad data": run("COPY t FROM STDIN") + encode_copy_data(b"x\n") + COPY_DONE + SYNC + COUNT,
    "in, extended, a bind": run("COPY t FROM STDIN") + B(b"", b"") + SYNC,
    "in, row limit": p("COPY t FROM STDIN")
    + B(b"", b"")
    + D(b"P")
    + E(b"", 1)
    + encode_copy_data(b"1\n2\n")
    + COPY_DONE
    + SYNC
    + COUNT,
    "out": q(f"{INSERT}; {INSERT}", "COPY t TO STDOUT"),
    "out, extended": q(INSERT) + run("COPY t TO STDOUT") + SYNC,
    "out, row limit": q(f"{INSERT}; {INSERT}") + p("COPY t TO STDOUT") + B(b"", b"") + E(b"", 1) + SYNC,
    "outside": encode_copy_data(b"1\n") + COPY_DONE + encode_copy_fail(b"") + q("SELECT 1"),
}
_MALFORMED = {
    "unknown type": q("SELECT 1") + raw(b"!", b"") + q("SELECT 2"),
    "a server's type": raw(b"Z", b"I"),
    "password": raw(b"p", b"x\0"),
    "length 3": raw(b"Q", b"", 3),
    "length -1": raw(b"Q", b"", 0xFFFFFFFF),
    "small message too large": raw(b"S", b"x" * 9_997),
    "query without end": raw(b"Q", b"SELECT 1") + q("SELECT 2"),
    "query with more": raw(b"Q", b"SELECT 1\0SELECT 2\0") + q("SELECT 3"),
    "sync with more": raw(b"S", b"x") + q("SELECT 1"),
    "sync with more, skipping": p("SELECT nosuch") + raw(b"S", b"x") + q("SELECT 1"),
    "flush with more": raw(b"H", b"x") + q("SELECT 1") + SYNC,
    "parse without end": raw(b"P", b"x") + q("SELECT 1") + SYNC,
    "parse with too few types": raw(b"P", b"\0SELECT 1\0\0\2\0\0\0\x17") + SYNC,
    "parse with more": raw(b"P", b"\0SELECT 1\0\0\0x") + SYNC,
    "bind, short": p("SELECT $1::int4") + raw(b"B", b"\0\0\0\0\0\1\0\0\0\7x") + SYNC,
    "bind, negative length": p("SELECT $1::int4") + raw(b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0") + SYNC,
    "bind with more": p("SELECT 1") + raw(b"B", b"\0\0\0\0\0\0\0\0x") + SYNC,
    "describe of nothing": raw(b"D", b"X\0") + SYNC,
    "close of nothing": raw(b"C", b"X\0") + SYNC,
    "describe, empty": raw(b"D", b"") + SYNC,
    "execute, short": raw(b"E", b"\0\0\0") + SYNC,
    "terminate with more": raw(b"X", b"abc") + q("SELECT 1"),
    "copy fail without end": q("COPY t FROM STDIN") + raw(b"f", b"x") + COUNT,
    "copy done with more": q("COPY t FROM STDIN") + encode_copy_data(b"1\n") + raw(b"c", b"x") + COUNT,
    "copy done with more, outside": raw(b"c", b"x") + raw(b"f", b"x") + q("SELECT 1"),
    "not UTF-8": raw(b"Q", b"SELECT '\xff'\0") + raw(b"Q", b"SELECT '\xe2\x28\xa1'\0") + q("SELECT 1"),
}
_OTHERS = {
    "function call": encode_function_call(177, [b"\0\0\0\1", b"\0\0\0\2"], [1], 1) + q("SELECT 1"),
    "function call of NULL": encode_function_call(177, [b"\0\0\0\1", None], [1], 1),
    "function call of nothing": encode_function_call(1, []) + q("SELECT 1"),
    "encoding": q("SET client_encoding TO 'LATIN1'", "SELECT 1"),
    "setting in a pipeline": run("SET application_name TO 'x'") + run("SELECT 1") + SYNC,
}

SCENARIOS: dict[str, bytes] = {
    f"{group}: {name}": data + TERMINATE
    for group, scenarios in (
        ("simple", _SIMPLE),
        ("blocks", _BLOCKS),
        ("extended", _EXTENDED),
        ("pipelines", _PIPELINES),
        ("failed blocks", _FAILED),
        ("copy", _COPY),
        ("malformed", _MALFORMED),
        ("others", _OTHERS),
    )
    for name, data in scenarios.items()
}


def startup(*parts: bytes, version: int = 3 << 16, length: int = 0) -> bytes:
    """A startup packet, whatever it holds."""
    body = version.to_bytes(4) + b"".join(parts)
    return (length or len(body) + 4).to_bytes(4) + body


_USER = b"user\0postgres\0"

#: whole connections, over a Unix socket, where there is no TLS and nobody is asked for a password
STARTUPS: dict[str, bytes] = {
    f"startup: {name}": data
    for name, data in {
        "terminate": startup(_USER, b"\0") + TERMINATE,
        "protocol 2.0": startup(_USER, b"\0", version=2 << 16),
        "protocol 4.0": startup(_USER, b"\0", version=4 << 16),
        "no user": startup(b"database\0postgres\0\0"),
        "empty user": startup(b"user\0\0\0"),
        "no parameters": startup(b"\0"),
        "nothing": startup(),
        "no terminator": startup(_USER),
        "more behind the terminator": startup(_USER, b"\0x"),
        "length 7": startup(length=7),
        "length 10,005": startup(length=10_005),
        "length -1": startup(length=0xFFFFFFFF),
        "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "SSLRequest": SSL_REQUEST + startup(_USER, b"\0") + TERMINATE,
        "GSSENCRequest, SSLRequest": GSSENC_REQUEST + SSL_REQUEST + startup(_USER, b"\0") + TERMINATE,
        "SSLRequest, GSSENCRequest": SSL_REQUEST + GSSENC_REQUEST + startup(_USER, b"\0") + TERMINATE,
        "SSLRequest twice": SSL_REQUEST * 2,
        "GSSENCRequest twice": GSSENC_REQUEST * 2,
        "CancelRequest": encode_cancel_request(1, b"abcd"),
        "unknown encoding": startup(_USER, b"client_encoding\0nosuch\0\0"),
        "unknown option": startup(_USER, b"options\0-c\0\0"),
        "query right behind": startup(_USER, b"\0") + q("SELECT 1") + TERMINATE,
        "message that is none right behind": startup(_USER, b"\0") + raw(b"!", b""),
        "protocol option": startup(_USER, b"_pq_.x\0y\0\0") + TERMINATE,
    }.items()
}
