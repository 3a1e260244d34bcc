"""Paths, parameters, xtext, command lines, the header scan: each rule with its section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feed import feed_all_ways

from socketworkers_smtp import replies
from socketworkers_smtp.codec import (
    NULL,
    Address,
    CommandError,
    DataReader,
    HeaderScan,
    MailParameters,
    OriginalRecipient,
    RcptParameters,
    decode_xtext,
    encode_xtext,
    parse_address,
    parse_auth,
    parse_bdat,
    parse_hello,
    parse_line,
    parse_mail,
    parse_path,
    parse_rcpt,
)
from socketworkers_smtp.replies import MAX_REPLY_LINE, Reply, escape

ALL = frozenset(("SIZE", "8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "AUTH"))


def path(text: str) -> Address:
    address, end = parse_path(text, 0, replies.BAD_RECIPIENT)
    assert end == len(text)
    return address


def refused(text: str) -> int:
    with pytest.raises(CommandError) as caught:
        _, end = parse_path(text, 0, replies.BAD_RECIPIENT)
        if end != len(text):
            raise CommandError(replies.BAD_RECIPIENT)
    assert caught.value.reply == caught.value.answer.wire
    return caught.value.answer.code


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("<a@b>", "a", "b"),
        ("<a.b-c+d@example.org>", "a.b-c+d", "example.org"),
        ('<"a b"@example.org>', "a b", "example.org"),
        ('<"a\\"b\\\\"@example.org>', 'a"b\\', "example.org"),
        ("<@x,@y.example:a@b>", "a", "b"),
        ("<a@[127.0.0.1]>", "a", "[127.0.0.1]"),
        ("<a@[IPv6:::1]>", "a", "[IPv6:::1]"),
        ("<a@[ipv6:2001:db8::192.0.2.1]>", "a", "[ipv6:2001:db8::192.0.2.1]"),
        ("<PostMaster>", "PostMaster", ""),
        ("<jürgen@bücher.example>", "jürgen", "bücher.example"),
        ('<"jür gen"@example.org>', "jür gen", "example.org"),
        ("<" + "a" * 64 + "@example.org>", "a" * 64, "example.org"),
        ("<a@" + "b" * 63 + ".example>", "a", "b" * 63 + ".example"),
        ("<😀@example.org>", "😀", "example.org"),
    ],
)
def test_paths_of_rfc_5321_4_1_2(text: str, local: str, domain: str) -> None:
    assert path(text) == Address(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "a@b",
        "<a@b",
        "<>a@b",
        "<a>",
        "<a@>",
        "<@b>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a@b@c>",
        "<a b@c>",
        "<a@b c>",
        "<a@-b>",
        "<a@b->",
        "<a@.b>",
        "<a@b.>",
        "<a@b_c>",
        '<"a@b>',
        '<""@b>',
        '<"a"b@c>',
        "<a@[256.0.0.1]>",
        "<a@[1.2.3]>",
        "<a@[01.2.3.4]>",
        "<a@[::1]>",
        "<a@[IPv6:g::1]>",
        "<a@[IPv6:fe80::1%1]>",
        "<a@[x:y]>",
        "<a@[]>",
        "<a@[127.0.0.1>",
        "<@x a@b>",
        "<@:a@b>",
        "<" + "a" * 65 + "@b>",
        "<" + "é" * 33 + "@b>",
        "<a@" + "b" * 64 + ">",
        "<a@" + "é" * 60 + ".example>",
        "<a@" + ".".join(["b" * 60] * 4) + ".bbbbbbbbbbbbb>",
        "<a\u2028b@example.org>",
        "<a\u00a0b@example.org>",
        "<a@b\u0085c>",
    ],
)
def test_paths_that_rfc_5321_4_1_2_does_not_have(text: str) -> None:
    assert refused(text) in (501, 553)


def test_path_limit_of_rfc_5321_4_5_3_1_3_is_256_octets() -> None:
    local = "a" * 60
    domain = ".".join(["b" * 47, "c" * 47, "d" * 47, "e" * 47, "f"])
    assert len(f"<{local}@{domain}>") == 256
    assert path(f"<{local}@{domain}>").local == local
    assert refused(f"<{local}@{domain}f>") == 501
    assert refused(f"<@x.example:{local}@{domain}>") == 501


def test_null_path_rfc_5321_4_5_5() -> None:
    assert path("<>") == NULL
    assert path("<>").null
    assert str(NULL) == ""


LOCALS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
DOMAINS = st.from_regex(
    r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?){0,3}", fullmatch=True
)


@given(LOCALS, DOMAINS)
def test_every_address_reads_back_as_it_was_written(local: str, domain: str) -> None:
    address = Address(local, domain)
    assert path(f"<{address}>") == address
    assert parse_address(str(address)) == address


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_xtext_round_trip_rfc_3461_4(text: str) -> None:
    encoded = encode_xtext(text)
    assert encoded.isascii()
    assert not set(encoded) & set(" =\r\n\x00")
    assert decode_xtext(encoded) == text


@pytest.mark.parametrize("text", ["a=b", "a b", "+", "+1", "+2b", "+GG", "a\r", "é", "a\n"])
def test_what_is_not_xtext(text: str) -> None:
    with pytest.raises(ValueError):
        decode_xtext(text)


def test_xtext_holds_octets_only() -> None:
    with pytest.raises(ValueError):
        encode_xtext("€")


@given(
    st.none() | st.integers(0, 10**19),
    st.sampled_from(["7BIT", "8BITMIME", "BINARYMIME"]),
    st.booleans(),
    st.sampled_from([None, "FULL", "HDRS"]),
    st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30),
    st.none() | st.just(NULL) | st.builds(Address, LOCALS, DOMAINS),
)
def test_mail_parameters_round_trip(
    size: int | None, body: str, smtputf8: bool, ret: str | None, envid: str | None, auth: Address | None
) -> None:
    text = f"FROM:<a@b> BODY={body}"
    if size is not None:
        text += f" SIZE={size}"
    if smtputf8:
        text += " SMTPUTF8"
    if ret:
        text += f" RET={ret}"
    if envid:
        text += f" ENVID={encode_xtext(envid)}"
    if auth is not None:
        text += " AUTH=<>" if auth.null else f" AUTH={encode_xtext(str(auth))}"
    assert parse_mail(text, ALL).parameters == MailParameters(size, body, smtputf8, ret, envid, auth)


@given(
    st.sampled_from([(), ("NEVER",), ("SUCCESS",), ("FAILURE", "DELAY"), ("SUCCESS", "FAILURE", "DELAY")]),
    st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40),
)
def test_rcpt_parameters_round_trip(notify: tuple[str, ...], original: str | None) -> None:
    text = "TO:<a@b>"
    if notify:
        text += f" NOTIFY={','.join(notify)}"
    if original:
        text += f" ORCPT=rfc822;{encode_xtext(original)}"
    expected = RcptParameters(notify, OriginalRecipient("rfc822", original) if original else None)
    assert parse_rcpt(text, ALL).parameters == expected


def test_orcpt_with_utf_8_in_xtext_as_postfix_relays_it() -> None:
    text = "TO:<zoë@b> ORCPT=rfc822;zo+C3+AB@b"
    assert parse_rcpt(text, ALL, smtputf8=True).parameters.orcpt == OriginalRecipient("rfc822", "zoë@b")
    for wrong, smtputf8 in (("zo+C3+AB@b", False), ("zo+C3@b", True), ("zo+C2+85@b", True), ("zo+0A@b", True)):
        with pytest.raises(CommandError):
            parse_rcpt(f"TO:<a@b> ORCPT=rfc822;{wrong}", ALL, smtputf8=smtputf8)


def test_orcpt_of_type_utf_8_rfc_6533_3() -> None:
    text = "TO:<a@b> ORCPT=utf-8;j\\x{FC}rgen\\x{2B}@example.org"
    assert parse_rcpt(text, ALL).parameters.orcpt == OriginalRecipient("utf-8", "jürgen+@example.org")
    assert parse_rcpt("TO:<a@b> ORCPT=utf-8;jürgen@b", ALL, smtputf8=True).parameters.orcpt is not None
    for wrong in ("utf-8;jürgen@b", "utf-8;a\\x{0A}b", "utf-8;a\\x{D800}", "utf-8;a\\x{FFFFFF}", "utf-8;a\\x{1}"):
        with pytest.raises(CommandError):
            parse_rcpt(f"TO:<a@b> ORCPT={wrong}", ALL)


def test_what_is_not_offered_is_an_unknown_parameter_rfc_5321_4_1_1_11() -> None:
    for text in ("SIZE=1", "BODY=7BIT", "SMTPUTF8", "RET=FULL", "ENVID=x", "AUTH=<>"):
        with pytest.raises(CommandError) as caught:
            parse_mail(f"FROM:<a@b> {text}", frozenset())
        assert caught.value.answer.code == 555
    with pytest.raises(CommandError) as caught:
        parse_rcpt("TO:<a@b> NOTIFY=NEVER", frozenset())
    assert caught.value.answer.code == 555


def test_limits_of_dsn_parameters_rfc_3461_4_2_and_4_4() -> None:
    parse_mail("FROM:<a@b> ENVID=" + "x" * 100, ALL)
    parse_rcpt("TO:<a@b> ORCPT=rfc822;" + "x" * 493, ALL)
    for bad in ("FROM:<a@b> ENVID=" + "x" * 101, "FROM:<a@b> SIZE=" + "1" * 21, "FROM:<a@b> AUTH=x"):
        with pytest.raises(CommandError):
            parse_mail(bad, ALL)
    with pytest.raises(CommandError):
        parse_rcpt("TO:<a@b> ORCPT=rfc822;" + "x" * 494, ALL)


def test_command_lines() -> None:
    assert parse_line(b"NOOP") == ("NOOP", "")
    assert parse_line(b"noop  x \t") == ("NOOP", " x")
    assert parse_line(b"") == ("", "")
    for line, reply in [
        (b"NOOP \x00", replies.CONTROL_CHARACTER),
        (b"NOOP \x7f", replies.CONTROL_CHARACTER),
        (b"NOOP \tx", replies.CONTROL_CHARACTER),
        (b"NOOP\rNOOP", replies.BARE_NEWLINE),
        (b"NOOP \xc3\xa9", replies.NOT_ASCII),
        (b"\xc3\xa9", replies.NOT_ASCII),
        (b"MAIL \xff", replies.NOT_UTF8),
        (b"MAIL \xc3\xa9\r", replies.BARE_NEWLINE),
        (b"MAIL \xc2\x85", replies.CONTROL_CHARACTER),
        (b"MAIL \xe2\x80\xa8", replies.CONTROL_CHARACTER),
    ]:
        with pytest.raises(CommandError) as caught:
            parse_line(line)
        assert caught.value.answer is reply


def test_hello_names() -> None:
    for name in ("a", "host.example", "my_host", "a.", "[127.0.0.1]", "[IPv6:::1]", "[IPv6:fe80::1%wlan0]"):
        assert parse_hello(name) == name
    for name in ("", "a b", "-a", "<a>", "a;b", "[", "[a b]", "(x)", "a" * 256, "a\\b"):
        with pytest.raises(CommandError):
            parse_hello(name)


def test_bdat_and_auth_arguments() -> None:
    assert parse_bdat("0 LAST") == (0, True)
    assert parse_bdat("10 last") == (10, True)
    assert parse_bdat("10") == (10, False)
    for text in ("", "x", "-1", "1 2", "1 LAST x", "1" * 21, "٣"):
        with pytest.raises(CommandError) as caught:
            parse_bdat(text)
        assert caught.value.close
    assert parse_auth("plain") == ("PLAIN", None)
    assert parse_auth("PLAIN =") == ("PLAIN", "=")
    for text in ("", "PLAIN  x", "PLAIN x y", "P!", "X" * 21):
        with pytest.raises(CommandError):
            parse_auth(text)


def read_data(pieces: list[bytes]) -> tuple[bytes, bytes, bool]:
    """The message, what is behind its end, and whether it has bare newlines."""
    reader = DataReader()
    message = b""
    for number, piece in enumerate(pieces):
        part, end = reader.feed(piece)
        message += part
        if end >= 0:
            return message, piece[end:] + b"".join(pieces[number + 1 :]), reader.bare
    return message, b"", reader.bare


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"x\r\n.\r\n", b"x\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n.\r\n", b"..\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"a\r\n..\r\n..b\r\n.\r\n", b"a\r\n.\r\n.b\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"\r\n\r\n..\r\n\r\n.\r\n", b"\r\n\r\n.\r\n\r\n"),
        (b"\0\r\n.\0\r\n.\r\n", b"\0\r\n\0\r\n"),
        (b"x\r\n\0.\r\n.\r\n", b"x\r\n\0.\r\n"),
    ],
)
def test_transparency_of_rfc_5321_4_5_2_cut_in_every_way(sent: bytes, message: bytes) -> None:
    assert feed_all_ways(sent, read_data, rounds=20) == (message, b"", False)
    assert feed_all_ways(sent + b"QUIT\r\n.\r\n", read_data, rounds=20) == (message, b"QUIT\r\n.\r\n", False)


@given(st.lists(st.sampled_from([b".", b"..", b"x", b"\r\n", b"\r\n.", b"\0", b"\xff"]), max_size=30), st.integers())
def test_stuffed_messages_come_back_exactly(parts: list[bytes], seed: int) -> None:
    message = b"".join(parts)
    message = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    stuffed = (b"." if message.startswith(b".") else b"") + message.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    assert feed_all_ways(stuffed + b"NOOP\r\n", read_data, seed=seed) == (message, b"NOOP\r\n", False)


def scan(pieces: list[bytes]) -> tuple[int, int, bool]:
    scanner = HeaderScan()
    for piece in pieces:
        scanner.feed(piece)
    return scanner.hops, scanner.lines, scanner.done


@pytest.mark.parametrize(
    ("message", "hops", "lines", "done"),
    [
        (b"", 0, 0, False),
        (b"\r\nReceived: x\r\n", 0, 0, True),
        (b"Received: x\r\n\r\n", 1, 1, True),
        (b"received:\r\nRECEIVED: x\r\n y\r\nX-Received: z\r\n\r\nReceived: body\r\n", 2, 4, True),
        (b"Subject: x\r\n Received: folded\r\n\r\n", 0, 2, True),
    ],
)
def test_header_scan_cut_in_every_way(message: bytes, hops: int, lines: int, done: bool) -> None:
    assert feed_all_ways(message, scan, rounds=20) == (hops, lines, done)


def test_replies_on_the_wire_rfc_5321_4_2_1_and_rfc_2034() -> None:
    assert Reply(250, "2.0.0", "a\nb").wire == b"250-2.0.0 a\r\n250 2.0.0 b\r\n"
    assert Reply(354, "", "go").wire == b"354 go\r\n"
    long = Reply(550, "5.0.0", "x" * 2000).wire
    assert all(len(line) <= MAX_REPLY_LINE for line in long.splitlines(keepends=True))
    assert long.count(b"x") == 2000
    with pytest.raises(ValueError):
        Reply(199, "", "no")


@pytest.mark.attack("C10")
@given(st.text(max_size=700))
def test_no_text_breaks_a_reply(text: str) -> None:
    wire = Reply(550, "5.0.0", text).wire
    lines = wire.split(b"\r\n")
    assert lines[-1] == b""
    assert all(line.startswith(b"550") and all(32 <= octet < 127 for octet in line) for line in lines[:-1])
    assert len(lines) - 1 >= text.count("\n") + 1


@pytest.mark.attack("C10")
@given(st.text(max_size=300) | st.binary(max_size=300))
def test_escaped_text_is_short_and_printable(value: str | bytes) -> None:
    safe = escape(value, 100)
    assert safe.isascii()
    assert safe.isprintable()
    assert len(safe) <= 100 * 10 + 3
