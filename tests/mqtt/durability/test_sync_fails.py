"""D3 for the broker: a sync fails, once and for good. Nothing unsynced is acknowledged, clients are told and new ones
refused, the server says that it is not ready, and what was acknowledged is there after a restart.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tests.support.disk import shim
from tests.support.mqttbroker.client import Client, Gone
from tests.support.mqttbroker.process import BrokerProcess

from socketworkers_mqtt.codec import Disconnect, Reason

pytestmark = [
    pytest.mark.catalogue("D3"),
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "available"),
]

METRICS = ("--metrics", "127.0.0.1:0")


def failing_syncs(tmp_path: Path, at: int) -> dict[str, str]:
    """Every sync of the broker's files fails with EIO from the ``at``-th on, below SQLite."""
    root = tmp_path / "data" / "objects" / "BROKER"
    return shim.environment(
        shim.compile_shim(), root=root, at=at, number=errno.EIO, calls=shim.SYNCS, repeat=0,
        journal=tmp_path / "failures",
    )  # fmt: skip


def told(gone: Gone) -> list[Reason]:
    """Reasons of DISCONNECT before the end."""
    return [packet.reason for packet in gone.packets if isinstance(packet, Disconnect)]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("at", [13, 20])
def test_nothing_unsynced_is_acknowledged(tmp_path: Path, at: int, version: int) -> None:
    with BrokerProcess(tmp_path, *METRICS) as server:
        with Client(server.port, "keeper", lasting=True) as client:
            assert client.subscribe("kept/#", 2).reasons == (2,)
        assert server.get("/readyz") == 200
        assert server.stop() == 0
    promised: list[list[bytes]] = [[], [], []]
    retained = b""
    with BrokerProcess(tmp_path, *METRICS, variables=failing_syncs(tmp_path, at)) as server:
        assert server.get("/readyz") == 200
        watcher = Client(server.port, "watcher")
        sender = Client(server.port, "sender", version, lasting=True)
        try:
            with pytest.raises(Gone) as gone:
                for number in range(100):
                    qos = 1 + number % 2
                    payload = b"%d" % number
                    # a QoS 2 message counts from its PUBREC on, which PUBCOMP follows
                    assert sender.publish("kept/x", payload, qos) == 0
                    promised[qos].append(payload)
                    assert sender.publish("state", payload, 1, True) in (0, 0x10)
                    retained = payload
            assert told(gone.value) == ([Reason.IMPLEMENTATION_SPECIFIC_ERROR] if version == 5 else [])
            assert watcher.next(Disconnect).reason is Reason.IMPLEMENTATION_SPECIFIC_ERROR, "everybody is told"
            with pytest.raises(Gone):
                watcher.packet()
        finally:
            watcher.close()
            sender.close()
        for _ in range(3):
            with Client(server.port, "later", accepted=False) as later:
                assert later.connack.reason is Reason.SERVER_UNAVAILABLE
        with Client(server.port, "older", 4, accepted=False) as later:
            assert later.connack.reason is Reason.SERVER_UNAVAILABLE
        assert server.get("/readyz") == 503
        assert server.get("/healthz") == 200
        assert server.logged("storage failed: ") == 1
        failures = (tmp_path / "failures").read_text()
        assert failures.count("broker.sqlite-wal") == 1, "a failed sync is not tried again"
    assert len(promised[1]) + len(promised[2]) > 1
    with BrokerProcess(tmp_path, *METRICS) as server:
        assert server.get("/readyz") == 200
        with Client(server.port, "keeper", lasting=True) as client:
            assert client.connack.session_present
            got: list[list[bytes]] = [[], [], []]
            while True:
                for message in client.ping():
                    got[message.qos].append(message.payload)
                (row,) = [row for row in server.call("mqtt.sessions") if row["client_id"] == "keeper"]
                if not row["queued"] and not row["underway"]:
                    break
        for qos in (1, 2):
            # the one that was under way may have been kept, too
            assert got[qos][: len(promised[qos])] == promised[qos]
            assert len(got[qos]) <= len(promised[qos]) + 1
        with Client(server.port, "reader") as client:
            client.subscribe("state")
            assert int(client.message().payload) >= int(retained or b"0")
        with Client(server.port, "sender", version, lasting=True) as client:
            assert client.publish("kept/x", b"after", 1) == 0


def test_control_without_failures_nothing_of_this_is_seen(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path, *METRICS, variables=failing_syncs(tmp_path, 100_000)) as server:
        with Client(server.port, "keeper", lasting=True) as client:
            client.subscribe("kept/#", 2)
            for number in range(20):
                assert client.publish("kept/x", b"%d" % number, 2) == 0
            client.ping()
        assert server.get("/readyz") == 200
        assert server.stop() == 0
    assert not (tmp_path / "failures").read_text()
