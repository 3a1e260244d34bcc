"""Bytes as text and text as bytes: PostgreSQL 15 documentation §9.4 and §9.5: encode, convert, hashes, unistr."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

from ..session.encodings import find_encoding
from ..types.base import decode_utf8
from ..types.bytea import BYTEA
from ..types.errors import SqlError, invalid_parameter
from .registry import scalar

__all__ = ["ENCODINGS"]

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BLANKS = b" \t\n\r"
_LINE = 76
_ESCAPED = tuple(
    "\\\\" if byte == 0x5C else f"\\{byte:03o}" if byte == 0 or byte >= 0x80 else chr(byte) for byte in range(256)
)


ENCODINGS: list[tuple[str, int]] = [
    (name, int(length))
    for name, _, length in (
        each.partition(":")
        for each in [
            "SQL_ASCII:1",
            "EUC_JP:3",
            "EUC_CN:3",
            "EUC_KR:3",
            "EUC_TW:4",
            "EUC_JIS_2004:3",
            "UTF8:4",
            "MULE_INTERNAL:4",
            "LATIN1:1",
            "LATIN2:1",
            "LATIN3:1",
            "LATIN4:1",
            "LATIN5:1",
            "LATIN6:1",
            "LATIN7:1",
            "LATIN8:1",
            "LATIN9:1",
            "LATIN10:1",
            "WIN1256:1",
            "WIN1258:1",
            "WIN866:1",
            "WIN874:1",
            "KOI8R:1",
            "WIN1251:1",
            "WIN1252:1",
            "ISO_8859_5:1",
            "ISO_8859_6:1",
            "ISO_8859_7:1",
            "ISO_8859_8:1",
            "WIN1250:1",
            "WIN1253:1",
            "WIN1254:1",
            "WIN1255:1",
            "WIN1257:1",
            "KOI8U:1",
            "SJIS:2",
            "BIG5:2",
            "GBK:2",
            "UHC:2",
            "GB18030:4",
            "JOHAB:3",
            "SHIFT_JIS_2004:2",
        ]
    )
]
"""Name and longest character of each encoding, by their numbers."""


def _to_base64(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))


def _to_escape(data: bytes) -> str:
    return "".join([_ESCAPED[byte] for byte in data])


_ENCODERS: dict[str, Callable[[bytes], str]] = {"hex": bytes.hex, "base64": _to_base64, "escape": _to_escape}


def _from_base64(text: str) -> bytes:
    data = text.encode()
    out = bytearray()
    bits = count = ends = 0
    for place, byte in enumerate(data):
        if byte in _BLANKS:
            continue
        if byte == 0x3D:  # the sign that ends a group
            if not ends:
                if count == 2:
                    ends = 1
                elif count == 3:
                    ends = 2
                else:
                    raise invalid_parameter('unexpected "=" while decoding base64 sequence')
            bits <<= 6
        elif byte in _ALPHABET:
            bits = bits << 6 | _VALUES[byte]
        else:
            shown = data[place:].decode(errors="ignore")[:1]
            raise invalid_parameter(f'invalid symbol "{shown}" found while decoding base64 sequence')
        count += 1
        if count == 4:
            group = bits.to_bytes(3)
            out += group if not ends else group[:1] if ends == 1 else group[:2]
            bits = count = 0
    if count:
        error = invalid_parameter("invalid base64 end sequence")
        error.hint = "Input data is missing padding, is truncated, or is otherwise corrupted."
        raise error
    return bytes(out)


_VALUES = {
    byte: value for value, byte in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}


def _from_hex(text: str) -> bytes:
    return BYTEA.input("\\x" + text)


_ESCAPES = re.compile(rb"\\(?:\\|([0-3][0-7][0-7]))?")


def _from_escape(text: str) -> bytes:
    def unescape(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 8)])
        if len(match[0]) == 2:
            return b"\\"
        raise SqlError("22P02", "invalid input syntax for type bytea")

    return _ESCAPES.sub(unescape, text.encode())


_DECODERS: dict[str, Callable[[str], bytes]] = {"hex": _from_hex, "base64": _from_base64, "escape": _from_escape}


@scalar("encode(bytea,text)")
def _encode(data: bytes, name: str) -> str:
    encoder = _ENCODERS.get(name.lower())
    if encoder is None:
        raise invalid_parameter(f'unrecognized encoding: "{name}"')
    return encoder(data)


@scalar("decode(text,text)")
def _decode(text: str, name: str) -> bytes:
    decoder = _DECODERS.get(name.lower())
    if decoder is None:
        raise invalid_parameter(f'unrecognized encoding: "{name}"')
    return decoder(text)


@scalar("md5(text)")
def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@scalar("md5(bytea)")
def _md5_bytes(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _hash(name: str) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.new(name, data).digest()


for _name in ("sha224", "sha256", "sha384", "sha512"):
    scalar(f"{_name}(bytea)")(_hash(_name))


def _encoding(name: str, kind: str) -> tuple[str, str]:
    found = find_encoding(name)
    if found is None:
        raise invalid_parameter(f'invalid {kind} encoding name "{name}"')
    return found


def _shown(data: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in data)


def _decoded(data: bytes, name: str, python: str) -> str:
    if name == "UTF8":
        return decode_utf8(data)
    if name == "SQL_ASCII":
        raise SqlError("0A000", "conversion of SQL_ASCII to UTF8 is not supported")
    try:
        text = data.decode(python)
    except UnicodeDecodeError as error:
        raise SqlError(
            "22021", f'invalid byte sequence for encoding "{name}": {_shown(data[error.start : error.end])}'
        ) from None
    if "\0" in text:
        raise SqlError("22021", f'invalid byte sequence for encoding "{name}": 0x00')
    return text


def _encoded(text: str, name: str, python: str) -> bytes:
    try:
        return text.encode(python)
    except UnicodeEncodeError as error:
        sequence = _shown(text[error.start].encode())
        raise SqlError(
            "22P05",
            f'character with byte sequence {sequence} in encoding "UTF8" has no equivalent in encoding "{name}"',
        ) from None


@scalar("convert_from(bytea,name)")
def _convert_from(data: bytes, name: str) -> str:
    return _decoded(data, *_encoding(name, "source"))


@scalar("convert_to(text,name)")
def _convert_to(text: str, name: str) -> bytes:
    return _encoded(text, *_encoding(name, "destination"))


@scalar("convert(bytea,name,name)")
def _convert(data: bytes, source: str, target: str) -> bytes:
    before, behind = _encoding(source, "source"), _encoding(target, "destination")
    return _encoded(_decoded(data, *before), *behind)


@scalar("length(bytea,name)")
def _length(data: bytes, name: str) -> int:
    found = find_encoding(name)
    if found is None:
        raise invalid_parameter(f'invalid encoding name "{name}"')
    return len(_decoded(data, *found))


@scalar("to_ascii(text)", "to_ascii(text,name)", "to_ascii(text,integer)")
def _to_ascii(text: str, encoding: str | int = "UTF8") -> str:
    """PostgreSQL reads the bytes of the text as if they were of one of four encodings, none of which is that of a
    database here."""
    if isinstance(encoding, int):
        if not 0 <= encoding < len(ENCODINGS):
            raise SqlError("42704", f"{encoding} is not a valid encoding code")
        name = ENCODINGS[encoding][0]
    else:
        found = find_encoding(encoding)
        if found is None:
            raise SqlError("42704", f"{encoding} is not a valid encoding name")
        name = found[0]
    raise SqlError("0A000", f"encoding conversion from {name} to ASCII not supported")


@scalar("pg_encoding_to_char(integer)")
def _encoding_name(number: int) -> str:
    return ENCODINGS[number][0] if 0 <= number < len(ENCODINGS) else ""


@scalar("pg_encoding_max_length(integer)")
def _encoding_length(number: int) -> int | None:
    return ENCODINGS[number][1] if 0 <= number < len(ENCODINGS) else None


@scalar("pg_char_to_encoding(name)")
def _encoding_number(name: str) -> int:
    wanted = "".join(each for each in name.lower() if each.isalnum())
    found = find_encoding(name)
    for number, (known, _) in enumerate(ENCODINGS):
        if known.lower().replace("_", "") == wanted or (found is not None and found[0] == known):
            return number
    return -1


_UNICODE = re.compile(r"\\(?:(\\)|\+([0-9A-Fa-f]{6})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-9A-Fa-f]{4}))?")


@scalar("unistr(text)")
def _unistr(text: str) -> str:
    parts: list[str] = []
    position = high = 0
    for match in _UNICODE.finditer(text):
        before = text[position : match.start()]
        if high and (before or match[1]):
            raise SqlError("42601", "invalid Unicode surrogate pair")
        parts.append(before)
        position = match.end()
        if match[1]:
            parts.append("\\")
            continue
        digits = match[2] or match[3] or match[4] or match[5]
        if digits is None:
            hint = "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX."
            raise SqlError("42601", "invalid Unicode escape", hint=hint)
        code = int(digits, 16)
        if not 0 < code <= 0x10FFFF:
            raise invalid_parameter(f"invalid Unicode code point: {code:04X}")
        if high:
            if not 0xDC00 <= code < 0xE000:
                raise SqlError("42601", "invalid Unicode surrogate pair")
            code, high = 0x10000 + (high - 0xD800 << 10) + code - 0xDC00, 0
        elif 0xDC00 <= code < 0xE000:
            raise SqlError("42601", "invalid Unicode surrogate pair")
        elif 0xD800 <= code < 0xDC00:
            high = code
            continue
        parts.append(chr(code))
    if high:
        raise SqlError("42601", "invalid Unicode surrogate pair")
    parts.append(text[position:])
    return "".join(parts)
