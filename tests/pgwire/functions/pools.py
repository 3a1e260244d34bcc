# fmt: off
# ruff: noqa: E501
"""Texts of values that functions are tried with, by type, and by function where those of the type say little."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["POLYMORPHIC", "POOLS", "SPECIAL"]

_INTEGERS = ("0", "1", "-1", "2", "7", "-7", "30")

POOLS: dict[str, tuple[str, ...]] = {
    "boolean": ("t", "f"),
    "smallint": (*_INTEGERS, "32767", "-32768"),
    "integer": (*_INTEGERS, "2147483647", "-2147483648", "1000"),
    "bigint": (*_INTEGERS, "9223372036854775807", "-9223372036854775808", "5000000000"),
    "real": ("0", "-0", "1", "-1.5", "0.5", "2.5", "3.4e38", "1e-40", "NaN", "Infinity", "-Infinity", "100.25"),
    "double precision": (
        "0", "-0", "1", "-1.5", "0.5", "2.5", "-2.5", "1e308", "5e-324", "NaN", "Infinity", "-Infinity", "123456.789",
        "30", "45", "90", "0.1", "710", "-800",
    ),
    "numeric": (
        "0", "0.00", "1", "-1", "2.5", "-2.5", "3.14159", "0.001", "123456789.123456789", "1e20", "NaN", "Infinity",
        "-Infinity", "10.10", "7", "-0.5", "1e-10", "99999.5",
    ),
    "text": (
        "", "a", "abc", "ABC", "abcabc", " abc ", "hello world", "straße", "ÀÉ", "éa", "日本語", "a,b,c", "x'y\\z", "12",
        "a_b%c", "Hello-World foo2bar", "\U0001f600x", "b", "abc\ndef",
    ),
    "character varying": ("", "abc", "abc  ", "long text here", "é"),
    "character": ("", "abc", "abc  ", "ABC", "é "),
    "name": ("", "abc", "pg_class", "Abc", "x" * 63),
    '"char"': ("", "a", "b", "1"),
    "bytea": ("\\x", "\\x00", "\\x61", "\\x616263", "\\xdeadbeef00", "\\x6162636162", "\\xff", "\\x2525", "\\xc3a9"),
    "date": ("2000-01-01", "2024-02-29", "1999-12-31", "0044-03-15 BC", "infinity", "-infinity", "5874897-12-31"),
    "time without time zone": ("00:00:00", "12:34:56.789", "23:59:59.999999", "24:00:00", "06:30"),
    "time with time zone": ("00:00:00+00", "12:34:56.789-05", "23:59:59+14", "06:30+05:30", "24:00:00-12"),
    "timestamp without time zone": (
        "2000-01-01 00:00:00", "2024-02-29 12:34:56.789123", "1999-12-31 23:59:59", "0044-03-15 10:00:00 BC", "infinity",
        "-infinity", "2024-03-10 02:30:00", "1970-01-01", "294276-12-31 23:59:59",
    ),
    "timestamp with time zone": (
        "2000-01-01 00:00:00+00", "2024-02-29 12:34:56.789123+00", "1999-12-31 23:59:59-05", "infinity", "-infinity",
        "2024-03-10 02:30:00-05", "1970-01-01 00:00:00+00", "2024-07-04 18:00:00+02",
    ),
    "interval": (
        "0", "1 day", "-1 day", "1 month", "1 year 2 mons 3 days 04:05:06.789", "-1 mons +2 days -03:04:05", "30 days",
        "24:00:00", "100:00:00.5", "178000000 years", "00:00:00.000001",
    ),
    "uuid": (
        "00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ),
    "json": (
        "null", "1", '"a"', "[]", "{}", "[1,2,[3,null]]", '{"a":1,"b":{"c":[1,"x"]}}', '{"a":null,"a":2}', "true",
        '[{"a":1},{"a":"\\u00e9"}]', "1.50", ' {"x" : [ 1 , 2 ] } ',
    ),
    "jsonb": (
        "null", "1", '"a"', "[]", "{}", "[1,2,[3,null]]", '{"a":1,"b":{"c":[1,"x"]}}', '{"a":null,"bb":2}', "true",
        '[{"a":1},{"a":"\\u00e9"}]', "1.50", '["a","b"]', "false", "-3000000000", "1e400",
    ),
    "oid": ("0", "1", "23", "4294967295", "2147483648"),
    "oidvector": ("", "1", "1 2", "2 1", "23 4294967295"),
    "tid": ("(0,1)", "(1,0)", "(4294967295,65535)"),
    "xid": ("0", "3", "4294967295"),
    "xid8": ("0", "3", "18446744073709551615", "4294967299"),
    "cid": ("0", "7"),
    "mood": ("sad", "ok", "happy"),
    "text[]": ("{}", "{a}", "{a,b,NULL}", "{a,b,a}", "{{a,b},{c,d}}", '{"",x}', "{0}", "{b,c}", "{a,1}"),
    "integer[]": ("{}", "{1}", "{1,2,3}", "{3,1,NULL}", "{{1,2},{3,4}}", "[0:1]={7,8}", "{1,2,1}", "{NULL}"),
    "numeric[]": ("{}", "{1.0,2.50}", "{NaN,NULL}", "{1,2,3}"),
    "interval[]": ("{}", "{1 day,24:00:00}"),
    "double precision[]": ("{}", "{1,2.5}", "{NaN,Infinity}", "{0,0.5,1}", "{0.25,NULL}"),
    "mood[]": ("{}", "{sad,happy}"),
    "bigint[]": ("{}", "{1,9223372036854775807}"),
    "jsonb[]": ("{}", '{"1","{\\"a\\": 2}"}'),
    "inet": (
        "192.168.1.5/24", "192.168.1.5", "10.0.0.0/8", "::1", "2001:db8::1/64", "0.0.0.0/0", "255.255.255.255",
        "::ffff:1.2.3.4/128", "192.168.1.0/24",
    ),
    "cidr": ("192.168.1.0/24", "10.0.0.0/8", "2001:db8::/32", "1.2.3.4/32"),
    "macaddr": ("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"),
    "macaddr8": ("08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff:ff:ff", "08:00:2b:ff:fe:01:02:03"),
    "money": ("0", "1.00", "-12.34", "1234567.89", "92233720368547758.07", "-92233720368547758.08"),
    "bit": ("", "0", "1", "1010", "11110000", "0000000001", "1100"),
    "bit varying": ("", "0", "1", "1010", "11110000", "0000000001"),
    "pg_lsn": ("0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "0/1"),
    "int4range": ("empty", "[1,5)", "[5,10)", "(,3)", "[3,)", "(,)", "[2,2]"),
    "numrange": ("empty", "[1.0,5.5)", "(1.0,5.5]", "(,3)", "[3,)", "(,)", "[2,2]", "[NaN,NaN]"),
    "daterange": ("empty", "[2024-01-01,2024-02-01)", "[2024-01-31,infinity]", "(,2024-01-15]"),
    "int8range": ("empty", "[1,5)", "(,)", "[9223372036854775806,)"),
    "tsrange": ("empty", "[2024-01-01 00:00,2024-01-02 00:00)", "(,infinity)"),
    "tstzrange": ("empty", '["2024-01-01 00:00+00","2024-01-02 00:00+00")', "(,)"),
    "int4multirange": ("{}", "{[1,5)}", "{[1,3),[5,9)}", "{(,2),[7,)}", "{(,)}", "{[2,4),[5,6),[9,12)}"),
    "nummultirange": ("{}", "{[1.0,5.5)}", "{(1,3),[5,9]}", "{(,)}"),
    "int4range[]": ("{}", '{"[1,3)","[2,5)","empty"}', '{"[7,9)","[1,2)"}'),
    "numrange[]": ("{}", '{"[1,3)","[2,5)"}'),
    "jsonpath": ("$", "$.a", "$[*]", "strict $.a", "$.a ? (@ > 1)", "$.*"),
}
"""By the name that regtype has."""

POLYMORPHIC: dict[str, tuple[str, ...]] = {
    "anyarray": ("integer[]", "text[]", "numeric[]", "double precision[]"),
    "anycompatiblearray": ("integer[]", "text[]", "numeric[]", "double precision[]"),
    "anyelement": ("integer", "text", "numeric", "double precision"),
    "anycompatible": ("integer", "text", "numeric", "double precision"),
    "anynonarray": ("integer", "text", "numeric", "double precision"),
    "anyenum": ("mood",),
    "anyrange": ("int4range", "numrange"),
    "anymultirange": ("int4multirange", "nummultirange"),
}
"""Actual types; those at one place stand for each other."""

SPECIAL: dict[str, tuple[Sequence[str | None], ...]] = {}
"""For a function: texts for each argument."""


def _special(signatures: str, *pools: Sequence[str | None]) -> None:
    for signature in signatures.split("; "):
        SPECIAL[signature] = pools


_BOOLS = ("t", "f")
_FEW = tuple(POOLS["integer"][:7])
_special('"varchar"(character varying,integer,boolean)', ("", "abc", "abc  ", "abcdefg", "éé"), ("-1", "5", "7", "100"), _BOOLS)
_special("bpchar(character,integer,boolean)", ("", "abc", "abc  ", "abcdefg", "éé"), ("-1", "5", "7", "100"), _BOOLS)
_special('"numeric"(numeric,integer)', POOLS["numeric"], ("-1", "655366", "327684", "262150", "131077"))
for _name in ("time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone"):
    _short = {"time without time zone": '"time"', "time with time zone": "timetz"}.get(
        _name, '"timestamp"' if "out" in _name else "timestamptz"
    )
    _special(f"{_short}({_name},integer)", POOLS[_name], ("-1", "0", "2", "6"))
_special('"interval"(interval,integer)', POOLS["interval"], ("-1", "2147418114", "327679", "196607", "470286339", "67174399"))
_special("width_bucket(double precision,double precision,double precision,integer)",
    ("-1", "0", "3.5", "9.99", "10", "NaN", "Infinity"), ("0", "1", "10", "-Infinity"), ("10", "0", "5", "NaN"), ("5", "1", "0", "2147483647"))
_special("width_bucket(numeric,numeric,numeric,integer)",
    ("-1", "0", "3.5", "9.99", "10", "NaN", "Infinity"), ("0", "1", "10", "-Infinity"), ("10", "0", "5", "NaN"), ("5", "1", "0", "2147483647"))
_special("factorial(bigint)", ("0", "1", "5", "20", "50", "-1", "99999"))
_special("numeric_power(numeric,numeric); power(numeric,numeric); pow(numeric,numeric)",
    ("0", "2", "-2", "1.5", "0.1", "10", "NaN", "Infinity", "-Infinity"), ("0", "1", "2", "-1", "0.5", "3.7", "100", "NaN", "-Infinity"))
_special("exp(numeric); numeric_exp(numeric)", ("0", "1", "-1", "2.5", "10", "100.5", "-100", "NaN", "Infinity", "-Infinity", "1e5"))
_special("setseed(double precision)", ("2", "-1.5", "NaN"))
for _n in ("round", "trunc"):
    _special(f"{_n}(numeric,integer)", POOLS["numeric"], ("0", "1", "-1", "2", "5", "-10", "1000"))

SKIPPED = frozenset(
    (
        "to_ascii(text,name)",
        "json_to_record(json)",
        "jsonb_to_record(jsonb)",
        "json_to_recordset(json)",
        "jsonb_to_recordset(jsonb)",
        *(f"{kind}_populate_{what}(anyelement,{kind}{rest})" for kind, rest in (("json", ",boolean"), ("jsonb", "")) for what in ("record", "recordset")),
        "row_to_json(record)",
        "oidvectortypes(oidvector)",
        '"current_user"()',
        '"session_user"()',
        "getpgusername()",
        "row_to_json(record,boolean)",
        "now()",
        "transaction_timestamp()",
        "statement_timestamp()",
        "age(timestamp without time zone)",
        "age(timestamp with time zone)",
        "timezone(text,time with time zone)",
        "timetz(time without time zone)",
    )
)
"""Functions whose answers depend on more than their arguments, or are meant to differ."""

# strings

_TEXTS = POOLS["text"]
_COUNTS = ("0", "1", "-1", "2", "3", "-2", "100", "2147483647", "-2147483648")
_special('"substring"(text,integer); substr(text,integer); "left"(text,integer); "right"(text,integer)', _TEXTS, _COUNTS)
_special('"substring"(text,integer,integer); substr(text,integer,integer)', _TEXTS, _COUNTS, _COUNTS)
_special('"overlay"(text,text,integer,integer)', _TEXTS, ("", "XX", "é"), _COUNTS, _COUNTS)
_special('"overlay"(text,text,integer)', _TEXTS, ("", "XX", "é"), _COUNTS)
_special('"position"(text,text); strpos(text,text)', _TEXTS, ("", "b", "bc", "é", "z", "abc"))
_special("split_part(text,text,integer)", ("", "a,b,c", "a,,b", "abc", "a--b--c"), (",", "", "--", "z"), ("1", "2", "3", "-1", "-3", "0", "9"))
_special("string_to_array(text,text); string_to_table(text,text)", ("", "a,b,c", "a,,b", "abc", None), (",", "", "b", None))
_special("string_to_array(text,text,text); string_to_table(text,text,text)", ("", "a,b,c", "a,,b", "abc", None), (",", "", "b", None), ("", "b", None))
_special("lpad(text,integer); rpad(text,integer); repeat(text,integer)", _TEXTS, ("0", "1", "-1", "5", "12"))
_special("lpad(text,integer,text); rpad(text,integer,text)", _TEXTS, ("0", "1", "-1", "5", "12"), ("", "xy", "é", " "))
_special("ltrim(text,text); rtrim(text,text); btrim(text,text)", _TEXTS, ("", "a", "ca ", "é"))
_special("replace(text,text,text); translate(text,text,text)", _TEXTS, ("", "a", "abc", "é", "bca"), ("", "X", "YZ", "é1"))
_special("chr(integer)", ("65", "233", "8364", "128512", "0", "-1", "55296", "1114112", "1"))
_special('"normalize"(text,text); is_normalized(text,text)', ("", "e\u0301", "é", "ﬁ", "Å", "abc"), ("NFC", "nfd", "NFKC", "NFKD", "x"))
_special("quote_ident(text)", ("", "a", "A", "select", "a b", 'a"b', "é", "1a", "a1", "over", "int", "left", "a$b", "name"))
_special("parse_ident(text,boolean)", ("a", "A.b", '"A".b', ' a . "b""c" ', "a..b", ".a", "a.", "", "1a", "a b", '"a', '""', "é.x$1", "a+b"), _BOOLS)
_special("format(text)", ("", "a%%b", "%s", "%", "%x", "a%1$s"))
_special("encode(bytea,text)", (*POOLS["bytea"], "\\x" + "ab" * 70), ("hex", "base64", "ESCAPE", "x"))
_special("decode(text,text)", ("", "6162", "6 1", "6g", "616", "YWJj", "YWI=", "YQ==", "YQ=", "=", "Y W\nJj", "Y!", "\\\\a\\141", "\\9", "é"), ("hex", "base64", "escape", "x"))
_special("convert_from(bytea,name)", POOLS["bytea"], ("UTF8", "LATIN1", "latin-1", "WIN1252", "nosuch", "EUC_JP"))
_special("convert_to(text,name)", _TEXTS, ("UTF8", "LATIN1", "WIN1251", "nosuch", "EUC_JP"))
_special("convert(bytea,name,name)", ("\\x61", "\\xe9", "\\xc3a9"), ("LATIN1", "UTF8", "nosuch"), ("UTF8", "LATIN1", "nosuch"))
_special("length(bytea,name)", POOLS["bytea"], ("UTF8", "LATIN1", "nosuch"))
_special("unistr(text)", ("abc", "\\0061\\+01F600\\u00e9\\U0001F600", "\\\\", "\\", "\\00g1", "\\d83d\\de00", "\\d83d", "\\de00", "\\d83dx", "\\U00110000", "\\0000"))
_special('"substring"(bytea,integer,integer); substr(bytea,integer,integer)', POOLS["bytea"], _COUNTS, _COUNTS)
_special('"overlay"(bytea,bytea,integer,integer)', POOLS["bytea"], ("\\x", "\\xaabb"), _COUNTS, _COUNTS)
_special('"overlay"(bytea,bytea,integer)', POOLS["bytea"], ("\\x", "\\xaabb"), _COUNTS)
_special("get_bit(bytea,bigint)", POOLS["bytea"], ("0", "7", "9", "-1", "100"))
_special("set_bit(bytea,bigint,integer)", POOLS["bytea"], ("0", "7", "9", "-1"), ("0", "1", "2"))
_special("set_byte(bytea,integer,integer)", POOLS["bytea"], ("0", "1", "3", "-1"), ("0", "65", "300", "-1"))
_PATTERNS = ("", "%", "a%", "%c", "_b_", "%b%", "abc", "a\\_b\\%c", "ABC", "À%", "%a%b%", "a_b%c", "x\\", "abc\\", "%\\", "_", "日%", "a%f", "%-%")
for _name in ("textlike", '"like"', "textnlike", "notlike", "texticlike", "texticnlike"):
    _special(f"{_name}(text,text)", _TEXTS, _PATTERNS)
for _name in ("namelike", '"like"', "namenlike", "notlike", "nameiclike", "nameicnlike"):
    _special(f"{_name}(name,text)", POOLS["name"], _PATTERNS)
for _name in ("bpcharlike", "bpcharnlike", "bpchariclike", "bpcharicnlike"):
    _special(f"{_name}(character,text)", POOLS["character"], _PATTERNS)
_special("like_escape(text,text)", _PATTERNS, ("", "\\", "!", "a", "ab"))
_SIMILAR = ("", "a%", "%(b|c)%", "[a-c]+", "a.c", "_", "^a$", "a#\"b#\"c", '#"%#"_', 'a#"b#"c#"d', "x#", "[#a]", "a{2}", "\\d", "#_b%")
_special("similar_to_escape(text)", _SIMILAR)
_special("similar_to_escape(text,text)", _SIMILAR, ("", "#", "\\", "ab"))
_special("similar_escape(text,text)", (*_SIMILAR, None), ("", "#", "\\", "ab", None))

# regular expressions

_REGEXES = (
    "b", "^a", "c$", "a*", "(a)(b)?", "(a*)+", "(a|ab)(c|bcd)", "(.*)(\\d+)(.*)", "(.*?)(\\d+)(.*)",
    "(?:(.*?)(\\d+)(.*)){1,1}", "Y*?([0-9]{1,3})", "Y*([0-9]{1,3})", "[[:alpha:]]+", "[^a-c]+", "\\w+", "\\s", "\\mfoo",
    "o\\M", "\\yworld\\y", "(.)\\1", "(a|b)*c", "x|", "", "a{2,3}", "(?=b)b", "(?<=a)b", "(?!a).", "(?<!a)b", "(?i)ABC",
    "***=a.b", "(?n)^d", "a.c", "(?x) a b # c", "\\u00e9", "é|ß", "[[.hyphen.]]", "(b+)(c*)", "(a+?)(b*)", ".*?c", "^(.+?)(b.*)$",
    "(a(b(c)))", "((a)|(b))+", "(^|,)([^,]*)", "\\d{2}",
    # and what is none
    "[", "(", ")", "*", "a**", "a{1", "a{2,1}", "a{256}", "[b-a]", "[[:foo:]]", "\\", "\\q", "(?z)a", "\\1", "(a)\\2", "+",
    "[[.x", "(?", "a{1}{2}", "^*", "***x",
)
_SUBJECTS = (
    "", "abc", "aaa", "abcd", "abc01234xyz", "XY1234Z", "foo bar", "hello world", "aabbcc", "bab", "a,b,,c", "Straße é",
    "a.b", "abc\ndef", "foobar foo", "12-34", "ababc",
)
for _stem, _type in (("text", "text"), ("name", "name"), ("bpchar", "character")):
    for _suffix in ("regexeq", "regexne", "icregexeq", "icregexne"):
        _special(f"{_stem}{_suffix}({_type},text)", _SUBJECTS, _REGEXES)
_FLAGS = ("", "i", "g", "n", "x", "z", "q", "p", "w", "gi")
for _name in ("regexp_like", "regexp_match", "regexp_matches", "regexp_split_to_table", "regexp_split_to_array", "regexp_count",
              "regexp_instr", "regexp_substr", '"substring"'):
    _special(f"{_name}(text,text)", _SUBJECTS, _REGEXES)
    _special(f"{_name}(text,text,text)", _SUBJECTS, _REGEXES, _FLAGS)
_special('"substring"(text,text,text)', _SUBJECTS, _SIMILAR, ("#", "\\", "", "ab"))
_special("regexp_replace(text,text,text)", _SUBJECTS, _REGEXES, ("X", "[\\&]", "\\1-\\2", "\\\\", "\\", "\\x"))
_special("regexp_replace(text,text,text,text)", _SUBJECTS, _REGEXES, ("X", "[\\&]", "\\1-\\2"), (*_FLAGS, "1"))
_STARTS = ("1", "2", "0", "5", "-1")
_special("regexp_replace(text,text,text,integer)", _SUBJECTS, _REGEXES, ("X", "[\\&]"), _STARTS)
_special("regexp_replace(text,text,text,integer,integer)", _SUBJECTS, _REGEXES, ("X", "[\\&]"), _STARTS, ("0", "1", "2", "-1"))
_special("regexp_replace(text,text,text,integer,integer,text)", _SUBJECTS, _REGEXES, ("X", "[\\&]"), _STARTS, ("0", "1", "2", "-1"), _FLAGS)
_special("regexp_count(text,text,integer)", _SUBJECTS, _REGEXES, _STARTS)
_special("regexp_count(text,text,integer,text)", _SUBJECTS, _REGEXES, _STARTS, _FLAGS)
_ONES = ("1", "2", "0", "3", "-1")
_special("regexp_instr(text,text,integer); regexp_substr(text,text,integer)", _SUBJECTS, _REGEXES, _STARTS)
_special("regexp_instr(text,text,integer,integer); regexp_substr(text,text,integer,integer)", _SUBJECTS, _REGEXES, _STARTS, _ONES)
_special("regexp_instr(text,text,integer,integer,integer)", _SUBJECTS, _REGEXES, _STARTS, _ONES, ("0", "1", "2"))
_special("regexp_instr(text,text,integer,integer,integer,text)", _SUBJECTS, _REGEXES, _STARTS, _ONES, ("0", "1"), _FLAGS)
_special("regexp_instr(text,text,integer,integer,integer,text,integer)", _SUBJECTS, _REGEXES, _STARTS, _ONES, ("0", "1"), _FLAGS, _ONES)
_special("regexp_substr(text,text,integer,integer,text)", _SUBJECTS, _REGEXES, _STARTS, _ONES, _FLAGS)
_special("regexp_substr(text,text,integer,integer,text,integer)", _SUBJECTS, _REGEXES, _STARTS, _ONES, _FLAGS, _ONES)

# dates and times; without what runs over in PostgreSQL

_NEAR = tuple(text for text in POOLS["timestamp without time zone"] if "29427" not in text and "infinity" not in text)
_special("timestamp_mi(timestamp without time zone,timestamp without time zone)", (*_NEAR, "infinity"), (*_NEAR, "-infinity"))
_special("age(timestamp without time zone,timestamp without time zone)", _NEAR, _NEAR)
_NEAR = tuple(text for text in POOLS["timestamp with time zone"] if "infinity" not in text)
_special("age(timestamp with time zone,timestamp with time zone)", _NEAR, _NEAR)

_UNITS = ("microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century",
          "millennium", "dow", "isodow", "doy", "isoyear", "julian", "epoch", "timezone", "timezone_hour", "fortnight", "DAY", "")
for _type in ("date", "interval", "time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone"):
    _special(f'date_part(text,{_type}); "extract"(text,{_type}); date_trunc(text,{_type})', _UNITS, POOLS[_type])
_ZONES = ("UTC", "America/New_York", "europe/london", "PST", "MSK", "Asia/Kathmandu", "Nowhere", "+02", "UTC+3", "EST5EDT")
_special("date_trunc(text,timestamp with time zone,text)", _UNITS, POOLS["timestamp with time zone"], _ZONES)
for _type in ("time with time zone", "timestamp without time zone", "timestamp with time zone"):
    _special(f"timezone(text,{_type})", _ZONES[:6] if _type[:9] == "time with" else _ZONES, POOLS[_type])
    _special(f"timezone(interval,{_type})", ("02:00", "-05:30:10", "0", "1 day", "1 mon", "30:00"), POOLS[_type])
for _type in ("timestamp without time zone", "timestamp with time zone"):
    _special(f"date_bin(interval,{_type},{_type})", ("15 min", "1 day", "1 mon", "-1 day", "0", "7 days", "00:00:00.000001"), POOLS[_type], POOLS[_type])
_MONTHS: tuple[str, ...]
_YEARS, _MONTHS, _DAYS = ("2024", "2023", "-44", "0", "1", "294277", "5874898", "99999999"), ("1", "2", "12", "0", "13", "-1"), ("1", "29", "31", "0", "32")
_HOURS, _MINUTES, _SECONDS = ("0", "12", "24", "25", "-1"), ("0", "59", "60", "-1"), ("0", "59.9999999", "60", "60.1", "-0.5", "NaN", "7.5", "Infinity")
_special("make_date(integer,integer,integer)", _YEARS, _MONTHS, _DAYS)
_special("make_time(integer,integer,double precision)", _HOURS, _MINUTES, _SECONDS)
_FIELDS = (_YEARS, ("1", "2", "12", "13"), ("1", "29", "31"), ("0", "12", "25"), ("0", "59"), ("0", "59.5", "61"))
_special("make_timestamp(integer,integer,integer,integer,integer,double precision); make_timestamptz(integer,integer,integer,integer,integer,double precision)", *_FIELDS)
_special("make_timestamptz(integer,integer,integer,integer,integer,double precision,text)", *_FIELDS, (*_ZONES, "02", "-05:30", "+99"))
_COUNTED = ("0", "1", "-1", "25", "3000")
_special("make_interval(integer,integer,integer,integer,integer,integer,double precision)", *([_COUNTED] * 6), ("0", "1.5", "-0.0000005", "NaN", "-86400.5"))
_special("to_timestamp(double precision)", ("0", "1.5", "-1e9", "1e30", "NaN", "Infinity", "-Infinity", "1284352323.123456", "-210866803200", "9224318016000"))
_special("interval_mul(interval,double precision); interval_div(interval,double precision)", POOLS["interval"], ("0", "1.5", "-2", "NaN", "1e300", "0.1", "Infinity"))
_special("mul_d_interval(double precision,interval)", ("0", "1.5", "-2", "NaN", "1e300", "0.1", "Infinity"), POOLS["interval"])
for _type in ("time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone"):
    _some = (*POOLS[_type][:4], None)
    for _one in (_type, "interval"):
        for _two in (_type, "interval"):
            _special(f'"overlaps"({_type},{_one},{_type},{_two})', _some, (*POOLS[_one][:4], None), _some, (*POOLS[_two][:4], None))

# templates

_DATE_TEMPLATES = (
    "YYYY-MM-DD HH24:MI:SS", "HH12:MI:SS AM", "HH:MI a.m. p.m. PM", "Day, DD Month YYYY", "FMDay, FMDD FMMonth FMYYYY", "DAY day MONTH month",
    "Dy DY dy Mon MON mon", "DDD IDDD D ID", "WW IW W Q CC", "Y,YYY YYY YY Y", "IYYY IYY IY I", "J RM rm", "FMRM", "MS US FF1 FF2 FF3 FF6",
    "SSSS SSSSS", "TZ tz OF TZH:TZM", "DDth DDTH FMDDth Yth", "A.D. B.C. ad bc", '"text" \\"x" y', "MISS", "FX YYYY", "TMMonth", "xyz", "", "CCth J",
    "FMHH24:FMMI", "ff4ff5", "FMOF FMIDDD FMWW FMCC",
)
for _type in ("timestamp without time zone", "timestamp with time zone", "interval"):
    _special(f"to_char({_type},text)", [text for text in POOLS[_type] if "178000000" not in text], _DATE_TEMPLATES)
_special("to_date(text,text); to_timestamp(text,text)",
    ("2024-02-29", "20240229", "29 Feb 2024", "29 February 2024", "2024 060", "2024-13-01", "2024-02-30", "12:30 PM", "00:30 AM", "13:00 AM", "24-2-3", "2024",
     "44 BC", "2460000", "2024-W05-3", "2024 05 3", "", "abc", "2024/02/29 12:34:56.789", "2024-02-29 12:34:56 +05:30", "2024-02-29 12:34:56-08", "2,024",
     "99", "520", "  2024 - 02  -29", "21 24", "3rd Mar 2024", "86399", "XII 2024", "Thursday 29 Feb 2024", "2024-02-29 25:00:00", "-44-01-01", "99999999999"),
    ("YYYY-MM-DD", "YYYYMMDD", "DD Mon YYYY", "DD Month YYYY", "YYYY DDD", "YYYY-MM-DD HH24:MI:SS.MS", "HH12:MI AM", "YY-MM-DD", "YYYY BC", "J", "IYYY-\"W\"IW-ID",
     "IYYY IW ID", "YYYY/MM/DD HH24:MI:SS.US", "YYYY-MM-DD HH24:MI:SS TZH:TZM", "YYYY-MM-DD HH24:MI:SSTZH", "Y,YYY", "YY", "YYY", "Y", "CC YY", "FMDDth Mon YYYY", "SSSS",
     "RM YYYY", "Day DD Mon YYYY", "FXYYYY-MM-DD", "YYYY WW", "YYYY MM W", "CC", "YYYY-IW", "TZ", "YYYY YYYY", "MM", "", "YYYY Q", "IYYY IDDD", "HH24:MI:SS.FF3"))
_NUMBER_TEMPLATES = (
    "9999", "0000", "9999.99", "0999.990", "FM9999.99", "FM0999.90", "S9999", "9999S", "MI9999", "9999MI", "PL9999", "SG9999", "9999PR", "FM9999PR", "9,999,999.99",
    "FM9G999D99", "L9999", "RN", "rn", "FMRN", "9999TH", "9999th", "999V99", "9.99EEEE", "EEEE", "9EEEE", "B9999", "99.9V9", "9.9.9", "SS9", "S9MI", "PR9", "9PR9",
    "9.99EEEE9", "\"x\"999\"y\"", "99 99", "", "FM99.99S", "FM999999999999999999999.999999", "S99.9", "99.9S", ".99", "FM.99", "0.0", "FM0.9", "C9", "999G", "MISG", "FM9,999", "999.", "PL99.9",
)
_NUMBERS = ("0", "1", "-1", "12", "485", "-485", "3999", "4000", "1234567", "21", "113")
_special("to_char(integer,text)", (*_NUMBERS, "2147483647"), _NUMBER_TEMPLATES)
_special("to_char(bigint,text)", (*_NUMBERS, "9223372036854775807"), _NUMBER_TEMPLATES)
_DECIMALS = (*_NUMBERS, "0.1", "-0.05", "3.1415", "-12.345", "148.5", "9.995", "99.99", "NaN", "Infinity", "1e20", "0.00012", "-Infinity", "1e-10")
for _type in ("numeric", "real", "double precision"):
    _special(f"to_char({_type},text)", _DECIMALS, _NUMBER_TEMPLATES)
_special("to_number(text,text)",
    ("12", "-12", "12-", "1,234.5", "$12.34", "<12>", "+5", "", "abc", "0.001", "12 34", "1234.5678", " 12", "- 12", "12.5-", "1.2.3", "9th", ".5", "-.5"),
    ("9999", "99.99", "9,999.99", "9G999D99", "S99", "99S", "MI99", "99MI", "PL99", "SG99.9", "99PR", "L99.99", "FM999.99", "999V99", "9EEEE", "RN", "99th", "", "S9.9", "9.9S", "x99", "0", "99 99", "9999.9999S", "99.9MI"))

# arrays and series

_special("array_fill(anyelement,integer[])", POOLS["text"][:3], ("{}", "{2}", "{2,3}", "{0}", "{-1}", "{NULL}", "{{1}}", "{1,1,1,1,1,1,1}", None))
_special("array_fill(anyelement,integer[],integer[])", POOLS["text"][:3], ("{}", "{2}", "{2,3}", "{0}"), ("{}", "{2}", "{0,5}", "{NULL}", None))
_special("generate_series(integer,integer); generate_series(bigint,bigint)", ("1", "5", "-3", "7"), ("1", "5", "-3", "9"))
_special("generate_series(integer,integer,integer)", ("1", "5", "-3"), ("1", "5", "-3"), ("1", "2", "-2", "0"))
_special("generate_series(bigint,bigint,bigint)", ("1", "5", "-3"), ("1", "5", "-3"), ("1", "2", "-2", "0"))
_special("generate_series(numeric,numeric)", ("1", "1.50", "-3", "NaN", "Infinity"), ("1", "5.005", "-3", "NaN", "-Infinity"))
_special("generate_series(numeric,numeric,numeric)", ("1", "1.50", "-3"), ("1", "5.005", "-3"), ("1", "0.25", "-1.125", "0", "NaN"))
_special("generate_series(timestamp without time zone,timestamp without time zone,interval)", ("2024-01-31", "2024-03-10 01:00"), ("2024-06-01", "2024-01-01", "2024-03-11"), ("1 mon", "-1 mon", "6:00", "0", "1 day"))
_special("generate_series(timestamp with time zone,timestamp with time zone,interval)", ("2024-01-31", "2024-03-09 01:00"), ("2024-06-01", "2024-01-01", "2024-03-12"), ("1 mon", "-1 mon", "6:00", "0", "1 day"))
_special("generate_subscripts(anyarray,integer)", ("{}", "{1,2}", "[0:1]={1,2}", "{{1,2},{3,4}}"), ("0", "1", "2", "3"))
_special("generate_subscripts(anyarray,integer,boolean)", ("{}", "{1,2}", "[0:1]={1,2}", "{{1,2},{3,4}}"), ("0", "1", "2", "3"), _BOOLS)
for _name in ("array_length", "array_lower", "array_upper", "trim_array"):
    _special(f"{_name}(anyarray,integer)", ("{}", "{1,2}", "[0:1]={1,2}", "{{1,2},{3,4}}", "{1,2,3,4}"), ("0", "1", "2", "3", "-1"))
_special("array_to_string(anyarray,text)", ("{}", "{1,2}", "{{1,2},{3,4}}", "{1,NULL,3}"), (",", "", " and "))
_special("array_to_string(anyarray,text,text)", ("{}", "{1,2}", "{{1,2},{3,4}}", "{1,NULL,3}", None), (",", "", None), ("*", "", None))
_special("enum_range(anyenum,anyenum)", ("sad", "happy", None), ("ok", "sad", None))
_special("width_bucket(anycompatible,anycompatiblearray)", ("0", "1", "2", "5", "100"), ("{}", "{1,2,5}", "{1,NULL}", "{{1,2}}"))

# aggregates, and functions of any types

DIRECT = {"percentile_cont": 1, "percentile_disc": 1, "mode": 0, "rank": 2, "dense_rank": 2, "percent_rank": 2, "cume_dist": 2}
"""How many direct arguments an aggregate with WITHIN GROUP has here."""

TYPES: dict[str, tuple[tuple[str, ...], ...]] = {
    "array_agg(anyarray)": (("integer[]",), ("text[]",)),
    'concat("any")': (("text", "integer", "boolean"), ("double precision", "timestamp with time zone"), ("VARIADIC text[]",)),
    'concat_ws(text,"any")': (("text", "integer", "boolean", "text"), ("text", "VARIADIC text[]")),
    'num_nulls("any")': (("integer", "text"), ("VARIADIC integer[]",)),
    'num_nonnulls("any")': (("integer", "text"), ("VARIADIC integer[]",)),
    'format(text,"any")': (("text", "text", "integer"), ("text", "VARIADIC text[]"), ("text", "boolean")),
    'json_build_array("any")': (("integer", "text", "boolean", "numeric"), ("double precision", "jsonb", "json"), ("VARIADIC text[]",), ("integer[]", "text[]"), ("date", "timestamp without time zone", "timestamp with time zone", "interval")),
    'jsonb_build_array("any")': (("integer", "text", "boolean", "numeric"), ("double precision", "jsonb", "json"), ("VARIADIC text[]",), ("integer[]", "text[]"), ("date", "timestamp without time zone", "timestamp with time zone", "interval")),
    'json_build_object("any")': (("text", "integer"), ("integer", "text", "boolean", "jsonb"), ("text",), ("VARIADIC text[]",), ("text[]", "text")),
    'jsonb_build_object("any")': (("text", "integer"), ("integer", "text", "boolean", "jsonb"), ("text",), ("VARIADIC text[]",), ("text[]", "text")),
    "to_json(anyelement)": (("integer",), ("text",), ("numeric",), ("double precision",), ("jsonb",), ("json",), ("integer[]",), ("text[]",), ("date",), ("timestamp with time zone",), ("boolean",), ("mood",)),
    "to_jsonb(anyelement)": (("integer",), ("text",), ("numeric",), ("double precision",), ("jsonb",), ("json",), ("integer[]",), ("text[]",), ("date",), ("timestamp with time zone",), ("boolean",), ("mood",)),
    "json_agg(anyelement)": (("integer",), ("text",), ("jsonb",), ("numeric",)),
    "jsonb_agg(anyelement)": (("integer",), ("text",), ("jsonb",), ("numeric",)),
    'json_object_agg("any","any")': (("text", "integer"), ("integer", "jsonb")),
    'jsonb_object_agg("any","any")': (("text", "integer"), ("integer", "jsonb")),
    'rank("any")': (("integer", "text", "integer", "text"),),
    'dense_rank("any")': (("integer", "text", "integer", "text"),),
    'percent_rank("any")': (("integer", "text", "integer", "text"),),
    'cume_dist("any")': (("integer", "text", "integer", "text"),),
    'count("any")': (("integer",),),
    'pg_typeof("any")': (("integer",), ("text[]",), ("character varying",)),
    'pg_column_size("any")': (("integer",),),
    "json_extract_path(json,text[])": (("json", "VARIADIC text[]"),),
    "json_extract_path_text(json,text[])": (("json", "VARIADIC text[]"),),
    "jsonb_extract_path(jsonb,text[])": (("jsonb", "VARIADIC text[]"),),
    "jsonb_extract_path_text(jsonb,text[])": (("jsonb", "VARIADIC text[]"),),
    "jsonb_delete(jsonb,text[])": (("jsonb", "VARIADIC text[]"),),
}
"""Types of the arguments of functions that take any."""

_special('concat_ws(text,"any")', (",", "", None), ("1", "2", None), ("t", None), ("x", None))
_special('format(text,"any")', ("%s", "%1$s %2$s", "%L-%I", "%5s|%-5s|", "%*s", "%2$*1$s", "%%", "%s %s %s", "%z", "%1$", "%0$s", "% s", "%2$L", "%-10I", "%1$*2$L", None),
         ("", "abc", "a b", "x'y", "5", None), ("7", "-7", "2", None))
_special("sum(bigint)", (*_INTEGERS, "9223372036854775807"))
_special("sum(interval)", tuple(t for t in POOLS["interval"] if "178000000" not in t))
_special("avg(interval)", tuple(t for t in POOLS["interval"] if "178000000" not in t))
_special("sum(double precision)", ("1", "2.5", "-1e308", "1e308", "0.1", "NaN", "Infinity", "-Infinity", None))
for _name in ("var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp", "stddev", "avg"):
    _special(f"{_name}(double precision); {_name}(real)", ("1", "2.5", "-1e30", "7", "0.1", "NaN", "Infinity", None, "3", "4"))
for _name in ("regr_sxx", "regr_syy", "regr_sxy", "regr_avgx", "regr_avgy", "covar_pop", "covar_samp", "corr", "regr_r2", "regr_slope", "regr_intercept", "regr_count"):
    _special(f"{_name}(double precision,double precision)", ("1", "2.5", "7", "0.1", "NaN", "Infinity", None, "3"), ("1", "2.5", "7", "0.1", None, "3"))
_special("percentile_disc(double precision,anyelement)", ("0", "0.5", "0.3", "1", None), ("1", "2", "5", "7", None))
_special("percentile_disc(double precision[],anyelement)", ("{0,0.5,1}", "{NULL,0.3}", "{{0.1,0.2}}"), ("1", "2", "5", "7", None))
_special("percentile_cont(double precision,double precision)", ("0", "0.5", "0.3", "1", "1.5", "-0.1", "NaN"), ("1", "2.5", "5", "7", None))
_special("percentile_cont(double precision[],double precision)", ("{0,0.5,1}", "{NULL,0.3}", "{2}"), ("1", "2.5", "5", "7", None))
_special("percentile_cont(double precision,interval)", ("0", "0.5", "0.3", "1"), ("1 day", "2 mons", "03:00", None))
_special("percentile_cont(double precision[],interval)", ("{0,0.5,1}", "{NULL,0.3}"), ("1 day", "2 mons", "03:00", None))
_special("mode(anyelement)", ("1", "2", "1", "7", None))
for _name in ("rank", "dense_rank", "percent_rank", "cume_dist"):
    _special(f'{_name}("any")', ("1", "2", "3"), ("a", "b", "c"), ("1", "2", "3", None), ("a", "b", "c", None))
_special("array_agg(anyarray)", ("{1,2}", "{3,NULL}", "{1}", "{}", None))

# JSON

_KEYS = ("a", "b", "bb", "", "é", "x", "0", "nosuch")
_PATHS = ("{}", "{a}", "{a,b}", "{b,c,1}", "{0}", "{-1}", "{2,0}", "{1,a}", "{bb}", "{9}", "{a,NULL}", "{x}", "{0,a}")
for _type in ("json", "jsonb"):
    for _suffix in ("", "_text"):
        _special(f"{_type}_object_field{_suffix}({_type},text)", POOLS[_type], _KEYS)
        _special(f"{_type}_array_element{_suffix}({_type},integer)", POOLS[_type], ("0", "1", "2", "-1", "-9"))
        _special(f"{_type}_extract_path{_suffix}({_type},text[])", POOLS[_type], _PATHS)
_special("jsonb_exists(jsonb,text); jsonb_delete(jsonb,text)", POOLS["jsonb"], _KEYS)
_special("jsonb_exists_any(jsonb,text[]); jsonb_exists_all(jsonb,text[]); jsonb_delete(jsonb,text[]); jsonb_delete_path(jsonb,text[])", POOLS["jsonb"], _PATHS)
_special("jsonb_delete(jsonb,integer)", POOLS["jsonb"], ("0", "1", "-1", "9"))
_special("jsonb_set(jsonb,text[],jsonb,boolean); jsonb_insert(jsonb,text[],jsonb,boolean)", POOLS["jsonb"], _PATHS, ("9", '{"z":1}', "null"), _BOOLS)
_special("jsonb_set_lax(jsonb,text[],jsonb,boolean,text)", POOLS["jsonb"][5:9], _PATHS[:6], ("9", None), _BOOLS, ("delete_key", "return_target", "use_json_null", "raise_exception", "x", None))
_special("json_object(text[]); jsonb_object(text[])", ("{}", "{a,b}", "{a,b,c}", "{{a,1},{b,NULL}}", "{{a,b,c}}", "{NULL,1}", '{a,"x\\"y"}', "{{{a}}}"))
_special("json_object(text[],text[]); jsonb_object(text[],text[])", ("{}", "{a,b}", "{a,NULL}", "{{a,1}}"), ("{}", "{1,2}", "{1,NULL}", "{1}"))

# network addresses, bits, money

_special("set_masklen(inet,integer)", POOLS["inet"], ("0", "24", "32", "-1", "33", "128", "-2"))
_special("set_masklen(cidr,integer)", POOLS["cidr"], ("0", "24", "32", "-1", "33", "128", "-2"))
_special('"bit"(integer,integer); "bit"(bigint,integer)', ("0", "5", "-1", "2147483647", "-2147483648"), ("1", "4", "8", "32", "40", "70", "0", "-1"))
_special('"bit"(bit,integer,boolean)', POOLS["bit"], ("-1", "4", "8", "12"), _BOOLS)
_special("varbit(bit varying,integer,boolean)", POOLS["bit varying"], ("-1", "4", "8", "12"), _BOOLS)
_special('"substring"(bit,integer)', POOLS["bit"], _COUNTS)
_special('"substring"(bit,integer,integer)', POOLS["bit"], _COUNTS, _COUNTS)
_special('"overlay"(bit,bit,integer)', POOLS["bit"], ("", "11"), _COUNTS)
_special('"overlay"(bit,bit,integer,integer)', POOLS["bit"], ("", "11"), _COUNTS, _COUNTS)
_special("get_bit(bit,integer)", POOLS["bit"], ("0", "1", "-1", "9"))
_special("set_bit(bit,integer,integer)", POOLS["bit"], ("0", "1", "-1", "9"), ("0", "1", "2"))
_special("bitshiftleft(bit,integer); bitshiftright(bit,integer)", POOLS["bit"], ("0", "1", "-1", "3", "100", "-100"))
_special("cash_words(money)", ("0", "1", "1.01", "-12.34", "1234567.89", "100", "20.20", "115.15", "1000000", "350.99"))
_special("pg_lsn(numeric)", ("0", "23783416", "18446744073709551615", "18446744073709551616", "-1", "NaN", "Infinity", "1.5"))
_special("pg_lsn_pli(pg_lsn,numeric); pg_lsn_mii(pg_lsn,numeric)", POOLS["pg_lsn"], ("0", "16", "-1", "1e20", "NaN", "Infinity"))
_special("numeric_pl_pg_lsn(numeric,pg_lsn)", ("0", "16", "-1", "1e20", "NaN", "Infinity"), POOLS["pg_lsn"])
_special("abbrev(cidr)", tuple(text for text in POOLS["cidr"] if ":" not in text))

# SQL/JSON path

_TARGETS = ("null", "1", "[]", "{}", "[1,2,3]", '{"a":1,"b":[1,2,{"c":"x"}]}', '{"a":{"b":{"c":5}}}', '[{"a":1},{"a":2},{"b":3}]', '"abc"', "[[1],[2,3]]", "-2.5", '{"a":"12.5"}', "true",
            '{"a":[{"b":"foo"},{"b":"bar"},{"b":null}]}')
_JSON_PATHS = (
    "$", "$.a", "strict $.a", "$[*]", "strict $[*]", "$.*", "$.**", "$.**{1}", "$.**{1 to 2}", "$.**{last}", "$[0]", "$[last]", "strict $[9]", "$[0 to 1]", "$[0,2]", "$.a ? (@ > 1)",
    "$[*] ? (@.a > 1)", "$.b[*].c", '$.a.b ? (@ starts with "f")', '$.a.b like_regex "^F" flag "i"', "$ + 1", "$.a * 2", "-$[*]", "1 / 0", "$.a / 0", "$.type()", "$.size()", "$.a.double()",
    "$.abs()", "$.floor()", "$.ceiling()", "exists($.a)", "$.a == 1", "$.a == null", "!($.a == 1)", "($.a == 1) is unknown", "$.a > 0 && $.a < 5", "$.a > 5 || $.a == 1",
    "$x", "$.a ? (@ == $x)", "$[$x]", "strict $.a.b.c", "lax $.a.b.c", "$[*] ? (exists(@.a))", "$ ? (@ == \"abc\")", "(1 + 2) * 3", "2 + 3 * 4 - 1", "-(1)", "$[*] ? (@ % 2 == 1)",
    "$.a.**.b", "null", '"x"', "1.50", "true", "$[last - 1]", "$.\"a\"", "$[1.7]", "$[\"a\"]", "$.a[*] ? (@.b == null)", "1 == 1", "$.a <> 1", "$ ? (@.a[*].b starts with \"b\")",
)
_VARS = ('{"x": 1}', "{}", "[]", '{"x": "y"}')
for _suffix in ("", "_tz"):
    for _name in ("exists", "match", "query", "query_array", "query_first"):
        _special(f"jsonb_path_{_name}{_suffix}(jsonb,jsonpath,jsonb,boolean)", _TARGETS, _JSON_PATHS, _VARS, _BOOLS)
for _name in ("exists", "match"):
    _special(f"jsonb_path_{_name}_opr(jsonb,jsonpath)", _TARGETS, _JSON_PATHS)
_special("jsonpath_send(jsonpath)", (*_JSON_PATHS, "", "$.", "@", "last", "$.a ?", "$[", "1a", "$.a == ", "strict", "$.a.type(", "$ ? (1)", "(1).type()", "($.a + 1).abs()", "$.a.size().type()", "!exists($.a)", "+1", "$.a + -1", "\"\\u0041\\n\"", "$a.b", "$[0 to last]", "$.a starts with $x"))
