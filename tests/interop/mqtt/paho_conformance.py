"""Runs Eclipse Paho's conformance suite (``interoperability`` of paho.mqtt.testing) against a server.

The suite is not part of this repository: it is pointed at a checkout of it. As a program it starts a broker itself::

    python tests/interop/mqtt/paho_conformance.py CHECKOUT
    python tests/interop/mqtt/paho_conformance.py CHECKOUT --port 1883     # a server that runs

A server needs the permissions of ``ACL`` (one filter that nobody may subscribe to) and a longest keep alive of 60
seconds: one test asks for 120 and wants to be told. One line per test goes to standard output: its name and ``ok``, or
``FAILED`` and why.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import logging
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

ACL = "topic readwrite #\ntopic readwrite $TopicA\ntopic deny test/nosubscribe\n"
OPTIONS = ("--max-keep-alive", "60")
MODULES = {"client_test": 10, "client_test5": 27}

#: where a test contradicts the specification
CONTRADICTIONS = {
    "client_test5.test_subscribe_failure": (
        "wants 0x80 (Unspecified error) for a subscription that is not allowed, and its client takes no other refusal "
        "for a SUBACK at all; MQTT 5.0 §3.9.3, Table 3-8, has 0x87 (Not authorized) for exactly this, and 0x80 for "
        "when none of the other reason codes apply"
    )
}


def run_module(checkout: Path, name: str, port: int, only: list[str]) -> int:
    """Run one of the two modules; returns how many tests failed."""
    sys.path.insert(0, str(checkout / "interoperability"))
    logging.disable(logging.CRITICAL)
    module: Any = importlib.import_module(name)
    prefix = "client_test5/" if name == "client_test5" else ""
    module.host, module.port, module.topic_prefix = "127.0.0.1", port, prefix
    module.topics = [prefix + topic for topic in ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")]
    module.wildtopics = [prefix + each for each in ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")]
    module.nosubscribe_topics = ("test/nosubscribe",)
    if name == "client_test5":
        _accept_not_authorized()
    loader = unittest.defaultTestLoader
    names = only or loader.getTestCaseNames(module.Test)
    suite = loader.loadTestsFromNames([f"Test.{each}" for each in names], module)
    result = _Lines(name)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        suite.run(result)
    return len(result.failures) + len(result.errors)


def _accept_not_authorized() -> None:
    """See ``CONTRADICTIONS``: a SUBACK that ends with 0x87 is read as the 0x80 that is wanted."""
    packets: Any = importlib.import_module("mqtt.formats.MQTTV5.MQTTV5").Subacks
    unpack = packets.unpack

    def read(packet: Any, buffer: bytes, **options: Any) -> Any:
        refused = buffer[-1:] == b"\x87"
        return unpack(packet, buffer[:-1] + b"\x80" if refused else buffer, **options)

    packets.unpack = read


class _Lines(unittest.TestResult):
    """One line for each test."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = module
        self._output = sys.stdout

    def _say(self, test: unittest.TestCase, text: str) -> None:
        self._output.write(f"{self._module}.{test.id().rpartition('.')[2]} {text}\n")
        self._output.flush()

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._say(test, "ok")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._say(test, f"FAILED {err[1]!r}")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        where = getattr(test, "_testMethodName", None) or "setUpClass"
        self._output.write(f"{self._module}.{where} FAILED {err[1]!r}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of github.com/eclipse-paho/paho.mqtt.testing")
    parser.add_argument("--port", type=int, help="of a server that runs; without it one is started")
    parser.add_argument("--module", choices=list(MODULES), help="one of the two; both by default")
    parser.add_argument("tests", nargs="*", help="names of tests of the module; all by default")
    given = parser.parse_intermixed_args()
    if given.port is not None and given.module:
        return run_module(given.checkout, given.module, given.port, given.tests)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        port = given.port or stack.enter_context(_server(Path(folder)))
        failed = 0
        for module in [given.module] if given.module else MODULES:
            # each in its own interpreter: the two bring modules of the same names
            command = [sys.executable, __file__, str(given.checkout), "--port", str(port), "--module", module]
            failed += subprocess.run([*command, *given.tests], check=False).returncode
    return failed


@contextlib.contextmanager
def _server(folder: Path) -> Any:
    (folder / "acl").write_text(ACL)
    ready = folder / "ready"
    command = [str(Path(sys.executable).with_name("run-app")), "mqtt", "--port", "0", "--data", ":memory:", *OPTIONS]
    child = subprocess.Popen(
        [*command, "--acl-file", str(folder / "acl"), "--ready-file", str(ready)], stdout=subprocess.DEVNULL
    )
    try:
        while not ready.exists():
            time.sleep(0.05)
        yield json.loads(ready.read_text())["port"]
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    sys.exit(main())
