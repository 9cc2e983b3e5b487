"""Metrics of this process's requests and of the queues, in Prometheus' format."""
from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api.domain.background import TaskState
from api.domain.jobs.job import JobReason
from api.domain.metrics import QueueMetrics, quantile
from api.domain.runs.run import Platform, RunStatus
from api.version import package_version

NONE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
QUANTILES = (0.5, 0.9, 0.99, 1.0)
OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


class RequestMetrics:
    """The measures of one application. `process` tells those of several server processes apart.

    Labels hold the document's words alone, never a client's, so that there are so many series and no more.
    """

    def __init__(self, process: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "ci_request_seconds", "Time from a request to the beginning of its answer.", ("process", "operation", "method", "status"),
            buckets=BUCKETS, registry=self._registry)
        self._refusals = Counter(
            "ci_rate_limit_refusals", "Requests refused because their bucket was empty.", ("process", "bucket"), registry=self._registry)
        self._stalls = Counter(
            "ci_loop_stalls", "Times that the event loop stood still for over 100 ms, by the operation that it was busy with.",
            ("process", "operation"), registry=self._registry)
        self._streams = Gauge(
            "ci_stream_clients", "Clients that follow a stream now.", ("process", "operation"), registry=self._registry)
        self._facts = Counter(
            "ci_output_facts", "Outputs compared cue by cue: read, unread where they are in no format of captions, or late.",
            ("process", "outcome"), registry=self._registry)
        Gauge("ci_build_info", "The version of the server and of Python.", ("version", "python"), registry=self._registry).labels(
            package_version(), platform.python_version()).set(1)
        self._process = process
        self._known: dict[tuple[str | None, str, int], Histogram] = {}

    def answered(self, operation_id: str | None, method: str, status: int, seconds: float) -> None:
        """Count a request whose answer begins; `operation_id` is None where no operation was meant."""
        key = (operation_id, method if method in METHODS else "other", status // 100)
        series = self._known.get(key)
        if series is None:
            # Finding a series by its labels takes longer than all the rest.
            series = self._known[key] = self._requests.labels(self._process, operation_id or NONE, key[1], f"{key[2]}xx")
        series.observe(seconds)

    def refused(self, bucket: str) -> None:
        """Count a request that came too soon."""
        self._refusals.labels(self._process, bucket).inc()

    def stalled(self, operation_id: str | None) -> None:
        """Count a time in which the event loop stood still."""
        self._stalls.labels(self._process, operation_id or NONE).inc()

    def told_facts(self, outcome: str) -> None:
        """Count an output that was compared cue by cue: `read`, `unread` or `late`."""
        self._facts.labels(self._process, outcome).inc()

    def stream_began(self, operation_id: str | None) -> None:
        """Count a client that follows a stream."""
        self._streams.labels(self._process, operation_id or NONE).inc()

    def stream_ended(self, operation_id: str | None) -> None:
        """Count it no longer."""
        self._streams.labels(self._process, operation_id or NONE).dec()

    def text(self, measured: QueueMetrics, tasks: Sequence[TaskState] = ()) -> bytes:
        """Everything, in Prometheus' text format 0.0.4; `tasks` are the process's own."""
        return generate_latest(_Scrape(self._registry, measured, [*_background(self._process, tasks)]))


class _Scrape(CollectorRegistry):
    """What one scrape shows: the process's measures and the moment's."""

    def __init__(self, counted: CollectorRegistry, measured: QueueMetrics, background: Sequence[Metric]) -> None:
        super().__init__()
        self._counted, self._measured, self._background = counted, measured, background

    def collect(self) -> Iterator[Metric]:
        """Each metric; when each series was created nobody needs, and it would double their number."""
        for metric in self._counted.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
        yield from self._background
        yield from _queue(self._measured)
        yield from _app_context(self._measured)


def _background(process: str, tasks: Sequence[TaskState]) -> Iterator[Metric]:
    labels = ("process", "task")
    age = GaugeMetricFamily("ci_background_age_seconds", "Time since a task between requests last succeeded, or began.", labels=labels)
    last = GaugeMetricFamily(
        "ci_background_last_success_timestamp_seconds", "When it last succeeded, as a Unix time; 0 for never.", labels=labels)
    failures = CounterMetricFamily("ci_background_failures", "How often it failed.", labels=labels)
    for task in tasks:
        series = (process, task.name)
        age.add_metric(series, task.age)
        last.add_metric(series, task.last_success_at.timestamp() if task.last_success_at else 0)
        failures.add_metric(series, task.failures)
    yield from (age, last, failures)


def _queue(measured: QueueMetrics) -> Iterator[Metric]:
    for name, documentation, numbers in (
        ("ci_jobs_waiting", "Jobs in the queue.", measured.waiting), ("ci_jobs_running", "Jobs that are being run.", measured.running),
    ):
        yield _family(name, documentation, "priority", {str(each): number for each, number in sorted(({0: 0} | dict(numbers)).items())})
    yield GaugeMetricFamily("ci_job_longest_wait_seconds", "How long the oldest waiting job has waited.", measured.max_wait)
    waits = measured.claim_seconds
    yield _family(
        "ci_job_claim_seconds", "How long the jobs of the last hour waited for an agent.", "quantile",
        {str(share): quantile(waits, share) for share in QUANTILES} if waits else {})
    yield GaugeMetricFamily("ci_job_claims", "Jobs of the last hour that an agent took.", len(waits))
    yield _family(
        "ci_jobs_ended", "Jobs that are kept, by why they ended.", "reason", {each: measured.ended.get(each, 0) for each in JobReason})
    yield GaugeMetricFamily(
        "ci_job_results_refused", "Results, of jobs that are kept, that came from agents whose claim had passed on.", measured.refused)
    yield GaugeMetricFamily("ci_web_hooks_waiting", "Webhooks that are still to be delivered.", measured.hooks)


def _app_context(measured: QueueMetrics) -> Iterator[Metric]:
    living = measured.agents
    yield GaugeMetricFamily("ci_agents", "Agents that live.", len(living))
    yield GaugeMetricFamily("ci_agents_without_sandbox", "Agents that live and can run nothing.", sum(not each.can_run for each in living))
    yield GaugeMetricFamily("ci_agent_slots", "How many jobs the living agents can run at once.", sum(each.slots for each in living))
    runs = GaugeMetricFamily("ci_runs", "Runs that are not over.", labels=("platform", "status"))
    for platform_, status in ((each, status) for each in Platform for status in OPEN):
        runs.add_metric((platform_.value, status.value), measured.runs.get((platform_, status), 0))
    yield runs
    yield GaugeMetricFamily("ci_analyses_waiting", "Runs that wait to be analysed.", measured.analyses)


def _family(name: str, documentation: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=(label,))
    for each, value in values.items():
        family.add_metric((each,), value)
    return family

