"""The settings of both ends of a tunnel, typed, with their checks. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..address import Address, parse_address
from ..errors import AddressError
from ..settings import Settings, setting
from .policy import IPNetwork, Rule, parse_network
from .target import parse_target

__all__ = ["EntranceConfig", "GatewayConfig"]

#: a program may look at one row of a large answer for long: the other end then waits, as it would without a tunnel
WRITE_TIMEOUT = 600.0
_PATIENCE = "abort a peer that takes nothing for"
#: RFC 9110 §5.1, §5.5
_HEADER = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)")


def _listen_address(text: str, schemes: tuple[str, ...]) -> Address:
    """An address to listen on; with no host it is every one of this machine."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme not in schemes:
        raise ValueError(f"{scheme}:// is nothing to listen on here; {' and '.join(schemes)} are")
    full = text if separator else f"{schemes[0]}://{text}"
    if (rest if separator else text).startswith(":"):
        full = full.replace("://:", "://*:", 1)
    try:
        found = parse_address(full, port_required=False)
    except AddressError as error:
        raise ValueError(str(error)) from None
    if "?" in found.resource:
        raise ValueError("a listener's URL has no query: clients say where they want to go")
    return found


def _parse_rule(text: str) -> Rule:
    try:
        return Rule.parse(text)
    except ValueError as error:
        raise ValueError(
            f"HOST:PORT, such as db:5432, *.example.org:5432, 10.0.0.0/8:5432 or db:5000-5009 ({error})"
        ) from None


def _parse_header(text: str) -> tuple[str, str]:
    found = _HEADER.fullmatch(text.strip())
    if found is None:
        raise ValueError("'Name: value'")
    return found[1], found[2]


def _parse_to(text: str) -> str:
    if text.partition("://")[0] not in ("ws", "wss"):
        raise ValueError("a URL such as wss://host/v1?address=db:5432")
    try:
        parse_address(text)
    except AddressError as error:
        raise ValueError(f"a URL such as wss://host/v1?address=db:5432 ({error})") from None
    return text


def _parse_destination(text: str) -> str:
    try:
        return str(parse_target(text))
    except ValueError as error:
        raise ValueError(f"HOST:PORT ({error})") from None


def _checked(name: str, text: str, schemes: tuple[str, ...]) -> Address:
    try:
        return _listen_address(text, schemes)
    except ValueError as error:
        raise ValueError(f"--{name} {text!r}: {error}") from None


def _parsed(values: Any, parse: Any) -> tuple[Any, ...]:
    """Values that code gave as text, too."""
    values = (values,) if isinstance(values, str) else values
    return tuple(parse(value) if isinstance(value, str) else value for value in values)


@dataclass
class GatewayConfig(Settings):
    """``socketworkers tunnel serve``."""

    listen_on: str = setting(
        "ws://127.0.0.1:8080/v1",
        flag="--listen",
        help="ws:// or wss:// URL; no host = every address, no path = any",
        metavar="URL",
    )
    allow: tuple[Rule, ...] = setting(
        (), help="what clients may reach; nothing by default", metavar="HOST:PORT", parse=_parse_rule
    )
    allow_network: tuple[IPNetwork, ...] = setting(
        (), help="private addresses that those names may stand for", metavar="CIDR", parse=parse_network
    )
    service_tokens: str | None = setting(
        None, help="clients need one of these (lines of `hash-password`)", metavar="FILE"
    )
    connect_timeout: float = setting(8.0, help="time for a connection to the target", kind="duration", advanced=True)
    write_timeout: float = setting(WRITE_TIMEOUT, help=_PATIENCE, kind="duration", advanced=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.allow = _parsed(self.allow, Rule.parse)
        self.allow_network = _parsed(self.allow_network, parse_network)
        if self.data is None and not self.tls:
            self.data = ":memory:"  # there is nothing to keep but a throwaway authority
        if self.listen_on:
            found = _checked("listen", self.listen_on, ("ws", "wss"))
            self.host = found.host
            self.ws_path = found.resource if found.resource != "/" else None
            self.ws_port = self.wss_port = None
            port = found.port or (0 if self._names_port(found) else 8080)
            setattr(self, f"{found.scheme}_port", port)
            #: the option to name, and how, when the port is taken
            shown = "" if found.host == "*" else found.authority.rpartition(":")[0] if found.port else found.host
            self.port_flag = f"--listen {found.scheme}://{shown}:{{port}}{self.ws_path or ''}"

    def _names_port(self, found: Address) -> bool:
        return re.search(r":0(/|$)", self.listen_on) is not None


@dataclass
class EntranceConfig(Settings):
    """``socketworkers tunnel connect``."""

    listen_on: str = setting(
        "127.0.0.1:0", flag="--listen", help="address of the local port; :0 = any free one", metavar="HOST:PORT"
    )
    to: str = setting("", help="the gateway, wss://host/v1?address=db:5432", metavar="URL", parse=_parse_to)
    destination: str = setting(
        "", help="where to, as a header (Cloudflare's dialect)", metavar="HOST:PORT", parse=_parse_destination
    )
    service_token_id: str | None = setting(None, help="id of a service token", metavar="ID")
    service_token_secret: str | None = setting(
        None, help="its secret; better in the environment", metavar="TEXT", secret=True, advanced=True
    )
    header: tuple[tuple[str, str], ...] = setting(
        (), help="more header fields", metavar="'NAME: VALUE'", parse=_parse_header, advanced=True
    )
    ca: str | None = setting(None, help="authorities to trust instead of the system's", metavar="FILE")
    client_cert: str | None = setting(None, help="our certificate, PEM", metavar="FILE", advanced=True)
    client_key: str | None = setting(None, help="its key, PEM", metavar="FILE", advanced=True)
    half_close: bool = setting(True, help="offer the subprotocol tcp-halfclose.v1", advanced=True)
    connect_timeout: float = setting(20.0, help="time to reach the gateway", kind="duration", advanced=True)
    write_timeout: float = setting(WRITE_TIMEOUT, help=_PATIENCE, kind="duration", advanced=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.header = _parsed(self.header, _parse_header)
        self.data = self.data or ":memory:"
        if self.listen_on:
            found = _checked("listen", self.listen_on, ("tcp",))
            self.host, self.port = found.host, found.port
            shown = "" if found.host == "*" else f"[{found.host}]" if ":" in found.host else found.host
            self.port_flag = f"--listen {shown}:{{port}}"
