"""Writes the corpora of the mail server's fuzz tests: ``python -m tests.fuzz.make_corpus``.

Every transcript, every known attack on a mail server, and the grammar's corners. The result is in the repository, so
that an input that once found something stays: add it to `FOUND_*` below.
"""

from __future__ import annotations

import base64
from pathlib import Path

from tests.fuzz.mutation import write_corpus

from socketworkers.testing.transcript import Send, parse_transcript

HERE = Path(__file__).parent / "corpus"
TRANSCRIPTS = Path(__file__).parent.parent / "smtp" / "transcripts"

FOUND_SMTP: list[bytes] = [
    b"\x16\x03\x01\n",  # once answered in another way when its bytes came one by one
]
FOUND_POP3: list[bytes] = []

HELLO = b"EHLO c\r\n"
SENDER = HELLO + b"MAIL FROM:<a@b>\r\n"
READY = SENDER + b"RCPT TO:<c@d>\r\n"
DATA = READY + b"DATA\r\n"

PATHS = [
    b"<>", b"<a@b>", b"<a.b@c.d>", b"<@x:a@b>", b"<@x,@y:a@b>", b'<"a b"@c>', b'<"\\"\\\\"@c>', b"<a@[1.2.3.4]>",
    b"<a@[IPv6:::1]>", b"<a@[IPv6:fe80::1%0]>", b"<a@[x:y]>", b"<postmaster>", b"<Postmaster@b>", b"<a>", b"<@b>",
    b"<a@>", b"<.a@b>", b"<a.@b>", b"<a..b@c>", b"<a@b@c>", b"<a b@c>", b"a@b", b"<a@b", b"<a@-b>", b"<a@b->",
    b"<a@b..c>", b"<\xc3\xa9@b>", b"<a@\xc3\xa9>", b"<\xff@b>", b"<a@b\n>", b"<a@b\r>", b"<a@b\0>", b'<"a@b>',
    b'<""@b>', b"<a@[300.1.1.1]>", b"<a@[]>", b" <a@b>", b"<a@b>>", b"<<a@b>>", b"<%s@b>" % (b"a" * 64),
    b"<%s@b>" % (b"a" * 65), b"<a@%s>" % (b"b" * 63), b"<a@%s>" % (b"b" * 64), b"<a@xn--bcher-kva>",
    b"<!#$%&'*+@b>",
]  # fmt: skip
MAIL_PARAMETERS = [
    b"SIZE=0", b"SIZE=1", b"SIZE=99999999999999999999", b"SIZE=999999999999999999999", b"SIZE=", b"SIZE",
    b"SIZE=-1", b"BODY=7BIT", b"BODY=8BITMIME", b"BODY=BINARYMIME", b"BODY=x", b"BODY", b"SMTPUTF8", b"SMTPUTF8=1",
    b"RET=FULL", b"RET=HDRS", b"RET=", b"ENVID=x", b"ENVID=+41", b"ENVID=+0A", b"ENVID=+4", b"AUTH=<>",
    b"AUTH=a+40b", b"AUTH=", b"AUTH=a@b", b"X=Y", b"=Y", b"X==", b"SIZE=1 SIZE=1",
    b"BODY=8BITMIME SIZE=9 SMTPUTF8 RET=FULL ENVID=q AUTH=<>",
]  # fmt: skip
RCPT_PARAMETERS = [
    b"NOTIFY=NEVER", b"NOTIFY=SUCCESS,FAILURE,DELAY", b"NOTIFY=NEVER,DELAY", b"NOTIFY=", b"NOTIFY",
    b"NOTIFY=DELAY,DELAY", b"ORCPT=rfc822;a@b", b"ORCPT=rfc822;+0A", b"ORCPT=;", b"ORCPT=x",
    b"ORCPT=utf-8;\\x{FC}@b", b"ORCPT=utf-8;\\x{D800}", b"ORCPT=utf-8;\\x{FFFFFF}", b"ORCPT=utf-8;\xc3\xa9", b"X",
]  # fmt: skip
FALSE_ENDS = [
    b"\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\r", b"\r.\r\n", b"\r.\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n",
    b"\r\n.\0\r\n", b"\r\n.\r\0\n", b"\r\0\n.\r\n", b"\r\r\n.\n", b"\n\n.\r\n", b"\n\r.\r\n", b"\r\n.\n\n",
    b"\r\n.\r\r\n", b"\r\n .\r\n", b"\r\n. \r\n", b"\n\n.\n\n", b"\r\r.\r\r", b"\r\n..\r\n", b"\r\n.", b"\r\n",
    b"\r", b"\n", b".", b"..", b"\r\n.\r\n.\r\n", b"\r\n...\r\n",
]  # fmt: skip
CHUNKS = [
    b"BDAT 0\r\n", b"BDAT 0 LAST\r\n", b"BDAT 3\r\nabc", b"BDAT 3 LAST\r\nabc", b"BDAT 3\r\nabcBDAT 3 LAST\r\ndef",
    b"BDAT 99 LAST\r\nshort", b"BDAT\r\n", b"BDAT x\r\n", b"BDAT -1\r\n", b"BDAT 1 2\r\n", b"BDAT 3 LAST x\r\nabc",
    b"BDAT 99999999999999999999\r\n", b"BDAT 999999999999999999999\r\n", b"BDAT 6 LAST\r\nQUIT\r\n",
    b"BDAT 3\r\nabcDATA\r\n", b"BDAT 3\r\nabcRSET\r\nBDAT 3 LAST\r\nabc", b"BDAT 3\r\nabcMAIL FROM:<x@y>\r\n",
    b"BDAT 3\r\nabcRCPT TO:<x@y>\r\n", b"BDAT 3\r\nabcEHLO x\r\n", b"BDAT 3\r\nabcQUIT\r\n", b"bdat 1 last\r\n\n",
]  # fmt: skip
COMMANDS = [
    b"EHLO", b"EHLO a", b"EHLO [1.2.3.4]", b"EHLO a b", b"EHLO \xff", b"HELO a", b"LHLO a", b"MAIL", b"MAIL FROM:",
    b"RCPT", b"RCPT TO:", b"DATA", b"DATA x", b"RSET", b"RSET x", b"NOOP", b"NOOP x", b"HELP", b"HELP x", b"VRFY",
    b"VRFY a", b"VRFY \xc3\xa9", b"EXPN a", b"QUIT", b"QUIT x", b"STARTTLS", b"STARTTLS x", b"AUTH", b"TURN",
    b"SEND", b"ETRN a", b"XCLIENT a=b", b"GET / HTTP/1.1", b"POST / HTTP/1.1", b"\x16\x03\x01", b"", b" ", b"\t",
    b"\0", b"\r", b"N", b"NOOP\t", b"noop ", b"NO\0OP", b"NOOP\r", b"\xff\xfe", b"\xe2\x80\xa8", b"x" * 250, b"*",
]  # fmt: skip
RESPONSES = [
    b"AGFsaWNlAHNlY3JldA==", b"AGFsaWNlAHdyb25n", b"=", b"*", b"!", b"A", b"AAAA", b"YWxpY2U=", b"c2VjcmV0", b"",
    base64.b64encode(b"n,,n=alice,r=abc"), base64.b64encode(b"c=biws,r=abcnonce,p=" + b"A" * 43 + b"="),
    base64.b64encode(b"y,,n=alice,r=abc"), base64.b64encode(b"p=tls-unique,,n=a,r=b"),
    base64.b64encode(b"\xff\0\0"), base64.b64encode(b"other\0alice\0secret"), base64.b64encode(b"\0\0"),
    b"QQ==" * 40,
]  # fmt: skip
POP3_COMMANDS = [
    b"USER alice", b"USER", b"PASS secret", b"PASS", b"PASS wrong", b"AUTH", b"AUTH PLAIN", b"AUTH PLAIN =",
    b"AUTH X", b"AUTH PLAIN AGFsaWNlAHNlY3JldA==", b"AUTH LOGIN", b"AUTH SCRAM-SHA-256", b"*", b"CAPA", b"STLS",
    b"STAT", b"LIST", b"LIST 1", b"LIST 9", b"LIST x", b"LIST -1", b"UIDL", b"UIDL 1", b"UIDL 0", b"RETR 1",
    b"RETR 2", b"RETR", b"RETR x", b"TOP 1 0", b"TOP 1 1", b"TOP 1", b"TOP", b"TOP 2 999999999",
    b"TOP 2 9999999999", b"DELE 1", b"DELE 1", b"DELE 7", b"RSET", b"NOOP", b"QUIT", b"APOP a b", b"LAST", b"",
    b" ", b"\0", b"\xff", b"\xc3\xa9", b"x" * 300, b"GET / HTTP/1.1", b"NOOP\r", b"noop", b"PASS  x ",
]  # fmt: skip
LOGIN = b"USER alice\r\nPASS secret\r\n"


def smtp() -> list[bytes]:
    """Inputs for the mail session, from the first byte behind the greeting."""
    inputs = list(FOUND_SMTP)
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        steps = parse_transcript(path.read_text(encoding="utf-8"), path.name)
        inputs.append(b"".join(step.data for step in steps if isinstance(step, Send))[:1000])
    inputs += [HELLO + b"MAIL FROM:" + path + b"\r\nRSET\r\n" for path in PATHS]
    inputs += [SENDER + b"RCPT TO:" + path + b"\r\nDATA\r\n.\r\n" for path in PATHS]
    inputs += [HELLO + b"MAIL FROM:<\xc3\xa9@b> SMTPUTF8\r\nRCPT TO:" + path + b"\r\n" for path in PATHS]
    inputs += [HELLO + b"MAIL FROM:<a@b> " + words + b"\r\nRCPT TO:<c@d>\r\n" for words in MAIL_PARAMETERS]
    inputs += [SENDER + b"RCPT TO:<a@b> " + words + b"\r\nNOOP\r\n" for words in RCPT_PARAMETERS]
    hidden = b"MAIL FROM:<s@m>\r\nRCPT TO:<v@m>\r\nDATA\r\nx\r\n.\r\n"
    inputs += [DATA + b"a" + end + hidden + b".\r\nQUIT\r\n" for end in FALSE_ENDS]
    inputs += [DATA + end + b"\r\n.\r\nNOOP\r\n" for end in FALSE_ENDS]
    inputs += [DATA + b"x" * 90 + end + b"y\r\n.\r\n" for end in FALSE_ENDS]
    inputs += [READY + chunk + b"NOOP\r\n" for chunk in CHUNKS]
    inputs += [SENDER + chunk + b"NOOP\r\n" for chunk in CHUNKS]
    inputs += [chunk + b"NOOP\r\n" for chunk in CHUNKS]
    inputs += [READY + b"BDAT 3\r\nabc" + chunk for chunk in CHUNKS]
    inputs += [command + b"\r\nNOOP\r\n" for command in COMMANDS]
    inputs += [READY + command + b"\r\nNOOP\r\n" for command in COMMANDS]
    inputs += [HELLO + command + b"\nNOOP\r\n" for command in COMMANDS]
    for mechanism in (b"PLAIN", b"LOGIN", b"SCRAM-SHA-256"):
        inputs += [HELLO + b"AUTH " + mechanism + b" " + each + b"\r\nNOOP\r\n" for each in RESPONSES]
        inputs += [HELLO + b"AUTH " + mechanism + b"\r\n" + each + b"\r\n" + each + b"\r\n*\r\n" for each in RESPONSES]
    return list(dict.fromkeys(inputs))


def pop3() -> list[bytes]:
    """Inputs for the POP3 session, from the first byte behind the greeting."""
    inputs = list(FOUND_POP3)
    for command in POP3_COMMANDS:
        inputs += [
            command + b"\r\nNOOP\r\n",
            LOGIN + command + b"\r\nNOOP\r\nQUIT\r\n",
            LOGIN + command + b"\nSTAT\r\n",
        ]
        inputs += [LOGIN + b"DELE 1\r\n" + command + b"\r\nQUIT\r\n", b"USER alice\r\n" + command + b"\r\nPASS x\r\n"]
        inputs += [LOGIN + first + b"\r\n" + command + b"\r\n" for first in (b"RETR 2", b"TOP 2 1", b"RSET", b"LIST")]
    for mechanism in (b"PLAIN", b"SCRAM-SHA-256"):
        inputs += [b"AUTH " + mechanism + b" " + each + b"\r\nSTAT\r\n" for each in RESPONSES]
        inputs += [b"AUTH " + mechanism + b"\r\n" + each + b"\r\n" + each + b"\r\n\r\nSTAT\r\n" for each in RESPONSES]
    return list(dict.fromkeys(inputs))


def main() -> None:
    """Write both files."""
    for name, inputs in (("smtp", smtp()), ("pop3", pop3())):
        folder = HERE / name
        folder.mkdir(parents=True, exist_ok=True)
        write_corpus(folder / "corpus.txt", inputs, f"{len(inputs)} inputs, written by tests/fuzz/make_corpus.py")


if __name__ == "__main__":
    main()
