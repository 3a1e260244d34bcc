"""Client encodings: PostgreSQL's names ("Character Set Support" of its documentation) and Python's. Pure.

Inside of the server all text is UTF-8. Encodings that Python does not have are not offered.
"""

from __future__ import annotations

from typing import Final

from .errors import SqlError, error

__all__ = ["SERVER_ENCODING", "decode_text", "encode_text", "find_encoding", "known_encoding"]

SERVER_ENCODING: Final = "utf-8"

_ENCODINGS: Final = {
    "UTF8": "utf-8",
    "SQL_ASCII": "utf-8",  # says nothing about bytes above 127: here they are what they are in the server
    "LATIN1": "latin-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "WIN866": "cp866",
    "WIN874": "cp874",
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
    "WIN1253": "cp1253",
    "WIN1254": "cp1254",
    "WIN1255": "cp1255",
    "WIN1256": "cp1256",
    "WIN1257": "cp1257",
    "WIN1258": "cp1258",
    "BIG5": "big5",
    "EUC_CN": "gb2312",
    "EUC_JP": "euc-jp",
    "EUC_KR": "euc-kr",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "JOHAB": "johab",
    "SJIS": "cp932",
    "UHC": "cp949",
}
_ALIASES: Final = {"UNICODE": "UTF8", "ABC": "WIN1258", "ALT": "WIN866", "KOI8": "KOI8R", "MSKANJI": "SJIS"}


def _folded(name: str) -> str:
    return "".join(character for character in name.upper() if character.isalnum())


_FOLDED: Final = (
    {_folded(name): name for name in _ENCODINGS}
    | _ALIASES
    | {f"ISO8859{number}": f"LATIN{latin}" for number, latin in ((1, 1), (2, 2), (3, 3), (4, 4), (9, 5), (15, 9))}
)


def find_encoding(name: str) -> tuple[str, str] | None:
    """PostgreSQL's and Python's name of an encoding; None when it is not known.

    Case and all but letters and digits do not count.
    """
    found = _FOLDED.get(_folded(name))
    return None if found is None else (found, _ENCODINGS[found])


def known_encoding(name: str) -> str:
    """Python's name of an encoding.

    Raises:
        SqlError: 22023, it is not known.
    """
    found = find_encoding(name)
    if found is None:
        raise error("22023", f'invalid value for parameter "client_encoding": "{name}"')
    return found[1]


def decode_text(data: bytes, encoding: str) -> str:
    """Text of a client.

    Args:
        data: its bytes.
        encoding: Python's name of its encoding.

    Raises:
        SqlError: 22021, bytes that are not of the encoding.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as wrong:
        raise _not_of(data, encoding, wrong.start) from None


def encode_text(data: bytes, encoding: str) -> bytes:
    """Text for a client.

    Args:
        data: the text in UTF-8.
        encoding: Python's name of the client's encoding.

    Raises:
        SqlError: 22P05, a character that the encoding does not have.
    """
    if data.isascii():
        return data
    text = data.decode()
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as wrong:
        shown = " ".join(f"0x{byte:02x}" for byte in text[wrong.start].encode())
        message = f'character with byte sequence {shown} in encoding "UTF8" has no equivalent in encoding'
        raise error("22P05", f'{message} "{_name_of(encoding)}"') from None


def _name_of(encoding: str) -> str:
    return next(name for name, codec in _ENCODINGS.items() if codec == encoding)


def _not_of(data: bytes, encoding: str, start: int) -> SqlError:
    length = 2
    if encoding == SERVER_ENCODING:
        lead = data[start]
        length = 4 if lead & 0xF8 == 0xF0 else 3 if lead & 0xF0 == 0xE0 else 2 if lead & 0xE0 == 0xC0 else 1
    shown = " ".join(f"0x{byte:02x}" for byte in data[start : start + length])
    return error("22021", f'invalid byte sequence for encoding "{_name_of(encoding)}": {shown}')
