"""What every type is: one object with its row of pg_type, its text and binary forms, its form in SQLite and its keys.

A value is at rest in its *storage form*, an SQLite value: what rows give and what is bound. `input`, `output`,
`receive` and `send` are between that form and the wire, PostgreSQL's functions of the same names; `load` and `store`
are between it and the Python value that is calculated with, where they differ. Sans-IO; the runtime's errors are all
that is imported from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from .errors import SqlError, bad_binary, cut_binary
from .settings import DEFAULT, Settings

__all__ = ["SPACES", "AnyType", "S", "Type", "exactly", "parts_of"]

S = TypeVar("S", int, str, bytes, float | str, int | str)

_MAX_VARIANTS = 256

#: isspace() of the C locale, which PostgreSQL skips around most values
SPACES = " \t\n\v\f\r"


AnyType: TypeAlias = "Type[Any]"


class Type(Generic[S]):
    """One type, or one type with a modifier.

    Args:
        oid: pg_type.oid.
        typname: pg_type.typname.
        name: how format_type() spells it; error messages use it too.
        array_oid: pg_type.typarray, 0 without one.
        typlen: pg_type.typlen.
        category: pg_type.typcategory.
        declared: the type of its columns in a STRICT table.
        preferred: pg_type.typispreferred.
    """

    __slots__ = (
        "array_oid",
        "category",
        "declared",
        "name",
        "oid",
        "preferred",
        "typlen",
        "typmod",
        "typname",
        "variants",
    )

    array_delimiter = ","
    """pg_type.typdelim."""

    def __init__(
        self,
        oid: int,
        typname: str,
        name: str,
        array_oid: int,
        typlen: int,
        category: str,
        declared: str,
        *,
        preferred: bool = False,
        typmod: int = -1,
    ) -> None:
        self.oid = oid
        self.typname = typname
        self.name = name
        self.array_oid = array_oid
        self.typlen = typlen
        self.category = category
        self.declared = declared
        self.preferred = preferred
        self.typmod = typmod
        #: the same type with other modifiers, shared by all of them
        self.variants: dict[int, AnyType] = {typmod: self}

    def __repr__(self) -> str:
        return f"<{self.format_type()}>"

    # text and binary forms

    def input(self, text: str, settings: Settings = DEFAULT) -> S:
        """The storage form of what `text` spells.

        Raises:
            SqlError: it spells no value of the type.
        """
        raise NotImplementedError

    def output(self, stored: S, settings: Settings = DEFAULT) -> str:
        """The text form."""
        return str(stored)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> S:
        """The storage form of a value in binary form.

        Raises:
            SqlError: 08P01 when it is too short, 22P03 when it is wrong otherwise.
        """
        raise NotImplementedError

    def send(self, stored: S) -> bytes:
        """The binary form."""
        raise NotImplementedError

    def decode(self, data: bytes, binary: bool, settings: Settings = DEFAULT) -> S:
        """The storage form of a parameter as it came.

        Raises:
            SqlError: as `input` and `receive`; 22021 when text is not UTF-8 or has a NUL.
        """
        if binary:
            return self.receive(data, settings)
        return self.input(decode_utf8(data), settings)

    def input_column(self, texts: Sequence[str | None], settings: Settings = DEFAULT) -> list[S | None]:
        """The storage forms of many texts; None stays None.

        Raises:
            SqlError: as `input`, for one of them.
        """
        input = self.input
        distinct = set(texts)
        if len(distinct) * 2 > len(texts):
            return [None if text is None else input(text, settings) for text in texts]
        known = {text: None if text is None else input(text, settings) for text in distinct}
        return [known[text] for text in texts]

    def encode_column(
        self, values: Sequence[S | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        """A column of a result, as the fields of DataRow messages hold it; None stays None."""
        if binary:
            return _each(self.send, values)
        output = self.output
        return [None if value is None else output(value, settings).encode() for value in values]

    # Python values

    def load(self, stored: S) -> Any:
        """The Python value to calculate with."""
        return stored

    def store(self, value: Any) -> S:
        """The storage form of a Python value."""
        stored: S = value
        return stored

    # equality and order

    @property
    def has_equality(self) -> bool:
        """Whether `=`, DISTINCT and GROUP BY exist for it; json has none (42883)."""
        return True

    @property
    def has_order(self) -> bool:
        """Whether `<` and ORDER BY exist for it."""
        return self.has_equality

    def eqkey(self, expression: str) -> str:
        """The SQLite expression whose binary equality is PostgreSQL's equality of `expression`."""
        return expression

    def ordkey(self, expression: str) -> str:
        """The SQLite expression whose binary order is PostgreSQL's order of `expression`."""
        return self.eqkey(expression)

    def equality(self, stored: S) -> Any:
        """What `eqkey` computes, in Python."""
        return stored

    def order(self, stored: S) -> Any:
        """What `ordkey` computes, in Python. Numbers come before texts, as in SQLite."""
        return self.equality(stored)

    # modifiers

    def typmodin(self, arguments: Sequence[str]) -> int:
        """The modifier of `name(arguments)`.

        Raises:
            SqlError: 42601 for a type without modifiers, 22023 for a modifier it cannot have.
        """
        raise SqlError("42601", f'type modifier is not allowed for type "{self.typname}"')

    def typmodout(self) -> str:
        """The modifier as format_type() writes it, "" without one."""
        return ""

    def format_type(self) -> str:
        """Name and modifier, as the function of this name spells them."""
        return self.name + self.typmodout()

    def modified(self, typmod: int) -> Type[S]:
        """The type with a modifier; its storage form may be another one."""
        if typmod == self.typmod:
            return self
        variants = self.variants
        found = variants.get(typmod)
        if found is None:
            found = self._modified(typmod)
            if found is self:
                return self
            if len(variants) >= _MAX_VARIANTS:  # modifiers come from statements, so there may be any number
                for old in list(variants)[1:]:
                    del variants[old]
            found.variants = variants
            variants[typmod] = found
        return found

    def _modified(self, typmod: int) -> AnyType:
        """A new object for a modifier; a type without modifiers gives itself."""
        return self

    def coerce(self, stored: S, explicit: bool = False) -> S:
        """A value of the same type, in its storage form without modifier, brought to this modifier.

        Args:
            stored: the value.
            explicit: in a cast that is written out: what is too long is then cut for some types.

        Raises:
            SqlError: it does not fit.
        """
        return stored


def _each(function: Callable[[Any], bytes], values: Iterable[Any]) -> list[bytes | None]:
    return [None if value is None else function(value) for value in values]


def parts_of(kind: AnyType) -> Iterator[AnyType]:
    """A type, and those that its values are made of: of elements, bounds, fields."""
    yield kind
    for name in ("element", "subtype", "range"):
        inner = getattr(kind, name, None)
        if isinstance(inner, Type):
            yield from parts_of(inner)
    fields = getattr(kind, "fields", ())
    for each in fields if isinstance(fields, tuple) else ():
        if isinstance(each, Type):
            yield from parts_of(each)


def exactly(data: bytes, length: int) -> bytes:
    """`data`, which must have this length: a message field that is too short, or has more behind its value.

    Raises:
        SqlError: 08P01 or 22P03.
    """
    if len(data) != length:
        raise cut_binary() if len(data) < length else bad_binary()
    return data


def decode_utf8(data: bytes) -> str:
    """Text of a client.

    Raises:
        SqlError: 22021 character_not_in_repertoire.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error.start) from None
    if "\0" in text:
        raise _not_utf8(data, data.index(0))
    return text


def _not_utf8(data: bytes, start: int) -> SqlError:
    """PostgreSQL shows as many bytes as the first one announces, and no more than there are."""
    first = data[start]
    length = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4 if first < 0xF8 else 1
    shown = " ".join(f"0x{byte:02x}" for byte in data[start : start + length])
    return SqlError("22021", f'invalid byte sequence for encoding "UTF8": {shown}')
