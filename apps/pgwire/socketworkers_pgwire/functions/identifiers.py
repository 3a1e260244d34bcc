"""parse_ident(), and names with numbers: PostgreSQL 15 documentation §9.4."""

from __future__ import annotations

from ..types.errors import SqlError, invalid_parameter
from ..types.text import MAX_NAME
from .registry import scalar
from .strings import array_of_texts

__all__: list[str] = []

_SPACES = " \t\n\v\f\r"


def _not_valid(text: str, detail: str | None = None) -> SqlError:
    error = invalid_parameter(f'string is not a valid identifier: "{text}"')
    error.detail = detail
    return error


def _starts(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalpha()) or character >= "\x80"


@scalar("parse_ident(text,boolean)")
def _parse_ident(text: str, strict: int) -> str:
    parts: list[str] = []
    position, length = 0, len(text)

    def skip() -> None:
        nonlocal position
        while position < length and text[position] in _SPACES:
            position += 1

    skip()
    after_dot = False
    while True:
        if position < length and text[position] == '"':
            start = position + 1
            end = text.find('"', start)
            while end >= 0 and text[end + 1 : end + 2] == '"':
                end = text.find('"', end + 2)
            if end < 0:
                raise _not_valid(text, "String has unclosed double quotes.")
            part = text[start:end].replace('""', '"')
            if not part:
                raise _not_valid(text, "Quoted identifier must not be empty.")
            position = end + 1
        elif position < length and _starts(text[position]):
            start = position
            while position < length and (_starts(text[position]) or text[position] in "0123456789$"):
                position += 1
            part = text[start:position]
            part = "".join(each.lower() if each.isascii() else each for each in part)
        else:
            if position < length and text[position] == ".":
                raise _not_valid(text, 'No valid identifier before ".".')
            raise _not_valid(text, 'No valid identifier after ".".' if after_dot else None)
        parts.append(part)
        skip()
        if position < length and text[position] == ".":
            after_dot = True
            position += 1
            skip()
        elif position == length:
            break
        elif strict:
            raise _not_valid(text)
        else:
            break
    return array_of_texts(parts)


@scalar("nameconcatoid(name,oid)")
def _name_with_oid(name: str, oid: int) -> str:
    suffix = f"_{oid}"
    data = name.encode()
    if len(data) + len(suffix) <= MAX_NAME:
        return name + suffix
    return data[: MAX_NAME - len(suffix)].decode(errors="ignore") + suffix
