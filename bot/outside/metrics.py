"""Counts and measures, by name, in one registry that ``/metrics`` prints."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

# From a cache hit to the longest deadline towards a gateway.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# A label fed by outsiders would grow the process without end; what is above the bound is counted as ``other``.
_SERIES_MAX: Final = 500
_OTHER: Final = "other"


class Metrics:
    """The numbers of one process. A metric is made by its first use and keeps that first set of label names.

    Names follow Prometheus: ``http_out_total`` for a count, ``http_out_seconds`` for a time in seconds. Label values
    are words of ours (a destination, an outcome), never personal data.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._series: dict[str, set[tuple[str, ...]]] = {}

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a count."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Counter(name, _words(name), tuple(labels), registry=self.registry)
        bounded = self._bounded(name, labels)
        (counter.labels(**bounded) if bounded else counter).inc(by)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add one measured time, in seconds, to a histogram."""
        histogram = self._histograms.get(name)
        if histogram is None:
            histogram = self._histograms[name] = Histogram(
                name, _words(name), tuple(labels), registry=self.registry, buckets=_SECONDS
            )
        bounded = self._bounded(name, labels)
        (histogram.labels(**bounded) if bounded else histogram).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a level, such as the length of a queue."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = self._gauges[name] = Gauge(name, _words(name), tuple(labels), registry=self.registry)
        bounded = self._bounded(name, labels)
        (gauge.labels(**bounded) if bounded else gauge).set(value)

    def render(self) -> tuple[bytes, str]:
        """Return the page for Prometheus and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _bounded(self, name: str, labels: Mapping[str, str]) -> Mapping[str, str]:
        if not labels:
            return labels
        known = self._series.setdefault(name, set())
        values = tuple(labels.values())
        if values in known:
            return labels
        if len(known) >= _SERIES_MAX:
            return dict.fromkeys(labels, _OTHER)
        known.add(values)
        return labels


def _words(name: str) -> str:
    return name.replace("_", " ")
