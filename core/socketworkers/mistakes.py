"""The everyday mistakes at start-up, each as a :class:`StartupError` of three lines: what, why, what to do.

Imports only ``errors`` and the standard library, and the costly parts of that only inside functions, so that the
server, the object runtime and the command line can all use it. Every text has a golden test.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from .errors import StartupError

__all__ = [
    "address_in_no_interface",
    "address_is_open",
    "bind_failed",
    "certificate_expired",
    "certificate_mismatch",
    "certificate_unreadable",
    "check_certificate",
    "command_with",
    "data_folder_in_use",
    "data_folder_is_newer",
    "data_folder_refused",
    "disk_full",
    "nearest",
    "next_free_port",
    "owner_of_port",
    "port_not_allowed",
    "port_taken",
    "unknown_app",
    "unknown_key",
    "wrong_value",
]

#: The command as the user typed it; the command line sets it, so that a remedy can be pasted as it stands.
invocation: list[str] | None = None


def command_with(flag: str, value: object, *, drop: Sequence[str] = ()) -> str:
    """The user's own command with one option set to another value.

    Args:
        flag: the option, ``--port``.
        value: its new value; "" for a flag without one.
        drop: options with a value that the new command must not have.
    """
    setting = flag if value == "" else f"{flag} {shlex.quote(str(value))}"
    if invocation is None:
        return setting
    words: list[str] = []
    skip = False
    for word in invocation:
        if skip:
            skip = False
        elif word == flag or word in drop:
            skip = value != "" or word in drop
        elif not word.startswith((f"{flag}=", *(f"{name}=" for name in drop))):
            words.append(word)
    return f"{shlex.join(words)} {setting}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was most likely meant to be, or None."""
    import difflib

    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


# Ports and addresses


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listening_inodes(port: int, host: str) -> dict[str, int]:
    """Inodes of the listeners on a TCP port with their user ids; only those that cover ``host``, if any do."""
    inodes: dict[str, int] = {}
    covering: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                next(file, None)
                for line in file:
                    columns = line.split()
                    # Column 1 is the local address in hexadecimal, 3 the state (0A: LISTEN), 7 the user, 9 the inode.
                    address, _, number = columns[1].partition(":")
                    if columns[3] == "0A" and int(number, 16) == port:
                        inodes[columns[9]] = int(columns[7])
                        if not address.strip("0") or _proc_address(address) == host:
                            covering[columns[9]] = int(columns[7])
        except (OSError, ValueError, IndexError):
            continue
    return covering or inodes


def _proc_address(text: str) -> str:
    """An address as ``/proc/net/tcp`` writes it: 32-bit words in the machine's byte order."""
    import socket

    raw = bytes.fromhex(text)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def owner_of_port(port: int, host: str = "") -> str | None:
    """Who listens on a TCP port, as words for a person; None where that cannot be told.

    Reads ``/proc`` (Linux). A process of another user is named by that user only.
    """
    inodes = _listening_inodes(port, host)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    for pid in pids:
        try:
            if not any(os.readlink(f"/proc/{pid}/fd/{fd}") in wanted for fd in os.listdir(f"/proc/{pid}/fd")):
                continue
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        words = shlex.join(word for word in command if word)
        words = "".join(character if character.isprintable() else "?" for character in words)
        return f"process {pid} ({words[:57] + '...' if len(words) > 60 else words})"
    return f"a process of user {_user_name(next(iter(inodes.values())))}"


def _user_name(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def next_free_port(host: str, port: int) -> int | None:
    """The next port above ``port`` that is free on ``host`` at this moment (for a suggestion; it is not kept)."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port + 1, min(port + 100, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                return None
            return candidate
    return None


def _with_port(flag: str, port: int) -> str:
    """The user's command with another port; ``flag`` may be an option with a template for its value."""
    name, _, template = flag.partition(" ")
    return command_with(name, template.format(port=port) if template else port)


def port_taken(host: str, port: int, *, flag: str = "--port") -> StartupError:
    """Somebody else listens on the port. ``flag`` is the option that sets it: ``--port``, ``--listen ws://:{port}``."""
    owner = owner_of_port(port, host)
    free = next_free_port(host, port)
    return StartupError(
        f"port {port} on {host} is taken",
        f"{owner} listens there" if owner else "another process listens there",
        f"the next free port: {_with_port(flag, free)}" if free else f"choose another one with {flag} PORT",
    )


def port_not_allowed(host: str, port: int, *, flag: str = "--port") -> StartupError:
    """The port is below 1024 and this process may not have it."""
    python = os.path.realpath(sys.executable)
    return StartupError(
        f"port {port} on {host} is not for this user",
        "ports below 1024 need the right CAP_NET_BIND_SERVICE",
        f"try {_with_port(flag, port + 2500)}, or: sudo setcap cap_net_bind_service=+ep {python}",
    )


def address_in_no_interface(host: str) -> StartupError:
    """The address to listen on belongs to no interface of this machine, or the name has no address."""
    return StartupError(
        f"cannot listen on {host}",
        "no network interface of this machine has that address",
        f"for this machine only: {command_with('--host', '127.0.0.1')}",
    )


def bind_failed(error: OSError, host: str, port: int, *, flag: str = "--port") -> StartupError:
    """The mistake behind an error of ``bind`` or ``listen``."""
    if error.errno == errno.EADDRINUSE:
        return port_taken(host, port, flag=flag)
    if error.errno == errno.EACCES:
        return port_not_allowed(host, port, flag=flag)
    if error.errno == errno.EADDRNOTAVAIL or error.errno is None or error.errno < 0:
        return address_in_no_interface(host)
    return StartupError(f"cannot listen on {_shown(host, port)}", error.strerror or str(error))


def address_is_open(host: str, reason: str = "") -> StartupError:
    """The listener would be reachable from other machines and nothing says who may use it."""
    return StartupError(
        f"{host} can be reached from other machines, and anybody could use this server",
        reason or "nothing in its settings keeps strangers out",
        f"if that is meant: {command_with('--insecure', '')}",
    )


# Names


def unknown_app(name: str, installed: Iterable[str], *, extras: Iterable[str] = (), missing: str = "") -> StartupError:
    """No app of that name.

    Args:
        name: what was asked for.
        installed: the apps that can run.
        extras: the apps of this distribution.
        missing: the module that the app's own package could not import: its extra is not installed.
    """
    if missing:
        return StartupError(
            f"the app {name} is not fully installed",
            f"the module {missing} is missing",
            f"pip install 'socketworkers[{name}]'",
        )
    apps = sorted(installed)
    meant = nearest(name, apps)
    if meant is None and name in extras:
        return StartupError(
            f"the app {name} is not installed", "it comes as an extra", f"pip install 'socketworkers[{name}]'"
        )
    return StartupError(
        f"there is no app {name!r}",
        f"installed: {', '.join(apps)}" if apps else "no app is installed",
        f"did you mean {meant}?" if meant else "an app is a name from `socketworkers list`, module:attr or path.py",
        exit_status=2,
    )


def unknown_key(key: str, known: Iterable[str], *, where: str, app: str) -> StartupError:
    """A key that the app does not have, in a file (``where`` is file:line) or in the environment."""
    meant = nearest(key, known)
    return StartupError(
        f"{where}: unknown key {key!r}",
        f"did you mean {meant!r}?" if meant else f"the app {app} has no such setting",
        f"all keys: socketworkers config {app}",
        exit_status=2,
    )


def wrong_value(name: str, text: object, expected: str, *, where: str) -> StartupError:
    """A value that its setting cannot take."""
    return StartupError(f"{where}: {text!r} is no value for {name}", f"it must be {expected}", exit_status=2)


# Certificates


def certificate_unreadable(path: str, why: str) -> StartupError:
    """The file of a certificate or key cannot be read or holds none."""
    return StartupError(
        f"cannot read the certificate or key {path}",
        why,
        "both are PEM files; for a throwaway certificate: --tls auto",
    )


def certificate_mismatch(cert: str, key: str) -> StartupError:
    """The key is not the certificate's."""
    return StartupError(
        "the certificate and the key do not belong together",
        f"{key} is not the key of {cert}",
        "give the key that the certificate was made with: --tls-key FILE",
    )


def certificate_expired(cert: str, until: str) -> StartupError:
    """The certificate was valid until a time that has passed."""
    return StartupError(
        f"the certificate {cert} has expired",
        f"it was valid until {until}",
        "renew it; for a throwaway certificate: --tls auto",
    )


def _not_after(der: bytes) -> str:
    """The end of validity of a certificate as ``YYYYMMDDHHMMSS`` (RFC 5280 §4.1.2.5), read from its DER form."""

    def element(at: int) -> tuple[int, int, int]:
        tag, length, start = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[start : start + size], "big")
            start += size
        return tag, start, start + length

    _, at, _ = element(0)  # Certificate
    _, at, _ = element(at)  # tbsCertificate
    tag, _, end = element(at)
    if tag == 0xA0:  # version
        _, _, end = element(end)
    for _ in range(2):  # signature algorithm, issuer
        _, _, end = element(end)
    _, at, _ = element(end)  # validity
    _, _, at = element(at)  # notBefore
    tag, start, end = element(at)
    text = der[start:end].decode("ascii").removesuffix("Z")
    if tag == 0x17:  # UTCTime: two digits of the year, 50 to 99 belong to the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    return text


def check_certificate(cert: str, key: str | None) -> None:
    """Look at a certificate and its key before anything is bound.

    Raises:
        StartupError: unreadable, not belonging together, or expired.
    """
    import ssl
    import time

    key = key or cert
    for path in (cert, key):
        try:
            text = Path(path).read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise certificate_unreadable(path, (error.strerror or str(error)).lower()) from None
        if "-----BEGIN" not in text:
            raise certificate_unreadable(path, "it is not in PEM form")
    pem = Path(cert).read_text(encoding="ascii", errors="replace")
    start, end = pem.find("-----BEGIN CERTIFICATE-----"), pem.find("-----END CERTIFICATE-----")
    if start < 0 or end < 0:
        raise certificate_unreadable(cert, "it holds no certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The empty password keeps OpenSSL from asking on the terminal.
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH" or error.reason == "KEY_TYPE_MISMATCH":
            raise certificate_mismatch(cert, key) from None
        text = Path(key).read_text(encoding="ascii", errors="replace")
        why = "the key is encrypted" if "ENCRYPTED" in text else "it is not a valid PEM file"
        raise certificate_unreadable(key if "ENCRYPTED" in text else cert, why) from None
    try:
        until = _not_after(ssl.PEM_cert_to_DER_cert(pem[start : end + 25]))
    except (ValueError, IndexError):
        return
    if until < time.strftime("%Y%m%d%H%M%S", time.gmtime()):
        raise certificate_expired(cert, f"{until[:4]}-{until[4:6]}-{until[6:8]} {until[8:10]}:{until[10:12]} UTC")


# Data


def data_folder_in_use(path: str | Path, pid: int | None) -> StartupError:
    """Another server works on the same data."""
    return StartupError(
        f"the data folder {path} is in use",
        f"process {pid} holds its lock" if pid else "another process holds its lock",
        f"stop it{f' (kill {pid})' if pid else ''}, or use another folder: {command_with('--data', 'DIR')}",
    )


def data_folder_is_newer(path: str | Path, found: int, known: int) -> StartupError:
    """The data was written by a newer version than this one."""
    return StartupError(
        f"the data folder {path} was written by a newer version",
        f"its format is {found}, this version knows formats up to {known}",
        "pip install --upgrade socketworkers, or use another folder with --data DIR",
    )


def data_folder_refused(path: str | Path, error: OSError) -> StartupError:
    """The data folder cannot be made, read or written."""
    if error.errno == errno.ENOSPC:
        return disk_full(path)
    return StartupError(
        f"cannot use the data folder {path}",
        (error.strerror or str(error)).lower(),
        f"choose a folder that you may write: {command_with('--data', 'DIR')}",
    )


def disk_full(path: str | Path) -> StartupError:
    """No room for the data."""
    return StartupError(
        f"the disk of {path} is full",
        "nothing could be written there",
        f"free some space, or use another folder: {command_with('--data', 'DIR')}",
    )
