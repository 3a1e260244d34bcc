"""The bytes of SMTP and LMTP: command lines, paths, parameters, the message behind DATA. Sans-IO and without state.

Imports nothing of the runtime but its errors; the parsers raise `CommandError` and nothing else.
"""

from __future__ import annotations

from .address import NULL, Address, parse_address, parse_path
from .command import (
    HTTP_VERBS,
    MAX_AUTH_LINE,
    MAX_LINE,
    Bdat,
    Command,
    Mail,
    Rcpt,
    parse_auth,
    parse_bdat,
    parse_hello,
    parse_line,
    parse_mail,
    parse_rcpt,
)
from .data import DataReader
from .errors import CommandError
from .header import HeaderScan
from .params import MailParameters, OriginalRecipient, RcptParameters
from .xtext import decode_xtext, encode_xtext

__all__ = [
    "HTTP_VERBS",
    "MAX_AUTH_LINE",
    "MAX_LINE",
    "NULL",
    "Address",
    "Bdat",
    "Command",
    "CommandError",
    "DataReader",
    "HeaderScan",
    "Mail",
    "MailParameters",
    "OriginalRecipient",
    "Rcpt",
    "RcptParameters",
    "decode_xtext",
    "encode_xtext",
    "parse_address",
    "parse_auth",
    "parse_bdat",
    "parse_hello",
    "parse_line",
    "parse_mail",
    "parse_path",
    "parse_rcpt",
]
