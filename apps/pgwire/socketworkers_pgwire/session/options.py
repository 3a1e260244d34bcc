"""The ``options`` of a startup packet: switches of the server's command line. Pure.

"Start-up" of "Message Flow", and ``options`` of libpq in the PostgreSQL documentation: blanks separate, a backslash
keeps the character behind it. ``-c name=value`` and ``--name=value`` are known.
"""

from __future__ import annotations

from .errors import SqlError, fatal

__all__ = ["parse_options"]

_BLANKS = frozenset(" \t\n\r\f\v")


def _split(text: str) -> list[str]:
    words: list[str] = []
    word: list[str] | None = None
    characters = iter(text)
    for character in characters:
        if character in _BLANKS:
            if word is not None:
                words.append("".join(word))
                word = None
            continue
        if word is None:
            word = []
        if character == "\\":
            character = next(characters, "")
        word.append(character)
    if word is not None:
        words.append("".join(word))
    return words


def parse_options(text: str) -> list[tuple[str, str]]:
    """Settings in the order in which they stand.

    Raises:
        SqlError: FATAL 42601, a switch that is not known.
    """
    settings: list[tuple[str, str]] = []
    words = iter(_split(text))
    for word in words:
        setting = word[2:] if word.startswith(("--", "-c")) else ""
        if word == "-c":
            setting = next(words, "")
            word = f"-c {setting}".rstrip()
        if not setting:
            raise SqlError.of(fatal("42601", f"invalid command-line argument for server process: {word}"))
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise SqlError.of(fatal("42601", f"{word} requires a value"))
        settings.append((name.replace("-", "_"), value))
    return settings
