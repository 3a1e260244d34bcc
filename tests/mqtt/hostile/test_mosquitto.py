"""F3: the same bytes to Mosquitto and to us. What is accepted, what is refused and what a client sees agree, or the
difference stands in a table with its reason.

Mosquitto (the Debian package ``mosquitto``) is started by the test, on a free port; without it there is no comparison.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.interop.mosquitto import serve_mosquitto
from tests.mqtt.hostile.corners import DIFFERENCES, corners
from tests.mqtt.hostile.dialogues import dialogues

from socketworkers.testing import serve_ephemeral
from socketworkers_mqtt import app
from socketworkers_mqtt.codec import (
    Ack,
    Acks,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Pingresp,
    Publish,
    PublishRun,
    Suback,
    Unsuback,
)

#: seconds without another byte after which everything has been said; the second for a second try on a busy machine
QUIET, PATIENT = 0.1, 1.0


def summary(data: bytes, version: int, closed: bool) -> tuple[Any, ...]:
    """What a client sees: answers in any order, messages in theirs, and the end."""
    answers: list[Any] = []
    messages: list[Any] = []
    aliases: dict[int, bytes] = {}
    decoder = Decoder(max_packet=1 << 20, version=version, role="client")
    packets = decoder.receive(data)
    if decoder.fault is not None and not packets:
        return summary(data, 9 - version, closed)  # a refusal in the other form: the version is not known
    for each in packets:
        if isinstance(each, Connack):
            answers.append(("CONNACK", int(each.reason), each.session_present))
        elif isinstance(each, Suback):
            answers.append(("SUBACK", each.packet_id, tuple(map(int, each.reasons))))
        elif isinstance(each, Unsuback):
            answers.append(("UNSUBACK", each.packet_id, tuple(map(int, each.reasons))))
        elif isinstance(each, Acks):
            answers += [(each.kind.name, packet_id, 0) for packet_id in each.packet_ids]
        elif isinstance(each, Ack):
            answers.append((each.kind.name, each.packet_id, int(each.reason)))
        elif isinstance(each, PublishRun):
            messages += [(each.topic, payload, 0, False) for payload in each.payloads()]
        elif isinstance(each, Publish):
            topic = each.topic
            if each.properties is not None and each.properties.alias:
                topic = aliases.setdefault(each.properties.alias, topic)
            messages.append((topic, each.payload, each.qos, each.retain))
        elif isinstance(each, Disconnect):
            answers.append(("DISCONNECT", int(each.reason)))
        elif not isinstance(each, Pingresp):
            answers.append(type(each).__name__)
    assert decoder.fault is None, (data, decoder.fault)
    # the order of messages is that of one topic and QoS ([MQTT-4.6.0-6])
    messages = [each for each in messages if not each[0].startswith(b"$SYS")]
    messages.sort(key=lambda each: (each[0], each[2], each[3]))
    return sorted(map(str, answers)), [str(each) for each in messages], closed


async def talk(port: int, pieces: list[bytes], quiet: float) -> tuple[bytes, bool]:
    """Send bytes; what comes until it is quiet after each piece, and whether the server closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = b""
    closed = False
    try:
        for piece in pieces:
            writer.write(piece)
            try:
                while not closed:
                    async with asyncio.timeout(quiet if data else 10 * quiet):
                        more = await reader.read(65536)
                    closed = not more
                    data += more
            except TimeoutError:
                pass
    except ConnectionError:
        closed = True
    finally:
        writer.transport.abort()
    return data, closed


@pytest_asyncio.fixture
async def ports(tmp_path: Path) -> AsyncIterator[tuple[int, int]]:
    """Mosquitto's and ours."""
    with serve_mosquitto(tmp_path / "mosquitto", "persistence false", "set_tcp_nodelay true") as mosquitto:
        async with serve_ephemeral(app, sys_interval=0.0) as server:
            yield mosquitto.port, server.listeners[0].port


async def both(ports: tuple[int, int], pieces: list[bytes], version: int, quiet: float = QUIET) -> tuple[Any, Any]:
    """What the two say."""
    answers = await asyncio.gather(*(talk(port, pieces, quiet) for port in ports))
    theirs, ours = (summary(data, version, closed) for data, closed in answers)
    return theirs, ours


@pytest.mark.catalogue("F3")
async def test_corners_of_the_protocol(ports: tuple[int, int]) -> None:
    cases = corners()

    async def one(number: int, name: str, quiet: float = QUIET) -> tuple[Any, Any]:
        # lengths stay what they are: both names have as many bytes as what they replace
        wire = cases[name].replace(b"NAME-12", b"case%03d" % number).replace(b"TOPIC123", b"topic%03d" % number)
        return await both(ports, [wire], int(name[-1]), quiet)

    known = {name for names in DIFFERENCES.values() for name in names}
    outcomes = dict(zip(cases, await asyncio.gather(*(one(n, name) for n, name in enumerate(cases))), strict=True))
    for number, (name, (theirs, ours)) in enumerate(outcomes.items()):
        if (theirs != ours) != (name in known):
            outcomes[name] = await one(500 + number, name, PATIENT)
    found = {name: outcome for name, outcome in outcomes.items() if outcome[0] != outcome[1]}
    report = "\n".join(f"{name}\n  mosquitto {theirs}\n  ours      {ours}" for name, (theirs, ours) in found.items())
    assert set(found) == known, report


@pytest.mark.catalogue("F3")
async def test_what_real_clients_say(ports: tuple[int, int]) -> None:
    """Recordings of clients: no difference at all.

    What answers messages of the server's is left out, and so are UNSUBSCRIBE and DISCONNECT, which came when all
    had been answered.
    """
    checked = 0
    for packets in dialogues():
        read = Decoder(max_packet=1 << 20).receive(packets[0])
        if not read or not isinstance(read[0], Connect) or not any(each[0] >> 4 == 8 for each in packets):
            continue  # who only publishes sees nothing
        said = [each for each in packets if each[0] >> 4 not in (4, 5, 7, 10, 14)]
        last = max(place for place, each in enumerate(said) if not place or each[0] >> 4 == 8) + 1
        # clients wait for SUBACK before they publish
        pieces = [b"".join(said[:last]), b"".join(said[last:])]
        theirs, ours = await both(ports, [each for each in pieces if each], read[0].version)
        if ours != theirs:
            theirs, ours = await both(ports, [each for each in pieces if each], read[0].version, PATIENT)
        assert ours == theirs, pieces
        checked += 1
    assert checked > 25
