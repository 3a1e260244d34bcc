"""Replies of the mail server: the `Reply` type and every reply that the server says of its own, by name.

Pure values, no I/O. The codec raises them (inside `codec.CommandError`), the session sends them, policies and the
worker return them. A text tells the remedy where there is one. No bytes of the peer ever reach a reply unescaped.

Sources: RFC 5321 §4.2 (codes), RFC 2034 and RFC 3463 (enhanced status codes), RFC 4954 §6, RFC 3207 §4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

__all__ = ["MAX_REPLY_LINE", "Reply", "escape"]

MAX_REPLY_LINE = 512  # RFC 5321 §4.5.3.1.5, includes CRLF


def escape(value: str | bytes, limit: int = 128) -> str:
    """What a peer sent, made safe for a reply or a log line: printable ASCII, at most about `limit` characters.

    Args:
        value: text or bytes from the peer.
        limit: characters of `value` that are kept; the rest becomes ``...``.
    """
    cut = value[: limit + 1]
    text = cut.decode("latin-1") if isinstance(cut, bytes) else cut
    more = len(text) > limit
    text = text[:limit]
    if not (text.isascii() and text.isprintable()) or "\\" in text:
        text = text.encode("unicode_escape", "backslashreplace").decode("ascii")
    return text + "..." if more else text


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, of one or more lines.

    Raises:
        ValueError: the code is not one of RFC 5321 §4.2.1.
    """

    code: int
    """Three digits, RFC 5321 §4.2."""
    enhanced: str
    """Enhanced status code without the code (``2.1.0``), "" where RFC 2034 wants none (greeting, EHLO, 3xx)."""
    text: str
    """For people; ``\\n`` separates lines. Anything that is not printable ASCII is escaped on the wire."""
    close: bool = False
    """Whether the session ends after this reply."""
    wire: bytes = field(init=False, repr=False, compare=False)
    """The reply as it is sent, CRLF included."""

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599:
            raise ValueError(f"{self.code} is not a reply code")
        prefix = f"{self.enhanced} " if self.enhanced else ""
        room = MAX_REPLY_LINE - 6 - len(prefix)
        lines: list[str] = []
        for line in self.text.split("\n"):
            if not (line.isascii() and line.isprintable()):
                line = escape(line, 4 * MAX_REPLY_LINE)
            lines.append(line[:room])
            lines.extend(line[start : start + room] for start in range(room, len(line), room))
        last = len(lines) - 1
        wire = "".join(
            f"{self.code}{' ' if number == last else '-'}{prefix}{line}\r\n" for number, line in enumerate(lines)
        )
        object.__setattr__(self, "wire", wire.encode("ascii"))

    @property
    def positive(self) -> bool:
        """Whether this is a 2xx or 3xx reply."""
        return self.code < 400

    def closing(self) -> Reply:
        """The same reply, ending the session."""
        return self if self.close else Reply(self.code, self.enhanced, self.text, True)

    def __str__(self) -> str:
        return self.wire.decode("ascii").rstrip()


# 2xx
OK = Reply(250, "2.0.0", "Ok")
RESET = Reply(250, "2.0.0", "Ok, transaction forgotten")
BYE = Reply(221, "2.0.0", "Bye", close=True)
SENDER_OK = Reply(250, "2.1.0", "Sender ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient ok")
START_TLS = Reply(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication successful")
CANNOT_VERIFY = Reply(252, "2.0.0", "Addresses are not verified here; send mail and it will be tried")

# 3xx
GO_AHEAD = Reply(354, "", "End data with <CR><LF>.<CR><LF>")

# 4xx
TIMEOUT = Reply(421, "4.4.2", "Timeout, closing the connection", close=True)
SHUTTING_DOWN = Reply(421, "4.3.2", "The service is shutting down, try again later", close=True)
INTERNAL_ERROR = Reply(421, "4.3.0", "Internal error, closing the connection", close=True)
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing the connection", close=True)
TOO_MANY_GUESSES = Reply(421, "4.7.0", "Too many failed authentications, closing the connection", close=True)
TOO_MANY_MESSAGES = Reply(421, "4.7.0", "Too many messages in one session, connect again", close=True)
TOO_MUCH_PIPELINED = Reply(421, "4.7.0", "Too much input before the reply was sent", close=True)
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections, try again later", close=True)
TRY_AGAIN = Reply(451, "4.3.0", "The message was not taken because of a local error, try again later")
MAILBOX_FULL = Reply(452, "4.2.2", "The mailbox is full, try again later")
NO_SPACE = Reply(452, "4.3.1", "Insufficient system storage, try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the message again for the others")
AUTH_UNAVAILABLE = Reply(454, "4.7.0", "Temporary authentication failure, try again later")
TLS_UNAVAILABLE = Reply(454, "4.7.0", "TLS is not available due to a temporary reason")

# 5xx, syntax
NOT_RECOGNIZED = Reply(500, "5.5.2", "Command not recognized, try HELP")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
AUTH_LINE_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")  # RFC 4954 §4
BARE_NEWLINE = Reply(500, "5.5.2", "A command line ends with CR LF; bare CR or LF is refused and the transaction reset")
CONTROL_CHARACTER = Reply(500, "5.5.2", "Control characters are not allowed in a command")
NOT_ASCII = Reply(500, "5.5.2", "Only ASCII is allowed here")
NOT_UTF8 = Reply(500, "5.5.2", "The line is neither ASCII nor valid UTF-8")
NOT_LMTP = Reply(500, "5.5.1", "This is SMTP: say EHLO, not LHLO")
NOT_SMTP = Reply(500, "5.5.1", "This is LMTP: say LHLO")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
BAD_HELLO = Reply(501, "5.5.4", "Syntax: EHLO domain or [address]")
BAD_MAIL = Reply(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
BAD_RCPT = Reply(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
BAD_BDAT = Reply(501, "5.5.4", "Syntax: BDAT size [LAST]; the end of the chunk is unknown, closing", close=True)
BAD_VRFY = Reply(501, "5.5.4", "Syntax: VRFY address")
BAD_AUTH = Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
BAD_BASE64 = Reply(501, "5.5.2", "Cannot decode the BASE64 text")
BAD_RESPONSE = Reply(501, "5.5.2", "Cannot understand the authentication response")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
SPACE_AFTER_COLON = Reply(501, "5.5.4", "No space is allowed after the colon, RFC 5321 section 3.3")
BRACKETS_MISSING = Reply(501, "5.5.4", "The address must be in angle brackets: <user@example.org>")

# 5xx, sequence and support
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
NO_STARTTLS = Reply(502, "5.5.1", "STARTTLS is not offered here; the server needs a certificate (or --tls auto)")
NO_AUTH = Reply(502, "5.5.1", "AUTH is not offered here")
HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "RCPT first")
NESTED_MAIL = Reply(503, "5.5.1", "A transaction is open already; RSET to begin another")
NOT_IN_TRANSACTION = Reply(503, "5.5.1", "Not allowed within a mail transaction")
IN_CHUNKS = Reply(503, "5.5.1", "The message is being sent with BDAT; go on with BDAT, or RSET")
IN_CHUNKS_FAILED = Reply(503, "5.5.1", "An earlier chunk of this message was refused; RSET to begin another")
BINARY_NEEDS_BDAT = Reply(503, "5.5.1", "BODY=BINARYMIME needs BDAT, not DATA")
ALREADY_TLS = Reply(503, "5.5.1", "TLS is in use already")
ALREADY_AUTHENTICATED = Reply(503, "5.5.1", "Authenticated already")
AUTH_NEEDS_EHLO = Reply(503, "5.5.1", "AUTH needs EHLO first")
UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Unknown authentication mechanism")
AUTH_REQUIRED = Reply(530, "5.7.0", "Authentication required")
TLS_REQUIRED = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
BAD_CREDENTIALS = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for authentication: use STARTTLS or the TLS port")

# 5xx, addresses, parameters and content
BAD_SENDER = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply(501, "5.1.3", "Bad recipient address syntax")
SENDER_NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "An address with non-ASCII characters needs the SMTPUTF8 parameter of MAIL")
NULL_RECIPIENT = Reply(501, "5.1.3", "The null address is no recipient")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognized")
PARAMETERS_NEED_EHLO = Reply(555, "5.5.4", "Parameters need EHLO")
REPEATED_PARAMETER = Reply(501, "5.5.4", "Parameter given twice")
BAD_PARAMETER = Reply(501, "5.5.4", "Bad value of a parameter")
TOO_LARGE = Reply(552, "5.3.4", "The message exceeds the size limit")
BARE_NEWLINE_IN_DATA = Reply(
    550, "5.6.11", "The message has bare CR or LF; lines end with CR LF (curl: add --crlf). Nothing was stored"
)
MAIL_LOOP = Reply(554, "5.4.6", "Too many hops: the message has too many Received fields, this is a mail loop")
TOO_MANY_HEADERS = Reply(554, "5.6.0", "The message has too many header lines")
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
EARLY_TALKER = Reply(554, "5.5.1", "Wait for the greeting before you talk", close=True)
WRONG_PROTOCOL = Reply(554, "5.5.1", "This is a mail server, not a web server", close=True)
TLS_ON_PLAIN_PORT = Reply(554, "5.5.1", "This port starts without TLS: use STARTTLS, or the TLS port", close=True)
INJECTION = Reply(554, "5.7.0", "Bytes behind STARTTLS: plaintext injection refused", close=True)
BODY_BEFORE_REPLY = Reply(554, "5.5.1", "The message was sent before DATA was accepted, closing", close=True)
NO_SUCH_USER = Reply(550, "5.1.1", "No such mailbox here")
RELAY_DENIED = Reply(550, "5.7.1", "Relaying denied: this server takes no mail for that domain")


@lru_cache(maxsize=64)
def greeting(hostname: str, software: str = "", lmtp: bool = False) -> Reply:
    """The greeting, RFC 5321 §4.2 and §4.3.1."""
    return Reply(220, "", " ".join(word for word in (hostname, "LMTP" if lmtp else "ESMTP", software) if word))


def hello(hostname: str, extensions: tuple[str, ...] = ()) -> Reply:
    """The answer to EHLO and LHLO (with extensions) or HELO (without), RFC 5321 §4.1.1.1."""
    return Reply(250, "", "\n".join((hostname, *extensions)))


def queued(queue_id: str) -> Reply:
    """A message was taken over; `queue_id` is ours."""
    return Reply(250, "2.0.0", f"Ok: queued as {queue_id}")


def chunk_ok(octets: int) -> Reply:
    """A chunk that was not the last came whole, RFC 3030 §2."""
    return Reply(250, "2.0.0", f"{octets} octets received")


@lru_cache(maxsize=64)
def too_large(limit: int) -> Reply:
    """The message is larger than `limit` bytes, RFC 1870 §6."""
    return Reply(552, "5.3.4", f"The message exceeds the size limit of {limit} bytes")


@lru_cache(maxsize=64)
def bad_parameter(keyword: str) -> Reply:
    """`keyword` is a keyword that this server knows; its value is wrong."""
    return Reply(501, "5.5.4", f"Bad value of {keyword}")


def recipient_accepted(address: str) -> Reply:
    """LMTP: one recipient's copy was taken, RFC 2033 §4.2. `address` is escaped."""
    return Reply(250, "2.1.5", f"<{escape(address, 320)}> delivered")
