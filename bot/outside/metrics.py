"""Counts and measures, by name, in one registry that ``/metrics`` prints."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

# From a cache hit to the longest deadline towards a gateway.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# A label fed by outsiders would grow the process without end; what is above the bound is counted as ``other``.
_SERIES_MAX: Final = 500
_OTHER: Final = "other"

Metric = TypeVar("Metric", Counter, Gauge, Histogram)


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
        # The series of each metric by the values of its labels: looking one up in the library costs four times as much.
        self._series: dict[str, dict[object, Any]] = {}

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a count."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Counter(name, _words(name), tuple(labels), registry=self.registry)
        self._one(name, counter, labels).inc(by)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add one measured time, in seconds, to a histogram."""
        histogram = self._histograms.get(name)
        if histogram is None:
            histogram = self._histograms[name] = Histogram(
                name, _words(name), tuple(labels), registry=self.registry, buckets=_SECONDS
            )
        self._one(name, histogram, labels).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a level, such as the length of a queue."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = self._gauges[name] = Gauge(name, _words(name), tuple(labels), registry=self.registry)
        self._one(name, gauge, labels).set(value)

    def render(self) -> tuple[bytes, str]:
        """Return the page for Prometheus and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _one(self, name: str, metric: Metric, labels: Mapping[str, str]) -> Metric:
        """Return the series of these labels; above the bound, the one that stands for all others."""
        if not labels:
            return metric
        known = self._series.setdefault(name, {})
        # By name, for callers need not agree on the order in which they give their labels.
        values = frozenset(labels.items())
        one: Metric | None = known.get(values)
        if one is None:
            if len(known) >= _SERIES_MAX:
                return metric.labels(**dict.fromkeys(labels, _OTHER))
            one = known[values] = metric.labels(**labels)
        return one


def _words(name: str) -> str:
    return name.replace("_", " ")
