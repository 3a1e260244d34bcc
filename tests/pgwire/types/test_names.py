"""oid and the reg* types, which ask the catalogue for names; "char" and name, which the catalogue is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from socketworkers_pgwire.types import BY_NAME, DEFAULT, SqlError


class Catalogue:
    """One class, whose name must be quoted."""

    def find(self, kind: str, text: str) -> int:
        if (kind, text) == ("regclass", '"Shop"'):
            return 16_384
        raise SqlError("42P01", f'relation "{text}" does not exist')

    def spell(self, kind: str, oid: int) -> str | None:
        return '"Shop"' if (kind, oid) == ("regclass", 16_384) else None


SETTINGS = replace(DEFAULT, names=Catalogue())


def test_names_are_those_of_the_catalogue() -> None:
    kind = BY_NAME["regclass"]
    assert kind.input('"Shop"', SETTINGS) == 16_384
    assert kind.output(16_384, SETTINGS) == '"Shop"'
    assert kind.encode_column([16_384, None, 0, 7], SETTINGS) == [b'"Shop"', None, b"-", b"7"]
    assert BY_NAME["_regclass"].encode_column(["[16384,0]"], SETTINGS) == [b'{"\\"Shop\\"",-}']
    with pytest.raises(SqlError) as caught:
        kind.input("nosuch", SETTINGS)
    assert caught.value.sqlstate == "42P01"


@pytest.mark.parametrize(("text", "oid"), [("-", 0), ("0", 0), ("4294967295", 4_294_967_295)])
def test_numbers_need_no_catalogue(text: str, oid: int) -> None:
    kind = BY_NAME["regtype"]
    assert kind.input(text) == oid
    assert kind.receive(kind.send(oid)) == oid
    assert kind.output(oid) == ("-" if not oid else str(oid))


def test_a_name_without_a_catalogue() -> None:
    with pytest.raises(SqlError) as caught:
        BY_NAME["regproc"].input("now")
    assert caught.value.sqlstate == "0A000"


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0\0\0\0\0"])
def test_a_binary_oid_has_four_bytes(data: bytes) -> None:
    with pytest.raises(SqlError) as caught:
        BY_NAME["oid"].receive(data)
    assert caught.value.sqlstate == ("22P03" if len(data) > 4 else "08P01")


def test_a_name_is_cut_between_characters() -> None:
    kind = BY_NAME["name"]
    assert kind.input("é" * 40) == "é" * 31
    assert kind.input("a" * 63) == "a" * 63
    with pytest.raises(SqlError) as caught:
        kind.receive(b"a" * 64)
    assert caught.value.sqlstate == "42622"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a\xff", "0xff"),
        (b"\xc3", "0xc3"),
        (b"\xe6\x41\x42", "0xe6 0x41 0x42"),
        (b"a\0b", "0x00"),
        (b"\xf0\x9f", "0xf0 0x9f"),
    ],
)
def test_text_that_is_none(data: bytes, shown: str) -> None:
    with pytest.raises(SqlError) as caught:
        BY_NAME["text"].decode(data, False)
    assert caught.value.sqlstate == "22021"
    assert caught.value.message == f'invalid byte sequence for encoding "UTF8": {shown}'
