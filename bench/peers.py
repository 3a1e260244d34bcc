"""The mail servers that are measured: ours, Postfix, aiosmtpd. Each is a context manager that gives a port."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .harness import SERVER_CORE, child, free_port, pin, python_server, wait_for_port


@contextlib.contextmanager
def ours() -> Iterator[int]:
    """``run-app smtp`` with a data folder on disk, its defaults otherwise."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-ours-") as folder:
        command = [
            sys.executable, "-c", "import sys; from socketworkers.cli import run_app; sys.exit(run_app())",
            "smtp", "--port", str(port), "--data", folder, "--log-level", "error", "--keep", "1000",
        ]  # fmt: skip
        with child(*command):
            wait_for_port(port)
            yield port


def postfix_version() -> str:
    """Its version, "" if it is not installed."""
    if shutil.which("postconf") is None:
        return ""
    return subprocess.run(
        ["postconf", "-dh", "mail_version"], capture_output=True, text=True, check=False
    ).stdout.strip()


@contextlib.contextmanager
def postfix() -> Iterator[int]:
    """Postfix with its durable queue and virtual(8) delivering to a Maildir; needs root."""
    port = free_port()
    root = Path(tempfile.mkdtemp(prefix="bench-postfix-"))
    root.chmod(0o755)
    conf, queue, data, mail = (root / name for name in ("conf", "queue", "data", "mail"))
    for folder in (conf, queue, data, mail):
        folder.mkdir(mode=0o755)
    shutil.chown(data, "postfix")
    shutil.chown(mail, "nobody")
    nobody = os.stat(mail).st_uid
    (conf / "main.cf").write_text(
        f"""compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
myhostname = bench.example.com
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.org
virtual_mailbox_base = {mail}
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:65534
message_size_limit = 20000000
virtual_mailbox_limit = 0
default_process_limit = 120
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
maillog_file = {root}/log
maillog_file_prefixes = {root}
"""
    )
    master = Path("/etc/postfix/master.cf").read_text() if Path("/etc/postfix/master.cf").exists() else ""
    if not master:
        master = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = []
    for line in master.splitlines():
        if re.match(r"smtp\s+inet", line):
            line = f"127.0.0.1:{port} inet n - n - - smtpd"
        elif (match := re.match(r"(\S+\s+(?:unix|unix-dgram|inet)\s+\S+\s+\S+\s+)([y-])(\s.*)", line)) is not None:
            line = f"{match[1]}n{match[3]}"  # no chroot
        lines.append(line)
    if not any(line.startswith("postlog") for line in lines):
        lines.append("postlog unix-dgram n - n - 1 postlogd")
    (conf / "master.cf").write_text("\n".join(lines) + "\n")
    subprocess.run(["postfix", "-c", str(conf), "check"], check=False, capture_output=True)
    subprocess.run(
        ["postfix", "-c", str(conf), "start"],
        check=True,
        capture_output=True,
        preexec_fn=lambda: pin(SERVER_CORE),
    )
    try:
        wait_for_port(port)
        yield port
    finally:
        subprocess.run(["postfix", "-c", str(conf), "abort"], check=False, capture_output=True)
        time.sleep(0.5)
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def aiosmtpd() -> Iterator[int]:
    """aiosmtpd with a handler that writes each message to a Maildir and syncs it before 250."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="bench-aiosmtpd-") as folder,
        child(*python_server("aiosmtpd_server", str(port), folder)),
    ):
        wait_for_port(port)
        yield port
