"""Named events and cheap counters: what the runtime tells about itself.

The server, the object runtime and apps *emit* events and bump plain integers; logs, metrics and tests *subscribe* or
read. Nothing here formats, writes or imports an exporter, and nothing here may block: subscribers run on the spot.

Events of the runtime (fields are plain values; those from a peer are escaped by whoever prints them):

====================  =======================================================================================
``server.ready``      ``listeners``
``server.draining``   ``connections``, ``seconds``
``server.stopped``    ``aborted``
``conn.open``         ``id``, ``listener``, ``remote``
``conn.close``        ``id``, ``listener``, ``remote``, ``seconds``, ``bytes_in``, ``bytes_out``, ``reason``
``conn.refused``      ``remote``, ``reason`` (a connection limit)
``conn.failed``       ``id``, ``error`` (a handler raised)
``tls.done``          ``id``, ``seconds``, ``version``, ``cipher``
``tls.failed``        ``id``, ``error``
``tls.reloaded``      ``certificate``
``websocket.refused`` ``id``, ``error`` (an opening handshake)
``accept.error``      ``listener``, ``error``
``accept.resumed``    ``listener``
``storage.failed``    ``path``, ``error``
====================  =======================================================================================
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Counter", "CounterFamily", "Family", "Gauge", "Histogram", "Subscriber", "Telemetry"]

#: Called as ``subscriber(name, fields)``; an exception in it is swallowed: telling must not change what is told.
Subscriber = Callable[[str, Mapping[str, object]], None]

#: Upper bounds in seconds: from a local handshake to a peer that is about to time out.
HANDSHAKE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Upper bounds in seconds: a loop that is late by 5 ms is busy, by 250 ms it is blocked.
LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

#: The label value that takes whatever was not declared.
OTHER = "other"


class Counter:
    """A number that only grows. On a hot path: ``counter.value += 1``."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        """Count ``amount`` more."""
        self.value += amount


class CounterFamily:
    """Counters of one name that differ in one label, whose values are fixed when the family is made.

    ``family["accepted"].value += 1``; a value that was not declared is counted as ``other``, so a peer can never
    make new time series.
    """

    __slots__ = ("_children", "help", "label", "name")

    def __init__(self, name: str, help: str, label: str, values: Iterable[str]) -> None:
        self.name = name
        self.help = help
        self.label = label
        self._children = {value: Counter() for value in values}

    def __getitem__(self, value: str) -> Counter:
        child = self._children.get(value)
        if child is None:
            child = self._children.setdefault(OTHER, Counter())
        return child

    def items(self) -> Iterator[tuple[str, int]]:
        """Label values with their counts."""
        for value, counter in self._children.items():
            yield value, counter.value


class Gauge:
    """A number that goes up and down; ``callback`` (if given) is asked for it at each scrape."""

    __slots__ = ("callback", "value")

    def __init__(self, callback: Callable[[], float] | None = None) -> None:
        self.value: float = 0
        self.callback = callback

    def read(self) -> float:
        """The present value."""
        return self.value if self.callback is None else self.callback()


class Histogram:
    """Counts of durations by upper bound.

    Args:
        bounds: upper bounds in seconds, ascending; one more bucket takes the rest.
    """

    __slots__ = ("bounds", "buckets", "count", "total")

    def __init__(self, bounds: tuple[float, ...] = HANDSHAKE_BOUNDS) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.buckets[bisect_left(self.bounds, seconds)] += 1
        self.count += 1
        self.total += seconds


@dataclass(frozen=True, slots=True)
class Family:
    """One metric as an exporter reads it."""

    name: str
    """Full name without the exporter's suffixes (``socketworkers_accepted``)."""
    kind: str
    """``counter``, ``gauge`` or ``histogram``."""
    help: str
    """One sentence."""
    samples: tuple[tuple[Mapping[str, str], float], ...] = ()
    """Labels and value, for counters and gauges."""
    histogram: Histogram | None = None
    """The histogram itself, for histograms."""


class Telemetry:
    """What one server counts and tells. The public attributes are the counters; bump them directly."""

    __slots__ = (
        "_any",
        "_by_name",
        "_counters",
        "_families",
        "_gauges",
        "accept_errors",
        "accepted",
        "bytes_in",
        "bytes_out",
        "connections",
        "handler_errors",
        "handshake_seconds",
        "live_bytes",
        "loop_lag_seconds",
        "refused",
        "storage_failed",
        "tls_failed",
        "websocket_refused",
    )

    def __init__(self) -> None:
        self.connections = 0
        """Connections that are open now."""
        self.accepted = 0
        """Connections accepted since the start."""
        self.refused = 0
        """Connections closed at once because of a limit."""
        self.accept_errors = 0
        """Failed accepts (descriptors exhausted and the like)."""
        self.handler_errors = 0
        """Handlers that ended with an exception."""
        self.tls_failed = 0
        """TLS handshakes that failed."""
        self.websocket_refused = 0
        """Opening handshakes of WebSockets that were refused."""
        self.storage_failed = 0
        """Syncs or writes that failed for good."""
        self.bytes_in = 0
        """Bytes received on connections that have ended."""
        self.bytes_out = 0
        """Bytes sent on connections that have ended."""
        self.live_bytes: Callable[[], tuple[int, int]] | None = None
        """Asked at a scrape for the bytes in and out of the connections that are open."""
        self.handshake_seconds = Histogram(HANDSHAKE_BOUNDS)
        """Duration of TLS handshakes that succeeded."""
        self.loop_lag_seconds = Histogram(LAG_BOUNDS)
        """How late timers of the loop fire; filled only while metrics are served."""
        self._by_name: dict[str, tuple[Subscriber, ...]] = {}
        self._any: tuple[Subscriber, ...] = ()
        self._counters: dict[str, tuple[str, Counter]] = {}
        self._families: dict[str, CounterFamily] = {}
        self._gauges: dict[str, tuple[str, Gauge]] = {}

    # Events

    def subscribe(self, subscriber: Subscriber, *names: str) -> Callable[[], None]:
        """Have ``subscriber`` called for the named events, or for all when none is named.

        Returns:
            A function that ends the subscription.
        """
        if not names:
            self._any = (*self._any, subscriber)
        for name in names:
            self._by_name[name] = (*self._by_name.get(name, ()), subscriber)

        def unsubscribe() -> None:
            self._any = tuple(other for other in self._any if other is not subscriber)
            for name in names:
                left = tuple(other for other in self._by_name.get(name, ()) if other is not subscriber)
                if left:
                    self._by_name[name] = left
                else:
                    self._by_name.pop(name, None)

        return unsubscribe

    def wants(self, name: str) -> bool:
        """Whether anybody listens to this event: ask before computing costly fields."""
        return bool(self._any) or name in self._by_name

    def emit(self, name: str, /, **fields: object) -> None:
        """Tell the subscribers. An exception in one of them reaches neither the caller nor the others."""
        for subscriber in (*self._by_name.get(name, ()), *self._any):
            try:
                subscriber(name, fields)
            except Exception:
                self.handler_errors += 1

    # Metrics of apps

    def counter(self, name: str, help: str) -> Counter:
        """The app's counter of that name, made at the first call. ``name`` ends in ``_total``."""
        return self._counters.setdefault(name, (help, Counter()))[1]

    def counters(self, name: str, help: str, label: str, values: Iterable[str]) -> CounterFamily:
        """The app's counters of that name by one bounded label, made at the first call."""
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = CounterFamily(name, help, label, values)
        return family

    def gauge(self, name: str, help: str, callback: Callable[[], float] | None = None) -> Gauge:
        """The app's gauge of that name; a second call with a callback replaces the first one's."""
        gauge = self._gauges.setdefault(name, (help, Gauge()))[1]
        if callback is not None:
            gauge.callback = callback
        return gauge

    # Reading

    def collect(self) -> Iterator[Family]:
        """All metrics at this moment, for an exporter."""
        bytes_in, bytes_out = self.bytes_in, self.bytes_out
        if self.live_bytes is not None:
            live_in, live_out = self.live_bytes()
            bytes_in += live_in
            bytes_out += live_out
        none: Mapping[str, str] = {}
        yield Family("socketworkers_connections", "gauge", "Open connections.", ((none, self.connections),))
        for name, text, value in (
            ("accepted", "Connections accepted.", self.accepted),
            ("refused", "Connections closed at once because of a limit.", self.refused),
            ("accept_errors", "Failed accepts.", self.accept_errors),
            ("handler_errors", "Handlers and subscribers that raised.", self.handler_errors),
            ("tls_failed", "TLS handshakes that failed.", self.tls_failed),
            ("websocket_refused", "Opening handshakes of WebSockets that were refused.", self.websocket_refused),
            ("storage_failed", "Writes or syncs that failed for good.", self.storage_failed),
        ):
            yield Family(f"socketworkers_{name}", "counter", text, ((none, value),))
        yield Family(
            "socketworkers_bytes",
            "counter",
            "Bytes on connections, after TLS was taken off.",
            (({"direction": "in"}, bytes_in), ({"direction": "out"}, bytes_out)),
        )
        yield Family(
            "socketworkers_handshake_seconds",
            "histogram",
            "Duration of TLS handshakes.",
            histogram=self.handshake_seconds,
        )
        yield Family(
            "socketworkers_loop_lag_seconds",
            "histogram",
            "How late the event loop's timers fire.",
            histogram=self.loop_lag_seconds,
        )
        for name, (text, counter) in self._counters.items():
            yield Family(name.removesuffix("_total"), "counter", text, ((none, counter.value),))
        for name, family in self._families.items():
            samples = tuple(({family.label: value}, float(count)) for value, count in family.items())
            yield Family(name.removesuffix("_total"), "counter", family.help, samples)
        for name, (text, gauge) in self._gauges.items():
            yield Family(name, "gauge", text, ((none, gauge.read()),))
