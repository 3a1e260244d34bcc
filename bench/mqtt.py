"""The broker beside Mosquitto and amqtt: throughput by QoS and shape, connects, memory of an idle client."""

from __future__ import annotations

import functools
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from .brokers import amqtt, amqtt_version, mosquitto, mosquitto_version, ours
from .generator import compiled
from .harness import CLIENT_CORE, Row, Table, interleaved, pin, resident

#: name, publishers, subscribers, QoS, messages under way, clean session, ratio to Mosquitto to reach
FLOWS = (
    ("QoS 0, 1 to 1", 1, 1, 0, 1000, True, 1.0),
    ("QoS 0, fan-out 1 to 100, deliveries", 1, 100, 0, 100, True, 5.0),
    ("QoS 0, fan-in 100 to 1", 100, 1, 0, 1000, True, 0.9),
    ("QoS 1, 1 to 1", 1, 1, 1, 100, True, 0.6),
    ("QoS 1, fan-out 1 to 100, deliveries", 1, 100, 1, 20, True, 1.2),
    ("QoS 2, 1 to 1", 1, 1, 2, 20, True, 0.7),
    ("QoS 1 to a session that lasts, 100 publishers", 100, 1, 1, 400, False, 0.5),
)
SIZE = 64
SECONDS = 0.8

Broker = Callable[[], AbstractContextManager[tuple[int, int]]]


def generate(*arguments: object) -> list[float]:
    """Run the generator on its core; the numbers that it prints."""
    done = subprocess.run(
        [compiled("mqtt"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: pin(CLIENT_CORE),
    )
    return [float(word) for word in done.stdout.split()]


def flow(broker: Broker, publishers: int, subscribers: int, qos: int, window: int, clean: bool) -> float:
    """Deliveries per second."""
    with broker() as (port, _):
        return generate("flow", port, publishers, subscribers, qos, SIZE, window, SECONDS, int(clean))[0]


def churn(broker: Broker) -> float:
    """Connects with CONNACK and DISCONNECT per second, 50 at a time."""
    with broker() as (port, _):
        return generate("churn", port, 50, SECONDS)[0]


def idle(broker: Broker, count: int) -> float:
    """Resident bytes per connected client with one subscription."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with broker() as (port, pid):
        time.sleep(0.3)
        before = resident(pid)
        with subprocess.Popen(
            [compiled("mqtt"), "idle", str(port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            process.stdout.readline()
            time.sleep(1.0)
            after = resident(pid)
            process.stdin.close()
    return (after - before) / count


def _measures() -> Iterator[tuple[str, Callable[[Broker], float], float]]:
    for name, publishers, subscribers, qos, window, clean, goal in FLOWS:
        yield (
            name,
            functools.partial(
                flow, publishers=publishers, subscribers=subscribers, qos=qos, window=window, clean=clean
            ),
            goal,
        )
    yield "connects", churn, 0.35


def run(rounds: int) -> list[Table]:
    """All of it."""
    release = mosquitto_version()
    if not release:
        raise SystemExit("the broker's benchmark needs Mosquitto beside it: apt install mosquitto")
    rival = amqtt_version()
    beside = Table(f"MQTT, {SIZE} B, per second, beside Mosquitto")
    against = Table("MQTT against amqtt")
    for name, measure, goal in _measures():
        print(f"mqtt {name}: ours, Mosquitto" + (", amqtt" if rival else ""))
        brokers: list[Broker] = [ours, mosquitto, *([amqtt] if rival else [])]
        found = interleaved(rounds, *(functools.partial(measure, broker) for broker in brokers))
        beside.rows.append(Row(name, found[0], found[1], "/s", goal, f"Mosquitto {release}"))
        if rival:
            least = 20.0 if name.startswith("QoS 0") else 10.0 if name.startswith("QoS") else 1.0
            against.rows.append(Row(name, found[0], found[2], "/s", least, f"amqtt {rival}"))
    beside.notes.append(
        "Ours: `run-app mqtt --data DIR` on uvloop; what goes to a session that lasts is acknowledged after its sync."
        " Mosquitto: its defaults, TCP_NODELAY on, nothing stored. A closed loop: no message is dropped."
        " All messages have one size: with QoS 0 ours routes those of one topic that come in a row as one piece,"
        " which the generator favours."
    )
    memory = Table("An idle client with one subscription, 5,000 of them")
    sizes = [idle(ours, 5000) / 1024 for _ in range(min(rounds, 3))]
    memory.rows.append(Row("resident", sizes, [6.0] * len(sizes), "KB", 1.0, "limit", higher_is_better=False))
    return [beside, *([against] if rival else []), memory]
