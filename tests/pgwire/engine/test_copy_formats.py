"""The formats of COPY: PostgreSQL 15 documentation, COPY, "File Formats"."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feed import feed_all_ways

from socketworkers_pgwire.copy import CopyOptions, Reader, Row, make_reader, make_writer
from socketworkers_pgwire.errors import SqlError

NAMES = ["a", "b"]
TEXT = CopyOptions.checked(reads=True)
CSV = CopyOptions.checked(format="csv", reads=True)
BINARY = CopyOptions.checked(format="binary", reads=True)


def read_all_ways(options: CopyOptions, data: bytes, names: list[str] | None = None) -> list[Row]:
    """What `data` gives, however it is cut."""

    def once(pieces: list[bytes]) -> list[Row]:
        reader: Reader = make_reader(options, names or NAMES)
        rows = [row for piece in pieces for row in reader.receive(piece)]
        return rows + reader.end()

    return feed_all_ways(data, once)


def failure(options: CopyOptions, data: bytes) -> SqlError:
    with pytest.raises(SqlError) as caught:
        read_all_ways(options, data)
    return caught.value


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"1\t2\n3\t4\n", [[b"1", b"2"], [b"3", b"4"]]),
        (b"1\t2\n3\t4", [[b"1", b"2"], [b"3", b"4"]]),
        (b"1\t\\N\n", [[b"1", None]]),
        (b"1\t\\\\N\n", [[b"1", b"\\N"]]),
        (b"\\b\\f\\n\\r\\t\\v\\x\tx\n", [[b"\b\f\n\r\t\vx", b"x"]]),
        (b"\\101\\x42\\7\\x1g\t\\q\n", [[b"AB\x07\x01g", b"q"]]),
        (b"a\\\tb\tc\n", [[b"a\tb", b"c"]]),
        (b"a\\\nb\tc\n", [[b"a\nb", b"c"]]),
        (b"a\\\\\tb\n", [[b"a\\", b"b"]]),
        (b"1\t2\r\n3\t4\r\n", [[b"1", b"2"], [b"3", b"4"]]),
        (b"1\t2\r3\t4\r", [[b"1", b"2"], [b"3", b"4"]]),
        (b"1\t2\n\\.\nrest is not read\n", [[b"1", b"2"]]),
        (b"", []),
        (b"\t\n", [[b"", b""]]),
    ],
)
def test_text(data: bytes, rows: list[Row]) -> None:
    assert read_all_ways(TEXT, data) == rows


def test_text_refuses_a_bare_carriage_return() -> None:
    assert failure(TEXT, b"1\t2\n3\r\t4\n").sqlstate == "22P04"


def test_text_with_other_delimiter_and_null() -> None:
    options = CopyOptions.checked(delimiter="|", null="-", reads=True)
    assert read_all_ways(options, b"1|-\n\\|\\-|2\n") == [[b"1", None], [b"|-", b"2"]]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"1,2\n3,4\n", [[b"1", b"2"], [b"3", b"4"]]),
        (b'1,\n"",x\n', [[b"1", None], [b"", b"x"]]),
        (b'"a,b","say ""hi"""\n', [[b"a,b", b'say "hi"']]),
        (b'"two\nlines",x\n', [[b"two\nlines", b"x"]]),
        (b'"two\r\nlines",x\r\n1,2\r\n', [[b"two\r\nlines", b"x"], [b"1", b"2"]]),
        (b'ab"c"d,x\n', [[b"abcd", b"x"]]),
        (b"a\\b,x\n", [[b"a\\b", b"x"]]),
        (b"1,2\n\\.\n", [[b"1", b"2"]]),
        (b'"\\.",x\n', [[b"\\.", b"x"]]),
    ],
)
def test_csv(data: bytes, rows: list[Row]) -> None:
    assert read_all_ways(CSV, data) == rows


def test_csv_quote_that_is_not_closed() -> None:
    assert failure(CSV, b'1,"2\n').message == "unterminated CSV quoted field"


def test_csv_escape_of_its_own() -> None:
    options = CopyOptions.checked(format="csv", quote="'", escape="\\", reads=True)
    assert read_all_ways(options, b"'it\\'s',x\n'a\nb\\\\',y\n") == [[b"it's", b"x"], [b"a\nb\\", b"y"]]


def test_csv_forces() -> None:
    options = CopyOptions.checked(
        format="csv", null="n", force_null=frozenset([0]), force_not_null=frozenset([1]), reads=True
    )
    assert read_all_ways(options, b'"n",n\nn,"n"\n') == [[None, b"n"], [None, b"n"]]


def test_headers() -> None:
    for options in (
        CopyOptions.checked(format="csv", header=True, reads=True),
        CopyOptions.checked(format="csv", header=True, header_match=True, reads=True),
    ):
        assert read_all_ways(options, b"a,b\n1,2\n") == [[b"1", b"2"]]
    match = CopyOptions.checked(header=True, header_match=True, reads=True)
    assert failure(match, b"a\tc\n").message == 'column name mismatch in header line field 2: got "c", expected "b"'
    assert failure(match, b"a\n").message == "wrong number of fields in header line: got 1, expected 2"


SIGNED = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def test_binary() -> None:
    data = SIGNED + b"\0\2\0\0\0\1x\xff\xff\xff\xff\0\2\0\0\0\0\0\0\0\2yz\xff\xff"
    assert read_all_ways(BINARY, data) == [[b"x", None], [b"", b"yz"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PGCOPY\n\xff\r\nX" + bytes(8), "COPY file signature not recognized"),
        (SIGNED[:11] + b"\0\1\0\0\0\0\0\0", "invalid COPY file header (WITH OIDS)"),
        (SIGNED[:11] + b"\0\4\0\0\0\0\0\0", "unrecognized critical flags in COPY file header"),
        (SIGNED[:11] + b"\0\0\0\0\xff\xff\xff\xff", "invalid COPY file header (wrong length)"),
        (SIGNED + b"\0\3", "row field count is 3, expected 2"),
        (SIGNED + b"\0\2\xff\xff\xff\xfe", "invalid field size"),
        (SIGNED + b"\xff\xff!", "received copy data after EOF marker"),
        (SIGNED + b"\0\2\0\0", "unexpected EOF in COPY data"),
    ],
)
def test_binary_faults(data: bytes, message: str) -> None:
    with pytest.raises(SqlError) as caught:
        reader = make_reader(BINARY, NAMES)
        reader.receive(data)
        reader.end()
    assert (caught.value.sqlstate, caught.value.message) == ("22P04", message)


@pytest.mark.parametrize("format", ["text", "csv", "binary"])
@given(
    rows=st.lists(
        st.tuples(*[st.one_of(st.none(), st.text(st.characters(codec="utf-8")).map(str.encode))] * 2), max_size=5
    )
)
def test_round_trip(format: str, rows: list[tuple[bytes | None, bytes | None]]) -> None:
    written = CopyOptions.checked(format=format, reads=False)
    writer = make_writer(written, NAMES)
    columns = list(zip(*rows, strict=True)) if rows else []
    lines = writer.begin() + (writer.rows(columns, len(rows)) if rows else []) + writer.end()
    reader = make_reader(CopyOptions.checked(format=format, reads=True), NAMES)
    read = reader.receive(b"".join(lines)) + reader.end()
    assert read == [list(row) for row in rows]


@pytest.mark.parametrize(
    ("options", "sqlstate"),
    [
        ({"delimiter": "ab"}, "0A000"),
        ({"delimiter": "\n"}, "22023"),
        ({"delimiter": "a"}, "22023"),
        ({"null": "a\nb"}, "22023"),
        ({"null": "a\tb"}, "0A000"),
        ({"quote": "'"}, "0A000"),
        ({"escape": "'"}, "0A000"),
        ({"format": "csv", "quote": ","}, "22023"),
        ({"format": "csv", "null": '"'}, "0A000"),
        ({"format": "binary", "delimiter": ","}, "42601"),
        ({"format": "binary", "null": ""}, "42601"),
        ({"format": "binary", "header": True}, "42601"),
        ({"force_null": frozenset([0])}, "0A000"),
        ({"format": "csv", "force_quote": None}, "0A000"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], sqlstate: str) -> None:
    with pytest.raises(SqlError) as caught:
        CopyOptions.checked(reads=True, **options)  # type: ignore[arg-type]
    assert caught.value.sqlstate == sqlstate


def test_lines_are_counted_for_errors() -> None:
    reader = make_reader(CSV, NAMES)
    rows = reader.receive(b'1,2\n"a\nb",3\n4,5\n')
    assert len(rows) == 3
    assert [reader.line_of(number) for number in range(3)] == [1, 3, 4]


PLAIN = [
    TEXT,
    CSV,
    CopyOptions.checked(delimiter="|", null="-", reads=True),
    CopyOptions.checked(format="csv", delimiter=";", null="n", force_null=frozenset([1]), reads=True),
    CopyOptions.checked(format="csv", force_not_null=frozenset([1]), reads=True),
    CopyOptions.checked(format="csv", header=True, reads=True),
]
_LINES = [
    b"1\t2", b"1,2", b"3|-", b"-|x", b"a;n", b"\\N\t\\N", b"x\t\\N", b"x\\N\t1", b"\\\\N\t1", b"a\\tb\tc", b"a\\",
    b"\t", b",", b"", b"\\.", b"one", b"1\t2\t3", b"1,2,3", b'"a,b",c', b'"a', b"\xc3\xa4\tb", b"\xff\tb", b"\0\tb",
    b"a\rb\tc",
]  # fmt: skip


def taken(options: CopyOptions, pieces: list[bytes], *, plain: bool) -> list[object]:
    """Rows with their lines, or the error; read by columns where that is possible."""
    reader = make_reader(options, NAMES)
    found: list[object] = []
    rows: list[Row]
    try:
        for piece in pieces:
            columns = reader.columns(piece) if plain else None
            if columns is None:
                rows = reader.receive(piece)
            else:
                rows = [[None if each is None else each.encode() for each in row] for row in zip(*columns, strict=True)]
            found += [(row, reader.line_of(number)) for number, row in enumerate(rows)]
        found += [(row, reader.line_of(number)) for number, row in enumerate(reader.end())]
    except SqlError as error:
        return [error.message, reader.line]
    return [*found, reader.line]


@pytest.mark.parametrize("options", PLAIN)
@given(
    lines=st.lists(st.sampled_from(_LINES), max_size=8),
    newline=st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]),
    mixed=st.integers(0, 20),
    end=st.booleans(),
    places=st.lists(st.integers(0, 80), max_size=4),
)
def test_plain_blocks_are_read_as_others_are(
    options: CopyOptions, lines: list[bytes], newline: bytes, mixed: int, end: bool, places: list[int]
) -> None:
    data = b"".join(
        line + (b"\n" if number == mixed else newline if number + 1 < len(lines) or end else b"")
        for number, line in enumerate(lines)
    )
    cuts = [0, *sorted(places), len(data)]
    pieces = [data[start:stop] for start, stop in itertools.pairwise(cuts)]
    assert taken(options, pieces, plain=True) == taken(options, pieces, plain=False)


@pytest.mark.parametrize(
    ("options", "data", "columns"),
    [
        (TEXT, b"1\t2\n3\t\\N\n", [["1", "3"], ["2", None]]),
        (TEXT, b"1\t2\r\n3\t4\r\nrest", [["1", "3"], ["2", "4"]]),
        (CSV, b"1,\n3,4\n", [["1", "3"], [None, "4"]]),
        (TEXT, b"1\t2\n3\n", None),
        (TEXT, b"1\t2\t3\n4\n", None),
        (TEXT, b"1\t2\\t\n", None),
        (TEXT, b"1\t2\n\\.\n", None),
        (TEXT, b"1\t\xff\n", None),
        (TEXT, b"1\t\0\n", None),
        (TEXT, b"1\t2\n3\r\t4\n", None),
        (TEXT, b"1\t2\r3\t4\r", None),
        (CSV, b'"1",2\n', None),
        (BINARY, b"", None),
    ],
)
def test_what_is_plain(options: CopyOptions, data: bytes, columns: list[list[str | None]] | None) -> None:
    assert make_reader(options, NAMES).columns(data) == columns
