"""The Prometheus page."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from socketworkers.observe.metrics import Exporter
from socketworkers.telemetry import Telemetry


def test_the_page() -> None:
    telemetry = Telemetry()
    telemetry.connections = 3
    telemetry.accepted = 7
    telemetry.handshake_seconds.observe(0.002)
    telemetry.handshake_seconds.observe(60)
    telemetry.counter("smtp_bounces_total", "Bounces.").add(4)
    telemetry.counters("smtp_messages_total", "Messages.", "outcome", ["accepted"])["accepted"].add(5)
    telemetry.gauge("smtp_queue_messages", "Messages that wait.", lambda: 6)
    page, kind = Exporter(telemetry).render()
    assert kind.startswith("text/plain")
    samples = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }
    assert samples["socketworkers_connections", ()] == 3
    assert samples["socketworkers_accepted_total", ()] == 7
    assert samples["socketworkers_bytes_total", ("in",)] == 0
    assert samples["socketworkers_handshake_seconds_count", ()] == 2
    assert samples["socketworkers_handshake_seconds_bucket", ("0.001",)] == 0
    assert samples["socketworkers_handshake_seconds_bucket", ("0.0025",)] == 1
    assert samples["socketworkers_handshake_seconds_bucket", ("+Inf",)] == 2
    assert samples["socketworkers_loop_lag_seconds_count", ()] == 0
    assert samples["smtp_bounces_total", ()] == 4
    assert samples["smtp_messages_total", ("accepted",)] == 5
    assert samples["smtp_queue_messages", ()] == 6


def test_open_metrics_where_the_scraper_takes_it() -> None:
    page, kind = Exporter(Telemetry()).render("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert page.endswith(b"# EOF\n")
