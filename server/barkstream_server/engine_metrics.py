"""What the engine has counted, as Prometheus' histograms, made when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from bark_core.engine.interface import EngineLoad
from bark_core.engine.tally import (
    BATCH_BOUNDS_S,
    LEAD_BOUNDS_S,
    ROW_BOUNDS,
    WAIT_BOUNDS_S,
    Distribution,
)


class EngineCollector(Collector):
    """Shows the engine's own tally.

    The counting happens in the engine's process, so there is nothing here to observe one by one.

    Args:
        load: A glance at the engine.
    """

    def __init__(self, load: Callable[[], EngineLoad]) -> None:
        self._load = load

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Names only: registering asks nothing of the engine."""
        return self._families()

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """All values of now."""
        tally = self._load().tally
        rows, seconds, waits, leads = self._families()
        for work, batches in tally.batches.items():
            _add(rows, ROW_BOUNDS, batches.rows, work.value)
            _add(seconds, BATCH_BOUNDS_S, batches.seconds, work.value)
        _add(waits, WAIT_BOUNDS_S, tally.waits)
        _add(leads, LEAD_BOUNDS_S, tally.leads)
        return rows, seconds, waits, leads

    def _families(self) -> tuple[HistogramMetricFamily, ...]:
        return (
            HistogramMetricFamily(
                "barkstream_batch_rows", "Utterances in a batch of the model.", labels=["stage"]
            ),
            HistogramMetricFamily(
                "barkstream_batch_seconds", "Model time of a batch.", labels=["stage"]
            ),
            HistogramMetricFamily(
                "barkstream_queued_seconds",
                "Time utterances waited for a slot, or gave up.",
                labels=[],
            ),
            HistogramMetricFamily(
                "barkstream_lead_seconds",
                "Audio a listener in real time still had when more of an utterance came.",
                labels=[],
            ),
        )


def _add(
    family: HistogramMetricFamily,
    bounds: tuple[float, ...],
    values: Distribution,
    *labels: str,
) -> None:
    counts = values.counts or (0,) * (len(bounds) + 1)
    limits = (*map(str, bounds), "+Inf")
    buckets = list(zip(limits, accumulate(counts), strict=True))
    family.add_metric(labels, buckets, values.total)
