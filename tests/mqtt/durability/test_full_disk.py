"""D5: on a full disk what would have to be stored is refused with 0x97, everything else goes on, and it is stored again
when there is room, with no restart.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.mqttbroker.client import Client, Gone
from tests.support.mqttbroker.process import BrokerProcess

from socketworkers_mqtt.codec import Disconnect, Publish, Reason

pytestmark = [pytest.mark.catalogue("D5"), pytest.mark.timeout(120)]

#: less than what is kept free for checkpoints and deletions (2 % of so small a disk)
RESERVED = 700_000
FULL = Reason.QUOTA_EXCEEDED


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=30, check=True)


def fill(path: Path, leave: int = 0) -> None:
    """Take all the room there is but ``leave`` bytes."""
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
        file.truncate(max(0, path.stat().st_size - leave))


class Sender:
    """A publisher that comes back when it is closed."""

    def __init__(self, port: int, version: int) -> None:
        self.port = port
        self.version = version
        self.reasons: list[int] = []
        self.closed = 0
        self._client = Client(port, f"sender-{version}", version)

    def send(self, payload: bytes, qos: int) -> bool:
        """Publish; whether it was acknowledged as a success."""
        try:
            reason = self._client.publish("kept/x", payload, qos)
        except Gone as gone:
            self.closed += 1
            self.reasons += [packet.reason for packet in gone.packets if isinstance(packet, Disconnect)]
            self._client.close()
            self._client = Client(self.port, f"sender-{self.version}", self.version)
            return False
        if reason >= 0x80:
            self.reasons.append(reason)
            return False
        return True

    def close(self) -> None:
        self._client.close()


def received(server: BrokerProcess) -> list[bytes]:
    """Everything that waits for the session ``keeper``."""
    with Client(server.port, "keeper", lasting=True) as client:
        assert client.connack.session_present
        found: list[bytes] = []
        while True:
            found += [message.payload for message in client.ping()]
            (row,) = [row for row in server.call("mqtt.sessions") if row["client_id"] == "keeper"]
            if not row["queued"] and not row["underway"]:
                return found


def by_qos(payloads: list[bytes]) -> list[list[bytes]]:
    """In the order in which they came; even numbers have QoS 1."""
    return [[each for each in payloads if int(each.split(b" ")[0]) % 2 == odd] for odd in (0, 1)]


@pytest.mark.parametrize(
    ("leave", "size"),
    [(0, 200), (0, 100_000), (RESERVED, 200), (1_200_000, 100_000)],
    ids=["nothing, small", "nothing, large", "the reserve, small", "a little, large"],
)
def test_a_full_disk(tiny: Path, leave: int, size: int) -> None:
    def payload(number: int) -> bytes:
        return b"%d " % number + b"x" * size

    with BrokerProcess(tiny, "--metrics", "127.0.0.1:0") as server:
        port = server.port
        with Client(port, "keeper", lasting=True) as client:
            assert client.subscribe("kept/#", 2).reasons == (2,)
        with Client(port, "owner") as client:
            assert client.publish("state/a", b"before", 1, retain=True) in (0, 0x10)
        older, newer = Sender(port, 4), Sender(port, 5)
        try:
            taken = [payload(number) for number in range(2) if older.send(payload(number), 1 + number % 2)]
            assert len(taken) == 2
            fill(tiny / "filler", leave)
            time.sleep(0.2)  # the server looks at a disk ten times a second
            refused = 0
            for number in range(2, 42):
                if (older, newer)[number // 2 % 2].send(payload(number), 1 + number % 2):
                    taken.append(payload(number))
                else:
                    refused += 1
            assert refused > 20
            assert not older.reasons
            assert older.closed > 10, "3.1.1 has no other way to say no"
            assert set(newer.reasons) == {FULL}
            assert newer.closed <= 1, "once the broker knows it answers, and the connection stays"

            # reading, and what needs no disk
            with Client(port, "short") as client, Client(port, "other") as other:
                client.subscribe("live/#", 1)
                began = time.monotonic()
                for qos in (0, 1):
                    other.publish("live/a", b"%d" % qos, qos)
                    assert client.message().payload == b"%d" % qos
                client.subscribe("state/#")
                message = client.next(Publish)
                assert (message.payload, message.retain) == (b"before", True)
                assert other.publish("state/a", b"after", 1, retain=True) == FULL
                other.ping()
                assert time.monotonic() - began < 5, "nothing waits for the disk"
            assert server.get("/healthz") == 200

            (tiny / "filler").unlink()
            began = time.monotonic()
            for number, sender in ((100, older), (101, newer)):
                while not sender.send(payload(number), 1 + number % 2):
                    assert time.monotonic() - began < 5, "it does not store again"
                    time.sleep(0.05)
                taken.append(payload(number))
            with Client(port, "owner") as client:
                assert client.publish("state/a", b"after", 1, retain=True) in (0, 0x10)
        finally:
            older.close()
            newer.close()
        server.kill()
    with BrokerProcess(tiny) as server:
        assert by_qos(received(server)) == by_qos(taken), "what was acknowledged, all of it, once and in order"
        assert received(server) == []
        with Client(server.port, "reader") as client:
            client.subscribe("state/#")
            assert client.message().payload == b"after"
        assert server.stop() == 0


def test_a_session_that_lasts_on_a_full_disk(tiny: Path) -> None:
    """It is refused or it is kept: never promised and lost."""
    with BrokerProcess(tiny) as server:
        fill(tiny / "filler")
        promised = []
        for number in range(20):
            client = None
            try:
                client = Client(server.port, f"s{number}", lasting=True, accepted=False)
                if client.connack.reason == 0:
                    if client.subscribe("a/b", 1).reasons == (1,):
                        promised.append(f"s{number}")
                else:
                    assert client.connack.reason in (FULL, Reason.SERVER_UNAVAILABLE)
            except Gone as gone:
                reasons = [packet.reason for packet in gone.packets if isinstance(packet, Disconnect)]
                assert set(reasons) <= {FULL}
            finally:
                if client is not None:
                    client.close()
        assert len(promised) < 20
        (tiny / "filler").unlink()
        began = time.monotonic()
        while True:
            try:
                with Client(server.port, "later", lasting=True, accepted=False) as client:
                    if client.connack.reason == 0 and client.subscribe("a/b", 1).reasons == (1,):
                        break
            except Gone:
                pass
            assert time.monotonic() - began < 5
            time.sleep(0.05)
        server.kill()
    with BrokerProcess(tiny) as server:
        there = {row["client_id"]: row["subscriptions"] for row in server.call("mqtt.sessions")}
        for name in [*promised, "later"]:
            assert there[name] == ["a/b"]


@pytest.mark.parametrize("leave", [0, RESERVED], ids=["nothing", "the reserve"])
def test_what_is_delivered_on_a_full_disk_does_not_come_twice(tiny: Path, leave: int) -> None:
    """Sessions go on. That QoS 2 is done with needs a note: it uses the reserve, or waits for room."""
    with BrokerProcess(tiny) as server:
        with Client(server.port, "keeper", lasting=True) as client:
            client.subscribe("kept/#", 2)
        with Client(server.port, "sender") as client:
            for number in range(30):
                assert client.publish("kept/x", b"%d" % number, 2) == 0
        fill(tiny / "filler", leave)
        with Client(server.port, "sender") as client, pytest.raises(Gone) as gone:
            while True:  # the broker looks at the disk ten times a second
                client.publish("state/a", b"x" * 1000, 1, True)
        assert [packet.reason for packet in gone.value.packets if isinstance(packet, Disconnect)] == [FULL]
        got: list[bytes] = []
        try:
            got += received(server)
        except Gone:
            assert not leave
        assert len(got) == 30 or not leave
        (tiny / "filler").unlink()
        deadline = time.monotonic() + 10
        while len(got) < 30:
            assert time.monotonic() < deadline
            try:
                got += received(server)
            except Gone:
                time.sleep(0.05)
        assert got == [b"%d" % number for number in range(30)]
        assert server.stop() == 0
    with BrokerProcess(tiny) as server:
        assert received(server) == []


def test_what_was_refused_is_not_delivered_besides(tiny: Path) -> None:
    """Its sender sends it again: then it is new, and QoS 2 comes once."""
    with BrokerProcess(tiny) as server:
        keeper = Client(server.port, "keeper", lasting=True)
        keeper.subscribe("kept/#", 2)
        sender = Client(server.port, "sender", lasting=True)
        try:
            fill(tiny / "filler")
            numbers = iter(range(1000))
            try:
                for number in numbers:
                    if sender.publish("kept/x", b"%d" % number + bytes(20_000), 2) == FULL:
                        break
            except Gone:
                pass
            got = []
            try:
                got += [message.payload for message in keeper.ping()]
            except Gone:
                pass
        finally:
            sender.close()
            keeper.close()
        (tiny / "filler").unlink()
        began = time.monotonic()
        while True:
            assert time.monotonic() < began + 5
            try:
                with Client(server.port, "sender", lasting=True) as sender:
                    if sender.publish("kept/x", b"%d" % number + bytes(20_000), 2) == 0:
                        break
            except Gone:
                pass
            time.sleep(0.05)
        got += received(server)
        assert [int(each.rstrip(b"\0")) for each in got] == list(range(number + 1))
        assert server.stop() == 0
