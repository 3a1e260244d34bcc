"""Messages that clients tend to break: dots, eight bits, long lines, no line end at the end."""

from __future__ import annotations

__all__ = ["EIGHT_BIT", "LARGE", "PLAIN", "UTF8_HEADER"]

_HEAD = b"Subject: interop\r\nFrom: <a@example.org>\r\nMessage-ID: <1@example.org>\r\n"

#: ASCII; lines that begin with dots, a line of one dot, a line of 998 characters, empty lines at the end
PLAIN = (
    _HEAD
    + b"\r\n.\r\n..\r\n.leading\r\ntext\r\n\r\n. \r\n"
    + b"x" * 998
    + b"\r\nFrom the start of a line\r\n\ttab  spaces at the end  \r\n\r\n\r\n"
)
#: every byte value from 1 to 255 but CR and LF
EIGHT_BIT = (
    _HEAD
    + b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + bytes(value for value in range(1, 256) if value not in (10, 13))
    + b"\r\n.\r\n"
)
#: UTF-8 in the header, which needs SMTPUTF8
UTF8_HEADER = "Subject: Grüße 🙂\r\nFrom: <jürgen@example.org>\r\n\r\nüber alles\r\n".encode()
#: more than the server keeps in memory: it comes through a file
LARGE = _HEAD + b"\r\n" + b"".join(b".%07d %s\r\n" % (number, b"y" * 60) for number in range(20_000))
