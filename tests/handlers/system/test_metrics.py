"""What Prometheus reads: who may, and whether it is so."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.domain.auth.access import Role, Scope
from api.domain.jobs.agents import Agent
from api.domain.jobs.job import Job, JobOutcome, JobReason, JobStatus
from api.domain.runs.run import Phase
from api.storage.database import database_now, transact
from api.storage.jobs.agents import save_agent
from api.storage.jobs.jobs import cancel_job, claim_job, finish_job, submit_job
from api.supervision.loop import Background, Task
from tests.background.faults import Monotonic
from tests.builders import NOW, add_event, add_run
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Client, Site

METRICS_TOKEN = "a-token-that-only-scrapes"
LABELS = frozenset({
    "process", "operation", "method", "status", "bucket", "priority", "quantile", "reason", "platform", "version", "python", "le", "task",
    "outcome"})


class Read:
    """One answer, by series."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in families for sample in family.samples]
        self.kinds = {family.name: family.type for family in families}

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one series that has these labels; the process's own label is left out of account."""
        found = [
            sample.value for sample in self.samples
            if sample.name == name and {key: text for key, text in sample.labels.items() if key != "process"} == labels]
        assert len(found) <= 1
        return found[0] if found else None

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have at least these labels."""
        return sum(sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items())


def read(client: Client) -> Read:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Read(answer.text)


def reader(site: Site) -> Client:
    return site.as_role(Role.USER, Scope.SYSTEM_READ)


def submit(site: Site, number: int, *, priority: int = 0, **changes: Any) -> str:
    """A job that waits since so many seconds."""
    job = Job(f"00000000-0000-4000-8000-{number:012}", site.account(), JobStatus.QUEUED, NOW - timedelta(seconds=number), priority)
    transact(lambda: submit_job(replace(job, **changes)))
    return job.job_id


def claim(seconds: int = 0) -> Job:
    found = transact(lambda: claim_job(
        "an agent", now=NOW + timedelta(seconds=seconds), lease_until=NOW + timedelta(hours=1), per_owner=100))
    assert found is not None
    return found


def test_it_is_in_prometheus_text_format(site: Site) -> None:
    answer = reader(site).get("/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert Read(answer.text).kinds["ci_request_seconds"] == "histogram"


def test_nobody_reads_it_without_a_token(site: Site) -> None:
    assert site.client.get("/metrics").status_code == 401


def test_a_token_without_the_scope_does_not_open_it(site: Site) -> None:
    assert site.as_role(Role.ADMIN, Scope.RUNS_READ).get("/metrics").status_code == 403


def test_the_metrics_token_opens_it_and_nothing_else(make_site: MakeSite) -> None:
    scraper = make_site(metrics_token=METRICS_TOKEN).client.as_(METRICS_TOKEN)

    statuses = {path: scraper.get(path).status_code for path in ("/metrics", "/api/v1/system/queue", "/api/v1/runs", "/jobs")}

    assert statuses == {"/metrics": 200, "/api/v1/system/queue": 401, "/api/v1/runs": 401, "/jobs": 401}


@pytest.mark.parametrize("token", [METRICS_TOKEN + "x", METRICS_TOKEN[:-1], "x"])
def test_no_other_token_is_taken_for_it(make_site: MakeSite, token: str) -> None:
    assert make_site(metrics_token=METRICS_TOKEN).client.as_(token).get("/metrics").status_code == 401


def test_the_metrics_token_is_none_where_none_is_configured(site: Site) -> None:
    assert site.client.as_(METRICS_TOKEN).get("/metrics").status_code == 401


def test_waiting_and_running_jobs_are_counted_by_priority(site: Site) -> None:
    for number, priority in ((1, 0), (2, 0), (3, 5), (4, -1)):
        submit(site, number, priority=priority)
    claim()

    found = read(reader(site))

    assert {each: found.value("ci_jobs_waiting", priority=each) for each in ("-1", "0", "5")} == {"-1": 1, "0": 2, "5": None}
    assert {each: found.value("ci_jobs_running", priority=each) for each in ("0", "5")} == {"0": 0, "5": 1}
    assert found.value("ci_job_longest_wait_seconds") == 4


def test_how_long_jobs_waited_for_an_agent_is_told_of_the_last_hour(site: Site) -> None:
    for number in (10, 20, 30):
        submit(site, number)
        claim()
    submit(site, 4000)
    claim()

    found = read(reader(site))

    assert found.value("ci_job_claims") == 3
    assert [found.value("ci_job_claim_seconds", quantile=each) for each in ("0.5", "0.9", "1.0")] == [20, 30, 30]


def test_nothing_is_said_of_waits_where_no_job_was_taken(site: Site) -> None:
    found = read(reader(site))

    assert (found.value("ci_job_claims"), found.value("ci_job_claim_seconds", quantile="0.5")) == (0, None)


def test_ended_jobs_are_counted_by_why_they_ended_and_their_hooks_while_they_wait(site: Site) -> None:
    cancelled = submit(site, 1, web_hook="https://hooks.example/")
    transact(lambda: cancel_job(cancelled, NOW))
    for number, reason in ((2, JobReason.LOST), (3, JobReason.LOST), (4, JobReason.TIMEOUT)):
        submit(site, number)
        job, outcome = claim(), JobOutcome(JobStatus.FAILED, False, reason)
        transact(lambda job=job, outcome=outcome: finish_job(job.job_id, job.fence, outcome, NOW))

    found = read(reader(site))

    assert {each.value: found.value("ci_jobs_ended", reason=each.value) for each in JobReason} == {
        **dict.fromkeys((each.value for each in JobReason), 0), "cancelled": 1, "lost": 2, "timeout": 1}
    assert found.value("ci_web_hooks_waiting") == 1


def test_results_of_agents_whose_claim_had_passed_on_are_counted(site: Site) -> None:
    submit(site, 1)
    job, outcome = claim(), JobOutcome(JobStatus.COMPLETED, True, JobReason.EXIT_CODE, 0)
    results = [
        transact(lambda fence=fence: finish_job(job.job_id, fence, outcome, NOW)) for fence in (job.fence - 1, job.fence, job.fence)]

    found = read(reader(site))

    # The last one is the same result once more, and not another's.
    assert (results, found.value("ci_job_results_refused")) == ([False, True, False], 1)


def test_agents_that_live_are_counted_with_their_slots(site: Site) -> None:
    for agent in (
        Agent("here", 4, 1, database_now(), "bubblewrap"), Agent("bare", 2, 0, database_now(), None, "no sandbox"),
        Agent("gone", 8, 0, database_now() - timedelta(hours=1)),
    ):
        transact(lambda agent=agent: save_agent(agent))

    found = read(reader(site))

    assert [found.value(name) for name in ("ci_agents", "ci_agents_without_sandbox", "ci_agent_slots")] == [2, 1, 6]


def test_runs_are_counted_by_platform(site: Site) -> None:
    add_run()
    add_run()
    add_event(add_run(), Phase.PREPARATION)

    found = read(reader(site))

    assert [found.value("ci_runs", platform="linux", status=each) for each in ("queued", "running")] == [2, 1]
    assert found.total("ci_runs", platform="windows") == 0


def test_requests_are_counted_by_operation_method_and_kind_of_status(site: Site) -> None:
    client = reader(site)
    before = read(client)

    client.get("/api/v1/system/queue")
    client.get("/api/v1/runs")
    client.get("/api/v1/system/health")
    client.get("/api/v1/system/health")

    after = read(client)

    def more(operation: str, status: str) -> float:
        labels = {"operation": operation, "method": "GET", "status": status}
        return after.total("ci_request_seconds_count", **labels) - before.total("ci_request_seconds_count", **labels)

    assert (more("list_queue", "2xx"), more("list_runs", "4xx"), more("get_health", "2xx")) == (1, 1, 2)


def test_what_clients_make_up_makes_no_series(site: Site) -> None:
    client = reader(site)

    for path in ("/made-up", "/api/v1/runs/made-up", "/jobs/made-up", "/metrics/made-up"):
        client.get(path)
    client.request("MADEUP", "/made-up")
    found = read(client)

    assert "made" not in client.get("/metrics").text.lower()
    assert found.total("ci_request_seconds_count", operation="none", method="other") >= 1
    assert {name for sample in found.samples for name in sample.labels} <= LABELS


def test_refusals_are_counted_by_bucket(make_site: MakeSite) -> None:
    site = make_site(rate_anonymous=3, metrics_token=METRICS_TOKEN)
    # Each kind of request has its bucket, so what is asked here does not use up what the scraper has.
    statuses = [site.client.get("/api/v1/system/health").status_code for _ in range(5)]
    refused = read(site.client.as_(METRICS_TOKEN)).total("ci_rate_limit_refusals_total", bucket="anonymous")

    assert (statuses, refused) == ([200, 200, 200, 429, 429], 2)


def test_tasks_between_requests_tell_their_last_success_their_failures_and_their_age(make_site: MakeSite) -> None:
    site = make_site(metrics_token=METRICS_TOKEN)
    monotonic, succeed = Monotonic(), [False, True]

    def work() -> None:
        if not succeed.pop(0):
            raise OSError

    made = Background(clock=site.clock, monotonic=monotonic)
    made.add([Task("sync", work, every=30)])
    collaborators: Any = site.app.app_context.collaborators
    collaborators[Background] = made
    told = []
    for _ in range(2):
        made._loops[0].run_once()
        monotonic.seconds += 7
        found = read(site.client.as_(METRICS_TOKEN))
        told.append([found.value(f"ci_background_{name}", task="sync") for name in (
            "last_success_timestamp_seconds", "failures_total", "age_seconds")])

    assert told == [[0, 1, 7], [NOW.timestamp(), 1, 7]]


def test_every_application_has_its_own_measures(make_site: MakeSite, shared_site: Site) -> None:
    site = make_site(metrics_token=METRICS_TOKEN)

    found = read(site.client.as_(METRICS_TOKEN))

    assert found.total("ci_request_seconds_count") == 0


def test_the_number_of_statements_does_not_grow_with_what_is_counted(site: Site) -> None:
    client = reader(site)

    def statements() -> int:
        with site.database.counted() as seen:
            read(client)
        return len(seen)

    few = statements()
    for number in range(1, 20):
        submit(site, number, priority=number % 5)

    assert statements() == few


def test_the_metrics_token_stands_in_no_log(make_site: MakeSite, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level("DEBUG")

    read(make_site(metrics_token=METRICS_TOKEN).client.as_(METRICS_TOKEN))

    assert METRICS_TOKEN not in caplog.text + " ".join(str(vars(record)) for record in caplog.records)
