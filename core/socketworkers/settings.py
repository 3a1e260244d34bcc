"""One typed dataclass per app declares its settings; this module is what it is declared with.

::

    @dataclass
    class SmtpConfig(Settings):
        domain: tuple[str, ...] = setting((), help="take mail for this domain only", metavar="NAME")
        max_size: int = setting(35_000_000, help="largest message", kind="size")

``Settings`` holds what every app has. ``config`` reads files, the environment and the command line into such a class;
apps, the server and tests only read attributes. Imports nothing of ``socketworkers`` but ``errors``.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal

__all__ = [
    "Setting",
    "Settings",
    "Source",
    "format_duration",
    "format_size",
    "format_value",
    "is_loopback",
    "parse_duration",
    "parse_size",
    "parse_value",
    "setting",
    "settings_of",
]

_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "k": 1024,
    "m": 1024**2,
    "g": 1024**3,
    "t": 1024**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NONE_WORDS = frozenset({"", "none", "off", "never"})
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def parse_size(text: str) -> int:
    """Bytes from ``10MB`` (1000²), ``10MiB`` or ``10M`` (1024²), ``4096``.

    Raises:
        ValueError: the text is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].lower() not in _SIZE_UNITS:
        raise ValueError("a size such as 512KiB, 10MB or 4096")
    return int(float(match[1]) * _SIZE_UNITS[match[2].lower()])


def parse_duration(text: str) -> float:
    """Seconds from ``30s``, ``7d``, ``1h30m``, ``250ms`` or ``12.5``.

    Raises:
        ValueError: the text is no duration.
    """
    text = text.strip()
    if not re.fullmatch(r"(\d+(\.\d+)?)|(\d+(\.\d+)?(ms|s|m|h|d|w))+", text):
        raise ValueError("a duration such as 30s, 1h30m or 7d")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw]|)", text)
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts if number)


def format_size(value: int) -> str:
    """The shortest exact way to write a size."""
    for unit in ("TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"):
        factor = _SIZE_UNITS[unit.lower()]
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def format_duration(value: float) -> str:
    """The shortest exact way to write a duration."""
    for unit in ("w", "d", "h", "m"):
        if value and value % _DURATION_UNITS[unit] == 0:
            return f"{int(value // _DURATION_UNITS[unit])}{unit}"
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from."""

    kind: Literal["command line", "environment", "file", "default"]
    """The layer, strongest first."""
    where: str = ""
    """The option, the variable, or file:line."""

    def __str__(self) -> str:
        return f"{self.kind} ({self.where})" if self.where else self.kind


@dataclass(frozen=True, slots=True)
class _Meta:
    help: str
    flag: str | None
    metavar: str | None
    kind: str | None
    multiple: bool
    advanced: bool
    secret: bool
    choices: tuple[str, ...]
    parse: Callable[[Any], Any] | None


def setting(
    default: Any,
    *,
    help: str,
    flag: str | None = None,
    metavar: str | None = None,
    kind: str | None = None,
    multiple: bool = False,
    advanced: bool = False,
    secret: bool = False,
    choices: Iterable[str] = (),
    parse: Callable[[Any], Any] | None = None,
) -> Any:
    """Declare one setting of a configuration class.

    Args:
        default: its value when nobody gives one.
        help: a few words for ``--help``.
        flag: the option's name; ``--some-name`` from the attribute's name by default.
        metavar: what stands for the value in ``--help``.
        kind: ``size`` or ``duration`` where the type alone (int, float) does not say it; ``network`` for an address
            range; ``table`` for a table of its own in the file, ``[[app.name]]`` for a tuple of them, which is given
            nowhere else; anything else follows from the annotation.
        multiple: the option may be given several times; true for tuples anyway.
        advanced: shown by ``--help-all`` only.
        secret: never printed.
        choices: the words that are allowed; Literal and Enum annotations give theirs.
        parse: turns text into the value; raises ValueError with what it expects. Of a ``table`` it gets the table as a
            dict, and says in the ValueError what is wrong.
    """
    meta = _Meta(help, flag, metavar, kind, multiple, advanced, secret, tuple(choices), parse)
    return dataclasses.field(default=default, metadata={"setting": meta})


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the loader and ``--help`` see it."""

    name: str
    """Attribute and key."""
    flag: str
    """Option on the command line."""
    kind: str
    """``str int float bool size duration choice network custom table``."""
    default: Any
    """Value when nobody gives one."""
    help: str
    """A few words."""
    metavar: str
    """Stands for the value."""
    optional: bool
    """Whether None is a value."""
    multiple: bool
    """Whether the value is a tuple of such values."""
    advanced: bool
    """Shown by ``--help-all`` only."""
    secret: bool
    """Never printed."""
    choices: tuple[str, ...]
    """Allowed words of a choice."""
    parse: Callable[[Any], Any] | None
    """Own parser of the app."""
    enum: type[Enum] | None
    """The enumeration that the words are values of."""
    common: bool
    """Whether every app has it."""


_METAVARS = {"int": "N", "float": "N", "size": "SIZE", "duration": "TIME", "network": "CIDR", "choice": "WORD"}
_PLAIN_KINDS: dict[Any, str] = {str: "str", int: "int", float: "float", bool: "bool", Path: "str"}
_cache: dict[type, tuple[Setting, ...]] = {}


def settings_of(cls: type[Settings]) -> tuple[Setting, ...]:
    """The settings of a configuration class, in the order of declaration (common ones first)."""
    found = _cache.get(cls)
    if found is None:
        hints = typing.get_type_hints(cls)
        fields = dataclasses.fields(cls)
        found = _cache[cls] = tuple(_describe(cls, field, hints[field.name]) for field in fields)
    return found


def _describe(cls: type[Settings], field: dataclasses.Field[Any], hint: Any) -> Setting:
    meta = field.metadata.get("setting") or _Meta("", None, None, None, False, True, False, (), None)
    optional = multiple = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        left = [part for part in typing.get_args(hint) if part is not type(None)]
        optional = len(left) < len(typing.get_args(hint))
        hint = left[0]
    if typing.get_origin(hint) is tuple:
        multiple = True
        hint = typing.get_args(hint)[0]
    choices, enum = meta.choices, None
    if typing.get_origin(hint) is Literal:
        choices = choices or tuple(str(word) for word in typing.get_args(hint))
    elif isinstance(hint, type) and issubclass(hint, Enum):
        enum, choices = hint, tuple(str(member.value) for member in hint)
    plain = _PLAIN_KINDS.get(hint)
    if plain is None and not choices and meta.parse is None:
        raise TypeError(f"{cls.__name__}.{field.name}: a setting cannot be of type {hint}")
    kind = meta.kind or ("custom" if meta.parse else "choice" if choices else plain or "custom")
    if field.default is dataclasses.MISSING:
        raise TypeError(f"{cls.__name__}.{field.name} needs a default")
    metavar = meta.metavar or ("|".join(word for word in choices if word) if choices else _METAVARS.get(kind, "TEXT"))
    return Setting(
        name=field.name,
        flag=meta.flag or "--" + field.name.replace("_", "-"),
        kind=kind,
        default=field.default,
        help=meta.help,
        metavar="" if kind == "bool" else metavar,
        optional=optional,
        multiple=multiple or meta.multiple,
        advanced=meta.advanced,
        secret=meta.secret,
        choices=choices,
        parse=meta.parse,
        enum=enum,
        common=field.name in Settings.__dataclass_fields__,
    )


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE_WORDS:
        return True
    if word in _FALSE_WORDS:
        return False
    raise ValueError("true or false")


def _parse_number(kind: str, text: str) -> int | float:
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise ValueError("a whole number" if kind == "int" else "a number") from None


def _parse_network(text: str) -> str:
    import ipaddress

    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("an address or a network such as 10.0.0.0/8") from None
    return text


def parse_value(item: Setting, text: str) -> Any:
    """One value (of a tuple: one element) from text.

    Raises:
        ValueError: with what is expected, to follow the words "it must be".
    """
    if item.optional and item.parse is None and text.strip().lower() in _NONE_WORDS:
        return None
    if item.kind == "table":
        raise ValueError(f"a table in the file, {item.flag}")
    if item.parse is not None:
        return item.parse(text)
    match item.kind:
        case "bool":
            return _parse_bool(text)
        case "int" | "float":
            number = _parse_number(item.kind, text)
            if item.name.endswith("port") and not 0 <= number <= 65535:
                raise ValueError("a port from 0 (any) to 65535")
            return number
        case "size":
            return parse_size(text)
        case "duration":
            return parse_duration(text)
        case "network":
            return _parse_network(text)
        case "choice":
            if text not in item.choices:
                raise ValueError("one of " + ", ".join(word for word in item.choices if word))
            return item.enum(text) if item.enum else text
        case _:
            return text


def format_value(item: Setting, value: Any) -> str:
    """A value as it is written in a file or shown in help; secrets are not."""
    if value is None or value == ():
        return ""
    if item.secret:
        return "********"
    if item.multiple and isinstance(value, tuple):
        return ", ".join(format_value(item, part) for part in value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if item.kind == "size":
        return format_size(value)
    if item.kind == "duration":
        return format_duration(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on that address."""
    if host in ("127.0.0.1", "::1", "localhost"):
        return True
    import ipaddress

    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0].strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass
class Settings:
    """The settings that every app has. An app's own class derives from it.

    A class that checks what concerns several settings does so in ``__post_init__`` (which calls this one's first) and
    raises ValueError: the text is shown to the user.
    """

    host: str = setting("127.0.0.1", help="address to listen on", metavar="HOST")
    port: int = setting(0, help="port to listen on; 0 = any free one", metavar="PORT")
    data: str | None = setting(None, help="where data is kept; :memory: = gone at exit", metavar="DIR")
    tls_cert: tuple[str, ...] = setting((), help="certificate, PEM, or a folder of them", metavar="FILE")
    tls_key: tuple[str, ...] = setting((), help="its key, PEM", metavar="FILE")
    tls_client_ca: str | None = setting(
        None, help="inside TLS clients need a certificate of these authorities", metavar="FILE", advanced=True
    )
    tls: str = setting("", help="a throwaway certificate of a local CA", choices=("", "auto"))
    tls_port: int | None = setting(None, help="port for TLS from the first byte", metavar="PORT")
    ws_port: int | None = setting(None, help="port for WebSocket", metavar="PORT")
    wss_port: int | None = setting(None, help="port for WebSocket in TLS", metavar="PORT")
    ws_path: str | None = setting(None, help="path of the WebSocket URL, any if none", metavar="PATH", advanced=True)
    ws_origin: tuple[str, ...] = setting(
        (), help="web pages that may connect, * = all", metavar="ORIGIN", advanced=True
    )
    ws_ping: float | None = setting(54.0, help="ping WebSocket clients every", kind="duration", advanced=True)
    udp_port: int | None = setting(None, help="port for UDP", metavar="PORT")
    quic_port: int | None = setting(None, help="port for QUIC", metavar="PORT")
    listen: tuple[str, ...] = setting(
        (), help="listen there as well: quic://HOST:PORT, udp, tls, tcp, ws, wss, unix", metavar="URL", advanced=True
    )
    flow_timeout: float = setting(60.0, help="forget a silent UDP peer after", kind="duration", advanced=True)
    max_flows: int = setting(4096, help="UDP peers at once", advanced=True)
    quic_retry: str = setting(
        "auto",
        help="QUIC clients prove their address first: on, off; auto: under load",
        choices=("auto", "on", "off"),
        metavar="WHEN",
        advanced=True,
    )
    unix: str | None = setting(None, help="Unix socket to listen on as well", metavar="PATH", advanced=True)
    idle_timeout: float | None = setting(
        None, help="close a silent connection after", kind="duration", metavar="SECONDS"
    )
    handshake_timeout: float = setting(10.0, help="deadline of a TLS handshake", kind="duration", advanced=True)
    write_timeout: float = setting(30.0, help="abort a peer that takes nothing for", kind="duration", advanced=True)
    drain_timeout: float = setting(10.0, help="time for connections to end at a stop", kind="duration", advanced=True)
    max_connections: int = setting(10000, help="connections at once", advanced=True)
    max_connections_per_address: int = setting(
        -1, help="the same from one address; 0 = no limit, -1 = 100, none on loopback", advanced=True
    )
    memory_limit: int = setting(
        256 * 1024**2, help="received bytes held in all, then reading pauses", kind="size", advanced=True
    )
    proxy_from: tuple[str, ...] = setting(
        (), help="networks whose PROXY protocol header is believed", kind="network", advanced=True
    )
    metrics: str | None = setting(None, help="serve /metrics /healthz /readyz", metavar="HOST:PORT")
    log_level: str = setting(
        "info", help="debug, info, warning or error", choices=("debug", "info", "warning", "error"), metavar="LEVEL"
    )
    log_format: str = setting(
        "auto",
        help="text, json; auto: text on a terminal, else json",
        choices=("auto", "text", "json"),
        metavar="KIND",
        advanced=True,
    )
    ready_file: str | None = setting(
        None, help="written once it accepts: host, port, url, pid", metavar="FILE", advanced=True
    )
    exit_with_parent: bool = setting(False, help="stop when the starting process ends", advanced=True)
    insecure: bool = setting(False, help="may listen for other machines with no password")

    _sources: ClassVar[Mapping[str, Source]] = {}

    def __post_init__(self) -> None:
        if self.max_connections_per_address < 0:
            self.max_connections_per_address = 0 if is_loopback(self.host) else 100
        # in code one file is mostly given as text
        self.tls_cert = (self.tls_cert,) if isinstance(self.tls_cert, str) else self.tls_cert
        self.tls_key = (self.tls_key,) if isinstance(self.tls_key, str) else self.tls_key

    def source_of(self, name: str) -> Source:
        """Where the value of a setting came from."""
        return self._sources.get(name, Source("default"))

    def sources(self) -> list[Source]:
        """The places of all values that were given by somebody."""
        return list(self._sources.values())

    def data_folder(self, app: str) -> Path | None:
        """The folder for the app's data (``./.socketworkers/<app>`` by default); None for ``:memory:``."""
        if self.data == ":memory:":
            return None
        return Path(self.data) if self.data else Path(".socketworkers") / app
