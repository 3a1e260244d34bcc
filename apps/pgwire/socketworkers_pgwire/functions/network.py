"""Network addresses: PostgreSQL 15 documentation §9.12."""

from __future__ import annotations

from collections.abc import Callable

from ..types.errors import SqlError, invalid_parameter
from ..types.network import INET, MACADDR, MACADDR8, Address, address_text, network_mask
from .comparison import register_choices, register_tests
from .kinds import same
from .registry import scalar

__all__: list[str] = []

register_tests("network_", "inet,inet", same, same, "network_cmp")
register_choices("network_", "inet", same)
for _kind in ("macaddr", "macaddr8"):
    register_tests(f"{_kind}_", f"{_kind},{_kind}", same, same, f"{_kind}_cmp")

_load, _store = INET.load, INET.store


def _of_address(function: Callable[[Address], Address]) -> Callable[[bytes], bytes]:
    return lambda stored: _store(function(_load(stored)))


def _network(address: Address) -> Address:
    return address._replace(number=address.number & network_mask(address.width, address.bits))


def _host_mask(address: Address) -> int:
    return (1 << address.width - address.bits) - 1


scalar("host(inet)")(lambda stored: address_text(_load(stored)))
scalar("text(inet)")(lambda stored: f"{address_text(_load(stored))}/{_load(stored).bits}")
scalar("abbrev(inet)")(INET.output)
scalar("family(inet)")(lambda stored: 4 if stored[0] == 2 else 6)
scalar("masklen(inet)")(lambda stored: _load(stored).bits)
scalar("network(inet)", "cidr(inet)")(_of_address(_network))
scalar("broadcast(inet)")(_of_address(lambda a: a._replace(number=a.number | _host_mask(a))))
scalar("netmask(inet)")(_of_address(lambda a: Address(a.family, network_mask(a.width, a.bits), a.width)))
scalar("hostmask(inet)")(_of_address(lambda a: Address(a.family, _host_mask(a), a.width)))


@scalar("abbrev(cidr)")
def _abbreviated(stored: bytes) -> str:
    """Without the bytes behind the mask."""
    address = _load(stored)
    if address.family != 2:
        raise SqlError("0A000", "abbrev() of an IPv6 network is not supported")
    octets = address.number.to_bytes(4)[: max((address.bits + 7) // 8, 1)]
    return f"{'.'.join(map(str, octets))}/{address.bits}"


def _with_mask(stored: bytes, bits: int, network: bool) -> bytes:
    address = _load(stored)
    if bits == -1:
        bits = address.width
    if not 0 <= bits <= address.width:
        raise invalid_parameter(f"invalid mask length: {bits}")
    changed = address._replace(bits=bits)
    return _store(_network(changed) if network else changed)


scalar("set_masklen(inet,integer)")(lambda stored, bits: _with_mask(stored, bits, False))
scalar("set_masklen(cidr,integer)")(lambda stored, bits: _with_mask(stored, bits, True))
scalar("inet_same_family(inet,inet)")(lambda a, b: int(a[0] == b[0]))


@scalar("inet_merge(inet,inet)")
def _merge(a: bytes, b: bytes) -> bytes:
    first, second = _load(a), _load(b)
    if first.family != second.family:
        raise invalid_parameter("cannot merge addresses from different families")
    bits = min(first.bits, second.bits, first.width - (first.number ^ second.number).bit_length())
    return _store(_network(first._replace(bits=bits)))


def _within(inner: Address, outer: Address) -> bool:
    return inner.family == outer.family and (inner.number ^ outer.number) >> outer.width - outer.bits == 0


def _contains(strict: bool, swapped: bool) -> Callable[[bytes, bytes], int]:
    def test(a: bytes, b: bytes) -> int:
        inner, outer = (_load(b), _load(a)) if swapped else (_load(a), _load(b))
        longer = inner.bits > outer.bits if strict else inner.bits >= outer.bits
        return int(longer and _within(inner, outer))

    return test


scalar("network_sub(inet,inet)")(_contains(True, False))
scalar("network_subeq(inet,inet)")(_contains(False, False))
scalar("network_sup(inet,inet)")(_contains(True, True))
scalar("network_supeq(inet,inet)")(_contains(False, True))


@scalar("network_overlap(inet,inet)")
def _overlap(a: bytes, b: bytes) -> int:
    first, second = _load(a), _load(b)
    if first.bits < second.bits:
        first, second = second, first
    return int(_within(first, second))


def _joined(verb: str, join: Callable[[int, int], int]) -> Callable[[bytes, bytes], bytes]:
    def function(a: bytes, b: bytes) -> bytes:
        first, second = _load(a), _load(b)
        if first.family != second.family:
            raise invalid_parameter(f"cannot {verb} inet values of different sizes")
        return _store(Address(first.family, join(first.number, second.number), max(first.bits, second.bits)))

    return function


scalar("inetand(inet,inet)")(_joined("AND", lambda a, b: a & b))
scalar("inetor(inet,inet)")(_joined("OR", lambda a, b: a | b))
scalar("inetnot(inet)")(_of_address(lambda a: a._replace(number=a.number ^ (1 << a.width) - 1)))


def _moved(stored: bytes, distance: int) -> bytes:
    address = _load(stored)
    number = address.number + distance
    if not 0 <= number < 1 << address.width:
        raise SqlError("22003", "result is out of range")
    return _store(address._replace(number=number))


scalar("inetpl(inet,bigint)")(_moved)
scalar("int8pl_inet(bigint,inet)")(lambda distance, stored: _moved(stored, distance))
scalar("inetmi_int8(inet,bigint)")(
    lambda stored, distance: _moved(stored, -distance if distance + (1 << 63) else distance)
)


@scalar("inetmi(inet,inet)")
def _difference(a: bytes, b: bytes) -> int:
    first, second = _load(a), _load(b)
    if first.family != second.family:
        raise invalid_parameter("cannot subtract inet values of different sizes")
    result = first.number - second.number
    if not -1 << 63 <= result < 1 << 63:
        raise SqlError("22003", "result is out of range")
    return result


# MAC addresses

for _mac in (MACADDR, MACADDR8):
    _types = f"({_mac.name},{_mac.name})"
    scalar(f"{_mac.name}_and{_types}")(
        lambda a, b, k=_mac: k.store(bytes(x & y for x, y in zip(k.load(a), k.load(b), strict=True)))
    )
    scalar(f"{_mac.name}_or{_types}")(
        lambda a, b, k=_mac: k.store(bytes(x | y for x, y in zip(k.load(a), k.load(b), strict=True)))
    )
    scalar(f"{_mac.name}_not({_mac.name})")(lambda a, k=_mac: k.store(bytes(~x & 255 for x in k.load(a))))
    scalar(f"trunc({_mac.name})")(lambda a, k=_mac: k.store(k.load(a)[:3].ljust(k.typlen, b"\0")))


@scalar("macaddr8(macaddr)")
def _to_eight(stored: str) -> str:
    return MACADDR8.input(stored)


@scalar("macaddr(macaddr8)")
def _to_six(stored: str) -> str:
    data = MACADDR8.load(stored)
    if data[3:5] != b"\xff\xfe":
        raise SqlError(
            "22003",
            "macaddr8 data out of range to convert to macaddr",
            hint="Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, for example "
            "xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to macaddr.",
        )
    return MACADDR.store(data[:3] + data[5:])


@scalar("macaddr8_set7bit(macaddr8)")
def _set_bit(stored: str) -> str:
    data = MACADDR8.load(stored)
    return MACADDR8.store(bytes((data[0] | 2,)) + data[1:])
