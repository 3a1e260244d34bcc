"""Clients whose encoding is not UTF-8 (PostgreSQL 15 documentation §24.3.3), and parameters of DECLARE."""

from __future__ import annotations

from tests.pgwire.app.test_sessions import tags, values
from tests.support.pgserver.wire import Wire

from socketworkers_pgwire.codec import (
    SYNC,
    CopyData,
    Message,
    encode_bind,
    encode_execute,
    encode_parse,
)

EURO = b"\xa4"  # in LATIN9


def _ask(wire: Wire, text: bytes, *parameters: bytes | None, binary: bool = False) -> list[Message]:
    formats = (int(binary),)
    wire.send(encode_parse(b"", text), encode_bind(b"", b"", parameters, formats, formats), encode_execute(), SYNC)
    return wire.ready()


def test_text_comes_and_goes_in_the_encoding_of_the_client(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET client_encoding TO latin9")
        assert values(_ask(wire, b"SELECT $1::text, length($1)::text, chr(8364)", EURO)) == [(EURO, b"1", EURO)]
        assert values(_ask(wire, b"SELECT $1::text, chr(8364)::name", EURO, binary=True)) == [(EURO, EURO)]


def test_texts_within_other_values_are_recoded_too(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET client_encoding TO latin9")
        ((array, json),) = values(_ask(wire, b"SELECT ARRAY[chr(8364), NULL], to_jsonb(chr(8364))", binary=True))
        assert array is not None
        assert array.endswith(b"\0\0\0\1" + EURO + b"\xff\xff\xff\xff")
        assert json == b'\1"' + EURO + b'"'
        ((row,),) = values(_ask(wire, b"SELECT ROW(7, chr(8364))", binary=True))
        assert row is not None
        assert row.endswith(b"\0\0\0\1" + EURO)
        ((same,),) = values(_ask(wire, b"SELECT $1::text[]", array, binary=True))
        assert same == array


def test_what_an_encoding_lacks_is_an_error(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET client_encoding TO latin1")
        report = wire.error(wire.query("SELECT chr(8364)"))
        assert report.sqlstate == "22P05"
        assert report.message == (
            'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"'
        )
        wire.query("SET client_encoding TO euc_jp")
        assert wire.error(_ask(wire, b"SELECT $1::text", b"\xff\xff")).sqlstate == "22021"


def test_copy_has_the_encoding_of_the_client(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET client_encoding TO latin9")
        for format, expected in (("text", EURO + b"\n"), ("binary", b"\0\0\0\1" + EURO)):
            messages = wire.query(f"COPY (SELECT chr(8364)) TO STDOUT (FORMAT {format})")
            assert next(each.data for each in messages if isinstance(each, CopyData)).endswith(expected)


def test_a_cursor_is_declared_with_parameters(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("BEGIN")
        assert tags(_ask(wire, b"DECLARE c CURSOR FOR SELECT generate_series(1, $1::int)", b"3")) == [b"DECLARE CURSOR"]
        assert values(wire.query("FETCH ALL FROM c")) == [(b"1",), (b"2",), (b"3",)]
