"""Data types: 5.0 §1.5, 3.1.1 §1.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers_mqtt.codec import MalformedPacket
from socketworkers_mqtt.codec.fields import (
    MAX_VARIABLE_INTEGER,
    encode_binary,
    encode_string,
    encode_variable_integer,
    read_binary,
    read_string,
    read_uint16,
    read_uint32,
    read_variable_integer,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, b"\0"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
        (268_435_455, b"\xff\xff\xff\x7f"),
    ],
)
def test_variable_byte_integers_of_table_1_1(value: int, written: bytes) -> None:
    assert encode_variable_integer(value) == written
    assert read_variable_integer(written, 0, len(written)) == (value, len(written))


@given(st.integers(0, MAX_VARIABLE_INTEGER), st.binary(max_size=3), st.binary(max_size=3))
def test_variable_byte_integers_come_back(value: int, before: bytes, behind: bytes) -> None:
    written = encode_variable_integer(value)
    data = before + written + behind
    assert read_variable_integer(data, len(before), len(data)) == (value, len(before) + len(written))
    for end in range(len(written)):
        with pytest.raises(MalformedPacket, match="ends within"):
            read_variable_integer(written, 0, end)


@pytest.mark.parametrize("value", [-1, 268_435_456])
def test_what_no_variable_byte_integer_holds(value: int) -> None:
    with pytest.raises(ValueError, match="variable byte integer"):
        encode_variable_integer(value)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"\x80\0", "longer than needed"),
        (b"\xff\x80\0", "longer than needed"),
        (b"\x80\x80\x80\0", "longer than needed"),
        (b"\x80\x80\x80\x80\x01", "more than four"),
        (b"\xff\xff\xff\xff\x7f", "more than four"),
    ],
)
def test_MQTT_1_5_5_1(written: bytes, message: str) -> None:
    with pytest.raises(MalformedPacket, match=message):
        read_variable_integer(written, 0, len(written))


@given(TEXT)
def test_strings_come_back(text: str) -> None:
    written = encode_string(text)
    assert read_string(written + b"x", 0, len(written) + 1) == (text, len(written))
    for end in range(len(written)):
        with pytest.raises(MalformedPacket, match="ends within"):
            read_string(written, 0, end)


@given(st.binary(max_size=300))
def test_binary_data_comes_back(value: bytes) -> None:
    written = encode_binary(value)
    assert read_binary(written + b"x", 0, len(written) + 1) == (value, len(written))
    for end in range(0, len(written), 7):
        with pytest.raises(MalformedPacket, match="ends within"):
            read_binary(written, 0, end)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF))
def test_integers_come_back(small: int, large: int) -> None:
    data = small.to_bytes(2) + large.to_bytes(4)
    assert read_uint16(data, 0, 6) == (small, 2)
    assert read_uint32(data, 2, 6) == (large, 6)
    with pytest.raises(MalformedPacket, match="ends within"):
        read_uint16(data, 0, 1)
    with pytest.raises(MalformedPacket, match="ends within"):
        read_uint32(data, 2, 5)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(b"\xed\xa0\x80", id="MQTT-1.5.4-1 first surrogate"),
        pytest.param(b"\xed\xbf\xbf", id="MQTT-1.5.4-1 last surrogate"),
        pytest.param(b"\xed\xa0\xbd\xed\xb8\x80", id="MQTT-1.5.4-1 pair of surrogates"),
        pytest.param(b"\xc0\x80", id="MQTT-1.5.4-1 overlong null"),
        pytest.param(b"\xe0\x80\xaf", id="MQTT-1.5.4-1 overlong slash"),
        pytest.param(b"\xf0\x82\x82\xac", id="MQTT-1.5.4-1 overlong euro"),
        pytest.param(b"\xf4\x90\x80\x80", id="MQTT-1.5.4-1 beyond U+10FFFF"),
        pytest.param(b"\xff", id="MQTT-1.5.4-1 no first byte"),
        pytest.param(b"\x80", id="MQTT-1.5.4-1 continuation"),
        pytest.param(b"\xe2\x82", id="MQTT-1.5.4-1 cut"),
        pytest.param(b"a\0b", id="MQTT-1.5.4-2 null"),
    ],
)
def test_ill_formed_strings_MQTT_1_5_4_and_3_1_1_MQTT_1_5_3(written: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read_string(encode_binary(written), 0, len(written) + 2)


@pytest.mark.parametrize("text", ["\ufeff", "\ufeffA", "A\U0002a6d4", "\x01", "\x7f", "\ufffe", "\U0010ffff", "é/ü"])
def test_strings_that_pass_MQTT_1_5_4_3(text: str) -> None:
    """U+FEFF stays what it is; what is merely advised against is let through."""
    data = encode_binary(text.encode())
    assert read_string(data, 0, len(data)) == (text, len(data))


def test_what_no_string_holds() -> None:
    for text in ("a\0", "\ud800", "x" * 65_536):
        with pytest.raises(ValueError, match=r"null|surrogates|65,535"):
            encode_string(text)
    assert len(encode_string("x" * 65_535)) == 65_537
    with pytest.raises(ValueError, match="65,535"):
        encode_binary(b"x" * 65_536)
