"""Exports a server's telemetry to Prometheus; ``prometheus_client`` is imported at the first scrape.

The counters are plain integers of :class:`~socketworkers.telemetry.Telemetry`; a collector reads them at scrape time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..telemetry import Family, Histogram, Telemetry

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["Exporter"]


class Exporter:
    """Renders ``/metrics``."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self) -> Iterator[Metric]:
        """All metrics, as a Prometheus collector yields them."""
        for family in self._telemetry.collect():
            yield _metric(family)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics where the scraper accepts it, else the text format."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.registry import Collector

        exporter = self

        class _Collector(Collector):
            def collect(self) -> Iterable[Metric]:
                return exporter.collect()

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector())
        encoder, kind = choose_encoder(accept)
        return encoder(registry), kind


def _metric(family: Family) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if family.histogram is not None:
        histogram = HistogramMetricFamily(family.name, family.help)
        histogram.add_metric([], _buckets(family.histogram), sum_value=family.histogram.total)
        return histogram
    labels = list(family.samples[0][0]) if family.samples else []
    metric: CounterMetricFamily | GaugeMetricFamily
    if family.kind == "counter":
        metric = CounterMetricFamily(family.name, family.help, labels=labels)
    else:
        metric = GaugeMetricFamily(family.name, family.help, labels=labels)
    for sample_labels, value in family.samples:
        metric.add_metric(list(sample_labels.values()), value)
    return metric


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*histogram.bounds, None), histogram.buckets, strict=True):
        total += count
        buckets.append(("+Inf" if bound is None else repr(bound), float(total)))
    return buckets
