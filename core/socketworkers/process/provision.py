"""Everything about a configuration that can be told before anything is bound or written.

Run before each start, and alone by ``socketworkers check``.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..certificate_files import certificate_pairs, check_authorities
from ..errors import StartupError
from ..mistakes import address_is_open, data_folder_refused
from ..server.binding import extra_listeners
from ..settings import Settings, is_loopback

if TYPE_CHECKING:
    from ..worker import App

__all__ = ["closed_because", "parse_address", "provision"]


def provision(app: App, settings: Settings) -> None:
    """Look at the settings as a whole.

    Raises:
        StartupError: the server could not start, or must not, with them.
    """
    if app.check is not None:
        app.check(settings)
    extra = [address.host for _, address in extra_listeners(app, settings) if address.scheme != "unix"]
    wide = next((host for host in (settings.host, *extra) if not is_loopback(host)), None)
    if wide is not None and not settings.insecure and not closed_because(app, settings):
        raise address_is_open(wide)
    _check_tls(settings)
    if settings.metrics is not None:
        parse_address(settings.metrics)
    folder = settings.data_folder(app.name)
    if folder is not None:
        _check_folder(folder)


def closed_because(app: App, settings: Settings) -> str:
    """Why other machines may connect: what keeps strangers out, in the app's words; "" when nothing does."""
    return (app.exposure_check(settings) if app.exposure_check is not None else None) or ""


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``[::1]:PORT`` or ``PORT`` (this machine only).

    Raises:
        StartupError: it is neither.
    """
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise StartupError(
            f"--metrics: {text!r} is not HOST:PORT",
            "",
            "for this machine only: --metrics 127.0.0.1:9090",
            exit_status=2,
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def _check_tls(settings: Settings) -> None:
    if not settings.tls_cert:
        if settings.tls_key:
            raise StartupError("--tls-key is given without --tls-cert", "a key alone is of no use", exit_status=2)
        if settings.tls_client_ca is not None and not settings.tls:
            raise StartupError(
                "--tls-client-ca needs a certificate",
                "clients show theirs inside TLS only, and neither --tls-cert nor --tls is given",
                "for a throwaway certificate: --tls auto",
                exit_status=2,
            )
        port = next(
            (name for name in ("tls_port", "wss_port", "quic_port") if getattr(settings, name) is not None), None
        )
        if port is not None and not settings.tls:
            raise StartupError(
                f"--{port.replace('_', '-')} needs a certificate",
                "neither --tls-cert nor --tls is given",
                "for a throwaway certificate: --tls auto",
                exit_status=2,
            )
    elif settings.tls == "auto":
        raise StartupError(
            "--tls auto and --tls-cert exclude each other", "both name a certificate", "leave one out", exit_status=2
        )
    certificate_pairs(settings.tls_cert, settings.tls_key)
    if settings.tls_client_ca is not None:
        check_authorities(settings.tls_client_ca)


def _check_folder(folder: Path) -> None:
    # The nearest folder that exists is the one that must be writable; nothing is made here.
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise data_folder_refused(folder, OSError(errno.ENOTDIR, f"{existing} is not a folder"))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise data_folder_refused(folder, PermissionError(errno.EACCES, f"no right to write in {existing}"))
