"""Data types of MQTT: 5.0 §1.5, 3.1.1 §1.5. Sans-IO.

Readers take the packet's bytes, a position and the end of what they may look at; they give the value and the position
behind it. Writers give bytes.
"""

from __future__ import annotations

from .errors import MalformedPacket

__all__ = [
    "MAX_LENGTH",
    "MAX_VARIABLE_INTEGER",
    "encode_binary",
    "encode_string",
    "encode_variable_integer",
    "read_binary",
    "read_string",
    "read_uint16",
    "read_uint32",
    "read_variable_integer",
]

MAX_VARIABLE_INTEGER = 268_435_455  # 5.0 §1.5.5, 3.1.1 §2.2.3: four bytes
MAX_LENGTH = 65_535  # 5.0 §1.5.4, §1.5.6: two bytes of length

_ONE_BYTE = tuple(bytes([value]) for value in range(128))


def read_uint16(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Two Byte Integer, 5.0 §1.5.2."""
    if position + 2 > end:
        raise MalformedPacket("the packet ends within an integer")
    return data[position] << 8 | data[position + 1], position + 2


def read_uint32(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Four Byte Integer, 5.0 §1.5.3."""
    if position + 4 > end:
        raise MalformedPacket("the packet ends within an integer")
    return int.from_bytes(data[position : position + 4]), position + 4


def read_variable_integer(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Variable Byte Integer, 5.0 §1.5.5, of at most four bytes and not one more than needed [MQTT-1.5.5-1].

    Raises:
        MalformedPacket: five bytes, a last byte of zero, or the packet ends within.
    """
    value = shift = 0
    start = position
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte and position - start > 1:
                raise MalformedPacket("a variable byte integer is longer than needed")
            return value, position
        shift += 7
        if shift == 28:
            raise MalformedPacket("a variable byte integer has more than four bytes")
    raise MalformedPacket("the packet ends within an integer")


def read_string(data: bytes, position: int, end: int) -> tuple[str, int]:
    """UTF-8 Encoded String, 5.0 §1.5.4, 3.1.1 §1.5.3.

    Control characters and non-characters, which the specification advises against and lets a receiver refuse, pass.

    Raises:
        MalformedPacket: ill-formed UTF-8 or surrogates [MQTT-1.5.4-1] [MQTT-1.5.3-1], U+0000 [MQTT-1.5.4-2]
            [MQTT-1.5.3-2], or the packet ends within.
    """
    start = position + 2
    stop = start + (data[position] << 8 | data[position + 1]) if start <= end else end + 1
    if stop > end:
        raise MalformedPacket("the packet ends within a string")
    try:
        text = data[start:stop].decode()
    except UnicodeDecodeError:
        raise MalformedPacket("a string is not well-formed UTF-8") from None
    if "\0" in text:
        raise MalformedPacket("a string has the null character")
    return text, stop


def read_binary(data: bytes, position: int, end: int) -> tuple[bytes, int]:
    """Binary Data, 5.0 §1.5.6.

    Raises:
        MalformedPacket: the packet ends within.
    """
    start = position + 2
    stop = start + (data[position] << 8 | data[position + 1]) if start <= end else end + 1
    if stop > end:
        raise MalformedPacket("the packet ends within binary data")
    return data[start:stop], stop


def encode_variable_integer(value: int) -> bytes:
    """`value` as a Variable Byte Integer.

    Raises:
        ValueError: more than four bytes hold.
    """
    if 0 <= value < 128:
        return _ONE_BYTE[value]
    if not 0 <= value <= MAX_VARIABLE_INTEGER:
        raise ValueError(f"{value} is no variable byte integer")
    written = bytearray()
    while value > 127:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def encode_binary(value: bytes) -> bytes:
    """`value` behind its length.

    Raises:
        ValueError: more than 65,535 bytes.
    """
    if len(value) > MAX_LENGTH:
        raise ValueError("longer than 65,535 bytes")
    return len(value).to_bytes(2) + value


def encode_string(text: str) -> bytes:
    """`text` in UTF-8 behind its length.

    Raises:
        ValueError: more than 65,535 bytes, a null character or a surrogate.
    """
    if "\0" in text:
        raise ValueError("a string cannot have the null character")
    return encode_binary(text.encode())
