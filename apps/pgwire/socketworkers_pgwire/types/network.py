"""inet, cidr, macaddr and macaddr8: PostgreSQL 15 documentation §8.9. Sans-IO.

An address is stored as BLOB: family, network (the address with all bits behind the mask gone), length of the mask,
address; that sorts as PostgreSQL does. A MAC address is stored as TEXT in its usual spelling, which sorts so too.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from .base import Type
from .errors import SqlError, bad_binary, cut_binary, invalid_input
from .settings import DEFAULT, Settings

__all__ = ["CIDR", "INET", "MACADDR", "MACADDR8", "Address", "address_text", "network_mask"]

IPV4, IPV6 = 2, 3  # PGSQL_AF_INET, PGSQL_AF_INET6
_WIDTHS = {IPV4: 32, IPV6: 128}


class Address(NamedTuple):
    """An address and its mask, to calculate with."""

    family: int
    """2 for IPv4, 3 for IPv6."""
    number: int
    bits: int
    """Length of the mask."""

    @property
    def width(self) -> int:
        """Bits of an address of the family."""
        return _WIDTHS[self.family]


def network_mask(width: int, bits: int) -> int:
    """A mask of so many bits."""
    return (1 << width) - (1 << width - bits)


def address_text(address: Address) -> str:
    """The address without its mask."""
    if address.family == IPV4:
        return str(ipaddress.IPv4Address(address.number))
    high, low = address.number >> 32, address.number & 0xFFFF_FFFF
    if high == 0xFFFF or (high == 0 and low >> 16):  # an IPv4 address within
        return f"::{'ffff:' if high else ''}{ipaddress.IPv4Address(low)}"
    return str(ipaddress.IPv6Address(address.number))


class Inet(Type[bytes]):
    """inet, or cidr when it is a network."""

    __slots__ = ("network",)

    def __init__(self, oid: int, typname: str, array_oid: int, network: bool) -> None:
        super().__init__(oid, typname, typname, array_oid, -1, "I", "BLOB", preferred=not network)
        self.network = network

    def input(self, text: str, settings: Settings = DEFAULT) -> bytes:
        found = self._parse(text)
        if found is None:
            raise invalid_input(self.name, text)
        if self.network and found.number & ~network_mask(found.width, found.bits):
            detail = "Value has bits set to right of mask."
            raise SqlError("22P02", f'invalid cidr value: "{text}"', detail=detail)
        return self.store(found)

    def _parse(self, text: str) -> Address | None:
        body, slash, mask = text.partition("/")
        bits = int(mask) if mask.isascii() and mask.isdigit() and len(mask) < 4 else -1
        if slash and (bits < 0 or (len(mask) > 1 and mask[0] == "0")):
            return None
        if ":" in body:
            if not slash:
                bits = 128
            try:
                number = int(ipaddress.IPv6Address(body))
            except ValueError:
                return None
            return Address(IPV6, number, bits) if bits <= 128 and "%" not in body else None
        parts = body.split(".")
        if len(parts) > 4 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
            return None
        octets = [int(part) for part in parts]
        if max(octets) > 255 or bits > 32:
            return None
        if not slash:
            if self.network:
                bits = max(_class_bits(octets[0]), 8 * len(octets))
            elif len(octets) == 4:
                bits = 32
            else:
                return None
        elif not self.network and bits // 8 > len(octets):
            return None
        number = int.from_bytes(bytes(octets).ljust(4, b"\0"))
        return Address(IPV4, number, bits)

    def output(self, stored: bytes, settings: Settings = DEFAULT) -> str:
        address = self.load(stored)
        if not self.network and address.bits == address.width:
            return address_text(address)
        return f"{address_text(address)}/{address.bits}"

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> bytes:
        if len(data) < 4:
            raise cut_binary()
        family, bits, _, length = data[:4]
        if family not in _WIDTHS:
            raise bad_binary(f'invalid address family in external "{self.name}" value')
        width = _WIDTHS[family]
        if bits > width:
            raise bad_binary(f'invalid bits in external "{self.name}" value')
        if length * 8 != width:
            raise bad_binary(f'invalid length in external "{self.name}" value')
        if len(data) != 4 + length:
            raise cut_binary() if len(data) < 4 + length else bad_binary()
        address = Address(family, int.from_bytes(data[4:]), bits)
        if self.network and address.number & ~network_mask(width, bits):
            error = bad_binary('invalid external "cidr" value')
            error.detail = "Value has bits set to right of mask."
            raise error
        return self.store(address)

    def send(self, stored: bytes) -> bytes:
        address = self.load(stored)
        data = address.number.to_bytes(address.width // 8)
        return bytes((address.family, address.bits, self.network, len(data))) + data

    def load(self, stored: bytes) -> Address:
        size = _WIDTHS[stored[0]] // 8
        return Address(stored[0], int.from_bytes(stored[size + 2 :]), stored[size + 1])

    def store(self, value: Address) -> bytes:
        size = value.width // 8
        network = value.number & network_mask(value.width, value.bits)
        return b"".join(
            (bytes((value.family,)), network.to_bytes(size), bytes((value.bits,)), value.number.to_bytes(size))
        )


def _class_bits(first: int) -> int:
    """The mask of a network by its class."""
    if first >= 240:
        return 32
    if first >= 224:
        return 4 if first == 224 else 8
    return 24 if first >= 192 else 16 if first >= 128 else 8


_MAC_FORMS = (
    re.compile(r"([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2})"),
    re.compile(r"([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})"),
    re.compile(r"([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})[:-]([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})"),
    re.compile(r"([0-9a-f]{2})([0-9a-f]{2})[.-]([0-9a-f]{2})([0-9a-f]{2})[.-]([0-9a-f]{2})([0-9a-f]{2})"),
    re.compile(r"([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})"),
)
_MAC8 = re.compile(r"[0-9a-f]{2}(?:([:.-]?)[0-9a-f]{2})(?:\1?[0-9a-f]{2})*")


class MacAddress(Type[str]):
    """macaddr of six bytes, macaddr8 of eight."""

    __slots__ = ()

    def input(self, text: str, settings: Settings = DEFAULT) -> str:
        body = text.strip(" \t\n\r\v\f").lower()
        if self.typlen == 6:
            match = next((found for form in _MAC_FORMS if (found := form.fullmatch(body))), None)
            if match is None:
                raise invalid_input("macaddr", text)
            return ":".join(part.rjust(2, "0") for part in match.groups())
        digits = re.sub("[:.-]", "", body)
        if _MAC8.fullmatch(body) is None or len(digits) not in (12, 16):
            raise invalid_input("macaddr8", text)
        return self.store(_widened(bytes.fromhex(digits)))

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> str:
        if len(data) == 6 and self.typlen == 8:
            data = _widened(data)
        if len(data) != self.typlen:
            raise cut_binary() if len(data) < self.typlen else bad_binary()
        return self.store(data)

    def send(self, stored: str) -> bytes:
        return self.load(stored)

    def load(self, stored: str) -> bytes:
        return bytes.fromhex(stored.replace(":", ""))

    def store(self, value: bytes) -> str:
        return value.hex(":")


def _widened(data: bytes) -> bytes:
    """Six bytes in the middle of eight (EUI-64)."""
    return data if len(data) == 8 else data[:3] + b"\xff\xfe" + data[3:]


INET = Inet(869, "inet", 1041, False)
CIDR = Inet(650, "cidr", 651, True)
MACADDR = MacAddress(829, "macaddr", "macaddr", 1040, 6, "U", "TEXT")
MACADDR8 = MacAddress(774, "macaddr8", "macaddr8", 775, 8, "U", "TEXT")
