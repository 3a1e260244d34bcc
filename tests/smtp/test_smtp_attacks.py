"""The attack classes of the catalogue that concern the mail session: C1, C3, C10, S1 to S4."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.support.feed import cut_everywhere, cuts
from tests.support.mail import Driver, LocalPolicy

from socketworkers_smtp.session import Close, Message, SessionConfig, StartTls

FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\0\n",
    b"\r\0\n.\r\n",
    b"\r\r\n.\r\n"[:-2] + b"\n",
    b"\n\n.\r\n",
    b"\n\r.\r\n",
    b"\r\n.\n\n",
    b"\r\n.\r\r\n",
    b"\r\n .\r\n",
    b"\r\n. \r\n",
    b"\r\n.\t\r\n",
    b"\n\n.\n\n",
    b"\r\r.\r\r",
    b"\x85.\x85",
    b"\r\n\xe2\x80\xa8.\r\n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\n\r\n\r.",
    b"\r\n..\r\n",
]
HIDDEN = b"MAIL FROM:<smuggled@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nsmuggled\r\n"
EHLO = b"EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"


def has_bare(data: bytes) -> bool:
    return b"\n" in data.replace(b"\r\n", b"") or b"\r" in data.replace(b"\r\n", b"")


@pytest.mark.attack("S1")
@pytest.mark.parametrize("end", FALSE_ENDS, ids=repr)
def test_smuggling_cut_at_every_byte(end: bytes) -> None:
    body = b"first" + end + HIDDEN
    for pieces in [*cut_everywhere(body + b".\r\n"), *cuts(body + b".\r\n")]:
        driver = Driver()
        driver.send(EHLO)
        codes = driver.codes(*pieces)
        assert len(codes) == 1, "one message, one answer"
        assert len(driver.taken) <= 1
        if has_bare(body):
            assert codes == [550]
            assert driver.taken == []
        else:
            assert codes == [250]
            assert driver.taken[0].body == body.replace(b"\r\n.", b"\r\n")
        assert driver.codes(b"NOOP\r\n") == [250], "the session is in step"


@pytest.mark.attack("S1")
def test_the_refusal_names_the_remedy() -> None:
    driver = Driver()
    driver.send(EHLO)
    (line,) = driver.send(b"x\ny\r\n.\r\n")
    assert line.startswith(b"550 5.6.11 ")
    assert b"--crlf" in line


@pytest.mark.attack("C1")
def test_commands_behind_starttls_in_clear_text() -> None:
    driver = Driver(SessionConfig(starttls=True)).ehlo()
    lines = driver.send(b"STARTTLS\r\nEHLO evil.example\r\n")
    assert len(lines) == 1
    assert lines[0].startswith(b"554 5.7.0")
    assert driver.events == [Close("injection")]
    assert StartTls() not in driver.events


@pytest.mark.attack("C1")
def test_bytes_between_the_reply_to_starttls_and_the_handshake() -> None:
    driver = Driver(SessionConfig(starttls=True)).ehlo()
    driver.send(b"STARTTLS\r\n")
    assert driver.send(b"E") == []
    assert driver.events == [StartTls(), Close("injection")]


@pytest.mark.attack("C3")
@pytest.mark.parametrize("verb", [b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI"])
def test_a_request_of_a_browser_closes_at_once(verb: bytes) -> None:
    for driver in (Driver().greeted(), Driver().ehlo()):
        assert driver.codes(verb + b" / HTTP/1.1\r\nHost: a\r\n\r\nEHLO a\r\nMAIL FROM:<a@b>\r\n") == [554]
        assert driver.session.closed


@pytest.mark.attack("C3")
def test_few_errors_are_allowed() -> None:
    driver = Driver().greeted()
    assert driver.codes(b"X\r\n" * 50) == [500, 500, 500, 421]
    later = Driver().ehlo()
    assert later.codes(b"X\r\n" * 50) == [500] * 10 + [421]


@pytest.mark.attack("C10")
@pytest.mark.parametrize(
    "line",
    [
        b"EHLO \x1b[31m",
        b"EHLO a\x00b",
        b"EHLO a\rb",
        b"MAIL FROM:<a\x1b@b>",
        b"X\x1b]0;title\x07",
        b"MAIL FROM:<" + b"a" * 1500 + b"@b>",
        b"VRFY \xc2\x9b31m",
        b"AUTH \x1bPLAIN",
    ],
)
def test_what_a_peer_sends_is_never_echoed(line: bytes) -> None:
    driver = Driver(SessionConfig(mechanisms=("PLAIN",))).ehlo()
    output = b"\r\n".join(driver.send(line + b"\r\n"))
    assert output
    assert not any(octet < 32 or octet > 126 for octet in output.replace(b"\r\n", b""))
    assert driver.session.helo == "client.example"


@pytest.mark.attack("S2")
@pytest.mark.parametrize("address", [b"a@b\r\nRCPT TO:<v@x", b"a@b\nRCPT TO:<v@x", b"a@b\rRCPT TO:<v@x", b'"a\n"@b'])
def test_line_ends_in_an_address_never_add_a_recipient(address: bytes) -> None:
    driver = Driver().in_mail()
    driver.send(b"RCPT TO:<" + address + b">\r\nDATA\r\nx\r\n.\r\n")
    for taken in driver.taken:
        assert [str(each.address) for each in taken.envelope.recipients] == ["v@x"]
        assert address.startswith(b"a@b\r\n"), "a true CR LF is two commands; nobody can tell"


@pytest.mark.attack("S2")
def test_both_halves_smuggled_through_bare_newlines_make_no_message() -> None:
    driver = Driver().ehlo()
    driver.send(b"MAIL FROM:<a@b\nMAIL FROM:<evil@b>\r\nRCPT TO:<c@d\nRCPT TO:<victim@d>\r\n")
    assert 354 not in driver.codes(b"DATA\r\n")
    assert driver.taken == []


@pytest.mark.attack("S3")
def test_a_chunk_longer_than_what_was_sent_stores_nothing() -> None:
    driver = Driver().in_rcpt()
    assert driver.codes(b"BDAT 1000 LAST\r\nshort", b"") == []
    assert driver.taken == []
    assert driver.events == [Close("eof")]


@pytest.mark.attack("S3")
@pytest.mark.parametrize("prelude", [b"NOOP\r\n", b"MAIL FROM:<a@b>\r\n"])
def test_commands_in_a_refused_chunk_are_not_run(prelude: bytes) -> None:
    chunk = b"MAIL FROM:<evil@b>\r\nRCPT TO:<v@b>\r\nDATA\r\nx\r\n.\r\n"
    for pieces in cuts(b"BDAT %d LAST\r\n%sNOOP\r\n" % (len(chunk), chunk)):
        driver = Driver().ehlo()
        driver.send(prelude)
        assert driver.codes(*pieces) == [503, 250]
        assert driver.taken == []


@pytest.mark.attack("S3")
def test_a_chunk_that_is_too_large_is_read_and_the_next_ones_too() -> None:
    driver = Driver(SessionConfig(max_size=10)).in_rcpt()
    stream = b"BDAT 6\r\n123456BDAT 6\r\nQUIT\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"
    assert driver.codes(stream) == [250, 552, 503, 503, 250]
    assert driver.taken == []
    assert driver.codes(b"MAIL FROM:<a@b>\r\n") == [250]


@pytest.mark.attack("S3")
def test_a_body_sent_before_a_refused_data_was_answered_is_not_run() -> None:
    driver = Driver().in_mail()
    assert driver.codes(b"DATA\r\nMAIL FROM:<evil@b>\r\nRCPT TO:<v@b>\r\nDATA\r\nx\r\n.\r\n") == [503, 554]
    assert driver.session.closed
    assert driver.taken == []


@pytest.mark.attack("S3")
def test_bytes_before_the_greeting() -> None:
    driver = Driver(greet=False)
    assert driver.codes(b"EHLO a\r\n") == [554]
    assert driver.events == [Close("early talker")]
    assert driver.session.greet() == []


@pytest.mark.attack("S4")
def test_recipient_flood() -> None:
    driver = Driver(SessionConfig(max_recipients=100)).in_mail()
    codes = driver.codes(*[b"RCPT TO:<u%d@example.net>\r\n" % number for number in range(3000)])
    assert codes[:100] == [250] * 100
    assert set(codes[100:-1]) == {452}
    assert codes[-1] == 421
    assert driver.session.closed


@pytest.mark.attack("S4")
def test_probing_for_names() -> None:
    driver = Driver(SessionConfig(max_refused_recipients=5), policy=LocalPolicy("example.org", ["alice"])).in_mail()
    assert driver.codes(*[b"RCPT TO:<u%d@example.org>\r\n" % number for number in range(50)]) == [550] * 5 + [421]
    verifying = Driver(SessionConfig(max_idle_commands=20)).ehlo()
    codes = verifying.codes(*[b"VRFY u%d\r\n" % number for number in range(100)])
    assert codes[-1] == 421
    assert len(codes) < 40


@pytest.mark.attack("S4")
def test_guesses_of_passwords_are_few() -> None:
    driver = Driver(SessionConfig(mechanisms=("PLAIN", "LOGIN"))).ehlo()
    codes = driver.codes(*[b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n"] * 40)
    assert codes == [535, 535, 535, 421]
    malformed = Driver(SessionConfig(mechanisms=("PLAIN", "LOGIN"))).ehlo()
    assert malformed.codes(*[b"AUTH PLAIN AGFs\r\n"] * 40)[-1] == 421


@pytest.mark.attack("S4")
def test_an_authentication_line_without_end_takes_bounded_memory_rfc_4954_4() -> None:
    driver = Driver(SessionConfig(mechanisms=("PLAIN",))).ehlo()
    driver.send(b"AUTH PLAIN\r\n")
    tracemalloc.start()
    try:
        for _ in range(2000):
            driver.send(b"A" * 4096)
            assert driver.session.held < 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000
    assert driver.output.endswith(b"500 5.5.6 Authentication exchange line is too long\r\n")
    assert driver.codes(b"\r\nNOOP\r\n") == [250]
    limit = b"A" * (12288 - 2)
    fits = Driver(SessionConfig(mechanisms=("PLAIN",))).ehlo()
    assert fits.codes(b"AUTH PLAIN\r\n", limit + b"\r\n") == [334, 501]


@pytest.mark.attack("S4")
@pytest.mark.parametrize(
    "body",
    [
        b"X: y\r\n" * 1_000_000 + b"\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"".join(b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (n, n + 1) for n in range(10_000)),
        b"X:" + b" y\r\n" * 500_000 + b"\r\n",
    ],
    ids=["a million header lines", "ten thousand nested parts", "one folded field"],
)
def test_bombs_are_never_parsed(body: bytes) -> None:
    driver = Driver().in_data()
    (code,) = driver.codes(*[body[start : start + 65536] for start in range(0, len(body), 65536)], b".\r\n")
    assert code == (250 if b"multipart" in body else 554)


@pytest.mark.attack("S4")
def test_a_line_without_end_takes_bounded_memory() -> None:
    driver = Driver()
    for _ in range(1000):
        driver.send(b"x" * 10_000)
        assert driver.session.held < 10_000
    assert driver.output.endswith(b"500 5.5.2 Line too long\r\n")
    assert driver.output.count(b"\r\n") == 2


@pytest.mark.attack("S4")
def test_commands_that_do_nothing_end_too() -> None:
    driver = Driver(SessionConfig(max_idle_commands=50)).ehlo()
    codes = driver.codes(*[b"NOOP\r\nRSET\r\n"] * 200)
    assert codes[-1] == 421
    assert len(codes) < 70


@pytest.mark.attack("S4")
def test_nothing_is_sent_of_itself_so_there_is_no_backscatter() -> None:
    session = Driver().in_data().session
    events = session.receive(b"x\r\n.\r\n")
    assert [type(event) for event in events] == [Message]
