"""The database server's settings: one typed class."""

from __future__ import annotations

from dataclasses import dataclass

from socketworkers.errors import StartupError
from socketworkers.settings import Settings, is_loopback, setting

__all__ = ["PgwireConfig", "check", "exposure_check", "try_command"]


@dataclass
class PgwireConfig(Settings):
    """Settings of ``run-app pgwire``."""

    port: int = setting(5432, help="PostgreSQL's protocol, with TLS on request; 0 = any free port", metavar="PORT")
    idle_timeout: float | None = setting(
        None, help="for sessions outside of a transaction", kind="duration", metavar="SECONDS"
    )
    database: tuple[str, ...] = setting((), help="make this database if it is not there (repeatable)", metavar="NAME")
    auth: tuple[str, ...] = setting(
        (), help="a rule as in pg_hba.conf, the first that fits holds (repeatable)", metavar="RULE"
    )
    set: tuple[str, ...] = setting(
        (), help="default of a run-time parameter (repeatable)", metavar="NAME=VALUE", advanced=True
    )
    login_timeout: float = setting(60.0, help="time for a login", kind="duration", advanced=True)
    max_message: int = setting(64 * 1024**2, help="largest message of a client", kind="size", advanced=True)
    max_statements: int = setting(10_000, help="prepared statements of a session", advanced=True)
    max_portals: int = setting(1000, help="open portals of a session", advanced=True)
    threads: int = setting(8, help="long statements that run at the same time", advanced=True)


def check(config: PgwireConfig) -> None:
    """Settings that cannot be.

    Raises:
        StartupError: with the remedy.
    """
    from .policy import parse_rule

    for text in config.auth:
        try:
            parse_rule(text)
        except ValueError as error:
            raise StartupError(
                f"--auth {text!r} is no rule",
                str(error),
                'for one: --auth "hostssl all all 10.0.0.0/8 scram-sha-256"',
                exit_status=2,
            ) from None
    for text in config.set:
        if "=" not in text:
            raise StartupError(
                f"--set {text} has no value", "it is NAME=VALUE", "for one: --set timezone=UTC", exit_status=2
            )


def exposure_check(config: PgwireConfig) -> str | None:
    """Why other machines may connect: off loopback every login needs a password, unless a rule trusts."""
    from .policy import parse_rule
    from .session import Method

    if any(parse_rule(text).method is Method.TRUST and not parse_rule(text).loopback for text in config.auth):
        return None
    return "other machines log in with a password"


def try_command(config: PgwireConfig, listeners: object) -> str:
    """A command that works when pasted."""
    for listener in listeners:  # type: ignore[attr-defined]
        if listener.name == "main" and listener.path is None:
            host = "127.0.0.1" if listener.host in ("0.0.0.0", "::") or is_loopback(listener.host) else listener.host
            name = config.database[0] if config.database else "postgres"
            return f'psql "host={host} port={listener.port} dbname={name} user=postgres"'
    return ""
