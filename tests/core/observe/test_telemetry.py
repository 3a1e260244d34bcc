"""Events reach their subscribers; counters are plain integers with bounded labels."""

from __future__ import annotations

from collections.abc import Mapping

from socketworkers.telemetry import Histogram, Telemetry


def test_events() -> None:
    telemetry = Telemetry()
    seen: list[tuple[str, Mapping[str, object]]] = []
    end = telemetry.subscribe(lambda name, fields: seen.append((name, fields)), "conn.open")
    assert telemetry.wants("conn.open")
    assert not telemetry.wants("conn.close")
    telemetry.emit("conn.open", id="a")
    telemetry.emit("conn.close", id="a")
    end()
    telemetry.emit("conn.open", id="b")
    assert seen == [("conn.open", {"id": "a"})]
    assert not telemetry.wants("conn.open")


def test_a_subscriber_to_all() -> None:
    telemetry = Telemetry()
    names: list[str] = []
    end = telemetry.subscribe(lambda name, fields: names.append(name))
    telemetry.emit("x")
    telemetry.emit("y", name="a field may be called name")
    end()
    telemetry.emit("z")
    assert names == ["x", "y"]


def test_a_subscriber_that_raises_harms_nobody() -> None:
    telemetry = Telemetry()
    seen: list[str] = []

    def broken(name: str, fields: Mapping[str, object]) -> None:
        raise RuntimeError

    telemetry.subscribe(broken)
    telemetry.subscribe(lambda name, fields: seen.append(name))
    telemetry.emit("x")
    assert seen == ["x"]
    assert telemetry.handler_errors == 1


def test_labels_are_bounded() -> None:
    telemetry = Telemetry()
    family = telemetry.counters("smtp_messages_total", "Messages.", "outcome", ["accepted", "rejected"])
    family["accepted"].value += 2
    for number in range(100):
        family[f"made up by a peer {number}"].add()
    assert dict(family.items()) == {"accepted": 2, "rejected": 0, "other": 100}
    assert telemetry.counters("smtp_messages_total", "Messages.", "outcome", []) is family


def test_histogram() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 2.0):
        histogram.observe(seconds)
    assert histogram.buckets == [2, 1, 1]
    assert histogram.count == 4
    assert histogram.total == 2.65


def test_bytes_of_open_connections_are_counted() -> None:
    telemetry = Telemetry()
    telemetry.bytes_in, telemetry.bytes_out = 10, 20
    telemetry.live_bytes = lambda: (1, 2)
    (family,) = [family for family in telemetry.collect() if family.name == "socketworkers_bytes"]
    assert family.samples == (({"direction": "in"}, 11), ({"direction": "out"}, 22))
