"""Writes the corpus of the PostgreSQL codec's fuzz test: ``python -m tests.fuzz.make_pgwire_corpus``.

Messages of both sides, streams of them as clients send them and as PostgreSQL 15 answers, startup packets, and every
known attack on a parser of this protocol. The result is in the repository, so that an input that once found something
stays: add it to `FOUND` below.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.mutation import write_corpus
from tests.pgwire.capture import read
from tests.pgwire.codec.wire import STARTUP, raw, startup

from socketworkers_pgwire import codec as c

__all__ = ["KNOWN", "messages_of", "pgwire"]

HERE = Path(__file__).parent / "corpus" / "pgwire"
LIMIT = 600

FOUND: list[bytes] = [
    b"\0\x0cV",  # once a fault or not by how it was cut
]

#: one input for each entry of the reliability catalogue that a codec meets: its id, then what is sent
KNOWN: dict[str, bytes] = {
    "P1 a startup packet shorter than 8": b"\0\0\0\x07\0\3\0",
    "P1 a startup packet longer than 10,000": b"\0\0\x27\x15\0\3\0\0",
    "P1 SSLRequest repeated": c.SSL_REQUEST * 3,
    "P1 GSSENCRequest repeated": c.GSSENC_REQUEST * 3,
    "P1 CancelRequest of a random key": c.encode_cancel_request(1, b"\0" * 4),
    "P1 CancelRequest of 32 bytes": c.encode_cancel_request(1, bytes(range(32))),
    "P1 CancelRequest of 3 bytes": startup(80877102, b"\0\0\0\1abc"),
    "P2 length 0": raw(b"Q", b"", length=0),
    "P2 length 3": raw(b"Q", b"", length=3),
    "P2 length 2147483647": raw(b"Q", b"", length=0x7FFFFFFF),
    "P2 length -1": raw(b"Q", b"", length=0xFFFFFFFF),
    "P2 CVE-2024-27304 messages within a message": c.encode_bind(b"", b"", [c.encode_query(b"SELECT 1")]),
    "P2 CVE-2024-27304 the length of a Bind cut": raw(b"B", b"\0\0\0\0\0\1\0\0\0\x0e", length=14)
    + c.encode_query(b"SELECT 1"),
    "P2 CVE-2026-32286 a negative length of a parameter": raw(b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"),
    "P2 CVE-2026-32286 a negative length of a value": raw(b"D", b"\0\1\x80\0\0\0"),
    "P2 Bind with 65,535 parameters": raw(b"B", b"\0\0\0\0\xff\xff\xff\xff\xff\xff"),
    "P2 Bind with 65,535 formats": raw(b"B", b"\0\0\xff\xff" + b"\0\1" * 100),
    "P2 Parse with 65,535 types": raw(b"P", b"\0\0\xff\xff\0\0\0\x17"),
    "P3 CopyData without COPY": c.encode_copy_data(b"1\n") + c.COPY_DONE + c.encode_copy_fail(b""),
    "C1 CVE-2021-23214 bytes behind SSLRequest": c.SSL_REQUEST + STARTUP + c.encode_query(b"SELECT 1"),
    "C1 CVE-2021-23222 bytes behind its answer": b"S" + c.encode_report(c.Report(sqlstate="08P01", message="x")),
    "C3 HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "C3 a ClientHello": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    "C4 a password of 2 GB": STARTUP + b"p\x7f\xff\xff\xff",
    "a zero byte in a query": raw(b"Q", b"SELECT 1\0; DROP TABLE t\0"),
    "a zero byte in a name": raw(b"P", b"a\0b\0SELECT 1\0\0\0"),
}

_STARTUP = [
    STARTUP,
    startup(3 << 16 | 2, b"user\0u\0database\0d\0options\0-c a=b\0\0"),
    startup(3 << 16 | 9999, b"user\0u\0_pq_.x\0y\0\0"),
    startup(2 << 16, b"user\0u\0\0"),
    startup(3 << 16, b"\0"),
    startup(3 << 16, b"user\0\0\0"),
    startup(3 << 16, b"user\0u"),
    c.GSSENC_REQUEST + c.SSL_REQUEST + STARTUP,
    STARTUP + c.encode_password(b"secret"),
    STARTUP + c.encode_sasl_initial_response(b"SCRAM-SHA-256", b"n,,n=,r=abc") + c.encode_response(b"c=biws,r=abc,p=x"),
    STARTUP + c.encode_sasl_initial_response(b"SCRAM-SHA-256"),
    STARTUP + c.encode_query(b"SELECT 1"),
]
_LOGIN = [
    c.AUTHENTICATION_OK,
    c.AUTHENTICATION_CLEARTEXT_PASSWORD,
    c.encode_authentication_sasl([b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"]),
    c.encode_authentication_sasl_continue(b"r=abc,s=c2FsdA==,i=4096"),
    c.encode_authentication_sasl_final(b"v=x"),
    c.encode_authentication(c.AuthenticationMD5Password(b"salt")),
    c.encode_parameter_status(b"server_version", b"15.0"),
    c.encode_backend_key_data(7, b"abcd"),
    c.encode_backend_key_data(7, b"k" * 32),
    c.encode_negotiate_protocol_version(3 << 16, [b"_pq_.x"]),
    c.encode_notification(7, b"channel", b"payload"),
    c.encode_report(c.Report(severity="NOTICE", sqlstate="00000", message="é", hint="h", where="w"), notice=True),
    c.encode_report(c.Report(sqlstate="23505", message="m", detail="d", schema="s", table="t", constraint="c")),
    c.encode_copy_response(c.CopyBothResponse(0, ())),
    c.encode_function_call_response(b"x"),
]


def messages_of(stream: bytes) -> list[bytes]:
    """A stream cut behind each message, as far as its lengths are right."""
    found = []
    position = 0
    while position + 5 <= len(stream):
        stop = position + 1 + int.from_bytes(stream[position + 1 : position + 5])
        if stop > len(stream) or stop < position + 5:
            break
        found.append(stream[position:stop])
        position = stop
    return found


def pgwire() -> list[bytes]:
    """All inputs, each once."""
    inputs = [*FOUND, *KNOWN.values(), *_STARTUP, *_LOGIN, b"".join(_LOGIN[:1] + _LOGIN[6:8]) + c.READY["I"]]
    for sent, answered in read().values():
        inputs += [sent, answered, *messages_of(sent), *messages_of(answered)]
    for one in [each for each in dict.fromkeys(inputs) if 8 < len(each) < 60]:
        # a message that ends early, and one that is longer than what is in it
        inputs += [one[:5] + one[5:-1], one[:4] + bytes((one[4] + 1 & 0xFF,)) + one[5:] + b"\0"]
    return list(dict.fromkeys([each for each in inputs if 0 < len(each) <= LIMIT]))


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    write_corpus(HERE / "corpus.txt", pgwire(), "Inputs of the PostgreSQL codec")
