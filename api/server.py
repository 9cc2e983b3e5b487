"""Wires a server from its settings: the application on its database, file store, clock and random source."""
from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask
from limits.errors import ConfigurationError as StoreUnusable
from sqlalchemy.exc import DBAPIError

from api.app import Application, create_app
from api.background.analyst import AnalystTask
from api.background.embedded_machine import EmbeddedMachine, enrol_embedded, hand_over_embedded
from api.background.inspector import Inspector
from api.background.job_upkeep import JobUpkeep
from api.background.sweeper import SecretErasure, Sweeper
from api.background.uploader import Uploader
from api.background.webhook_sender import WebhookSender
from api.config import ConfigurationError, Settings, file_variables
from api.diffs.pool import DiffPool
from api.domain.auth.access import Caller
from api.domain.auth.signing import SigningKey
from api.domain.health import DEGRADED, DOWN, Finding
from api.domain.jobs.archive_check import archive_limits
from api.domain.jobs.job import Job
from api.domain.random_source import RandomSource
from api.domain.runs.environment import Environment, parse_environments
from api.domain.runs.machine import IsThere, JobClaim, MachineRemoved, WorkKind
from api.domain.runs.trigger import RunPolicy
from api.host.clock import utc_now
from api.installation import SYSTEM_RANDOM, attach_database, job_home, prepare_store
from api.integrations.github.authorization import GitHubAuthorization
from api.integrations.github.identity import GitHub
from api.integrations.webhook_post import WebhookPost
from api.job_service import EMBEDDED, agent_probe, local_access
from api.jobs.project.scanner import Scanner
from api.jobs.wakeup.wakeup import Wakeup, Wakeups, local_wakeup
from api.services.catalog.library_samples import NewSamples
from api.services.health_probes import HealthProbes, Probe
from api.services.jobs.claims import claim_job, release_job
from api.services.policies import AccountPolicy, Environments, JobPolicy, LibraryPolicy, ReviewPolicy, WorkPolicy
from api.services.report_pace import ReportPace
from api.services.results.analysing import Analyst
from api.services.results.analysis_requests import AnalysisRequests
from api.services.results.first_differences import DifferenceFinder
from api.services.results.newest_failure import find_newest_failure
from api.services.results.output_facts import FactFinder
from api.services.runs import machine_access, worker_access
from api.services.runs.leases import claim_run
from api.services.runs.platform_sync import catch_up
from api.services.runs.runs import ShownRuns
from api.specfirst.responses.metrics import RequestMetrics
from api.storage import schema_state
from api.storage.auth import sessions, tokens
from api.storage.database import database_now, db, session
from api.storage.database_faults import cause_of, is_transient
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore
from api.storage.jobs.changes import load_changed_jobs
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.jobs import waiting_since as jobs_waiting_since
from api.storage.outage import is_outage
from api.storage.runs.leases import Claim
from api.storage.runs.leases import waiting_since as runs_waiting_since
from api.storage.runs.machines import is_known
from api.storage.runs.runs import load_states
from api.stores import Stores, load_signing_key, make_job_store, make_stores
from api.streaming.log_follower import Follower
from api.streaming.reauthorization import Reauthorization
from api.streaming.run_log_tail import RunLogTails
from api.streaming.stream_limits import StreamLimits, UploadLimits
from api.streaming.waiting import RunWatch
from api.streaming.work_queue import Waiting, WorkQueue
from api.supervision.loop import Background, Task

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# For how long after its end a run still takes its log and artifacts.
GRACE = timedelta(hours=1)
# Settings of the server that a machine does not get.
NOT_FOR_MACHINES = (
    "database_url", "db_path", "signing_key", "signing_key_previous", "webhook_secret", "metrics_token", "github_client_secret",
    "rate_store")
LAST = datetime.max.replace(tzinfo=UTC)


def make_server(
    settings: Settings, *, clock: Clock = utc_now, random_source: RandomSource = SYSTEM_RANDOM, looks_first: bool = False,
) -> Application:
    """Make the application. Raises ConfigurationError for what is wrong with the settings or the database's schema.

    With `looks_first` it looks at its pages when it starts.
    """
    store, key = prepare_store(settings), load_signing_key(settings)
    stores = make_stores(settings, key, clock)
    environments = read_environments(settings)
    flask = Flask("api")
    schema = schema_state.SchemaCheck()
    attach_database(flask, settings, schema)
    _look_for_database(flask, schema)

    jobs = make_job_store(flask, stores, settings)

    def is_shared() -> bool:
        return settings.shared_with_platform or schema.is_platforms

    new_samples, diffs, analyses, metrics = NewSamples(), DiffPool(), AnalysisRequests(), RequestMetrics(str(os.getpid()))
    background = Background(is_outage=is_outage, clock=clock)
    analyst = AnalystTask(flask, Analyst(FactFinder(stores.archive, diffs, metrics.told_facts), settings.main_repository), analyses)
    sweeper = Sweeper(
        flask, clock, store, SecretErasure(GRACE, random_source, is_shared), lease=timedelta(seconds=settings.lease_duration),
        random_source=random_source, archive=stores.archive)
    background.add([
        *sweeper.tasks(every=settings.sync_interval),
        Inspector(flask, stores.archive, stores.local, store, clock=clock).task(every=settings.sync_interval, wake=new_samples.arrived),
        analyst.task(every=settings.sync_interval),
        *_uploading(flask, stores, settings, clock), *_telling(flask, settings, clock, random_source),
        *_keeping_jobs(flask, jobs, settings)])
    follower = Follower(jobs.logs, partial(_changed_jobs, flask), supervise=background.supervise)
    probes = _probes(settings, flask, store, stores, clock)
    github = GitHub(settings.github_api_url, token=settings.github_token)
    waits = RunWatch(partial(_states, clock))
    run_logs = RunLogTails()
    policy = WorkPolicy(
        settings.main_repository, timedelta(seconds=settings.lease_duration), settings.executables.absolute(), settings.jobs_per_user,
        settings.job_quota, timedelta(seconds=settings.job_retention))
    work = WorkQueue(partial(_take_work, policy), _give_back, local_wakeup(settings.work_dir))
    return _create_app(
        settings, authenticate=partial(_authenticate, clock), find_session=partial(_find_reader, clock), clock=clock,
        is_outage=is_outage, is_ready=probes.is_ready,
        run_token_known=lambda run_id, token: worker_access.is_worker_token(run_id, token, clock(), GRACE),
        find_machine=lambda token: machine_access.find_by_token(token, clock()),
        local_caller=local_access(settings, flask), shows_runs=ShownRuns(clock),
        first_shown=partial(find_newest_failure, stores.archive) if looks_first else None,
        flask_setup=partial(attach_database, settings=settings, check=schema),
        hooks=[waits.running, work.running, diffs.running, follower.running, run_logs.running, background.running],
        collaborators={
            AnalysisRequests: analyses,
            RequestMetrics: metrics,
            AccountPolicy: AccountPolicy(is_shared, settings.tokens_per_user),
            Archive: stores.archive,
            Background: background,
            RandomSource: random_source,
            DiffPool: diffs,
            DifferenceFinder: DifferenceFinder(),
            Wakeup: Wakeups([local_wakeup(settings.work_dir), follower]),
            Environments: Environments(environments),
            FileStore: store,
            Follower: follower,
            GitHub: github,
            GitHubAuthorization: GitHubAuthorization(
                settings.github_url, settings.github_client_id, settings.github_client_secret, github),
            HealthProbes: probes,
            JobPolicy: job_policy(settings),
            JobStore: jobs,
            LibraryPolicy: LibraryPolicy(settings.sample_size),
            NewSamples: new_samples,
            ReviewPolicy: ReviewPolicy(settings.allow_self_approval),
            Scanner: Scanner(shlex.split(settings.job_scanner)),
            SigningKey: key,
            Reauthorization: Reauthorization(supervise=background.supervise),
            StreamLimits: StreamLimits(settings.streams_per_user),
            RunPolicy: RunPolicy(settings.main_repository, settings.allowed_repositories),
            RunWatch: waits,
            RunLogTails: run_logs,
            ReportPace: ReportPace(settings.reports, policy.lease),
            WorkPolicy: policy,
            WorkQueue: work,
            UploadLimits: UploadLimits(settings.streams_per_user),
        })


def read_environments(settings: Settings) -> tuple[Environment, ...]:
    """The configured environments. Raises ConfigurationError."""
    try:
        return parse_environments(settings.environments)
    except ValueError as wrong:
        raise ConfigurationError(f"CI_ENVIRONMENTS: {wrong}") from wrong


def job_policy(settings: Settings) -> JobPolicy:
    """What is taken in as a job."""
    return JobPolicy(
        settings.jobs != "off", settings.job_zip_size, archive_limits(settings.job_zip_size), settings.webhook_hosts,
        settings.webhook_allow_private, waiting=settings.queued_jobs_per_user, quota=settings.job_quota,
        retention=timedelta(seconds=settings.job_retention), roles=settings.job_roles)


def _keeping_jobs(flask: Flask, jobs: JobStore, settings: Settings) -> list[Task]:
    """What looks after jobs, and the machine that starts with the server, configured as the server is."""
    upkeep = JobUpkeep(
        flask, jobs, lease=timedelta(seconds=settings.lease_duration),
        keep=timedelta(seconds=settings.job_retention))
    home = job_home(settings)
    embedded = EmbeddedMachine(
        home, partial(enrol_embedded, flask, home), partial(hand_over_embedded, flask, home), environment_of_machine(settings))
    tasks = upkeep.tasks(every=settings.sync_interval, stores_logs=settings.bucket_only)
    return [*tasks, *([embedded.task()] if settings.jobs == EMBEDDED else [])]


def environment_of_machine(settings: Settings) -> dict[str, str]:
    """The settings of a machine, without what is the server's alone: it runs strangers' programs, and has no database."""
    left_out = {each.metadata["variable"] for each in fields(settings) if each.name in NOT_FOR_MACHINES} | file_variables()
    return {name: value for name, value in {**os.environ, **settings.as_environment()}.items() if name not in left_out}


def _create_app(settings: Settings, **collaborators: Any) -> Application:
    try:
        return create_app(settings, **collaborators)
    except StoreUnusable as wrong:
        # What is said of the URL quotes it, and it may hold a password.
        raise ConfigurationError("CI_RATE_STORE: this store cannot be used; redis:// needs the extra `redis`.") from wrong


def _look_for_database(flask: Flask, schema: schema_state.SchemaCheck) -> None:
    """Raise ConfigurationError where the database lacks a migration or refuses us; one that is away is waited for."""
    try:
        with flask.app_context():
            schema(db.engine)
    except schema_state.SchemaUnknown as lacking:
        raise ConfigurationError(str(lacking)) from lacking
    except DBAPIError as failed:
        cause = cause_of(failed)
        if cause is None:
            raise
        if not is_transient(failed):
            raise ConfigurationError(cause) from failed
        log.warning("%s Requests are answered with 503 until it comes.", cause)


def _uploading(flask: Flask, stores: Stores, settings: Settings, clock: Clock) -> list[Task]:
    if stores.bucket is None or settings.bucket_only:
        return []
    uploader = Uploader(flask, stores.local, stores.bucket, clock=clock, integrity=stores.integrity)
    return [uploader.task(every=settings.sync_interval, wake=stores.arrived)]


def _telling(flask: Flask, settings: Settings, clock: Clock, random_source: RandomSource) -> list[Task]:
    if not settings.webhook_hosts:
        return []
    if not settings.webhook_secret:
        raise ConfigurationError("CI_WEBHOOK_SECRET: is needed where CI_WEBHOOK_HOSTS names hosts.")
    post = WebhookPost(settings.webhook_hosts, settings.webhook_allow_private, settings.webhook_secret)
    return [WebhookSender(flask, post, clock=clock, random_source=random_source).task()]


def _probes(settings: Settings, flask: Flask, store: FileStore, stores: Stores, clock: Clock) -> HealthProbes:
    return HealthProbes(
        {"database": partial(_probe_database, flask), "file_store": partial(_probe_files, store), **_bucket_probe(stores),
         **agent_probe(settings, flask, clock)},
        vital=frozenset({"database"}))


def _bucket_probe(stores: Stores) -> dict[str, Probe]:
    return {} if stores.bucket is None else {"bucket": stores.bucket.probe}


def _authenticate(clock: Clock, value: str) -> Caller | None:
    return tokens.find_caller(value, clock())


def _find_reader(clock: Clock, value: str) -> Caller | None:
    return sessions.find_reader(value, clock())


def _states(clock: Clock, run_ids: Collection[int]) -> dict[int, str]:
    catch_up(clock())
    return load_states(run_ids)


def _take_work(policy: WorkPolicy, who: Waiting, is_there: IsThere) -> Claim | Job | None:
    """The next run or job of the kinds that are wanted, by the database's clock; where both wait, the older comes first.

    Raises MachineRemoved.
    """
    def may_have() -> bool:
        # Asked within the transaction that keeps the claim.
        if not is_known(who.machine.name):
            raise MachineRemoved
        return is_there()

    take: dict[WorkKind, Callable[[], Claim | Job | None]] = {
        WorkKind.RUN: lambda: claim_run(
            who.holder, who.machine.platform, policy.main_repository, now=database_now(), lease=policy.lease, is_there=may_have),
        WorkKind.JOB: lambda: claim_job(
            who.machine.name, now=database_now(), lease=policy.lease, per_owner=policy.jobs_per_owner, is_there=may_have)}
    for kind in _in_turn(policy, who):
        if (found := take[kind]()) is not None:
            return found
    return None


def _give_back(who: Waiting, work: Claim | Job) -> None:
    """Return a job to the queue. A run is given again to the process that asks again, or is lost with it when its lease passes."""
    if isinstance(work, Job):
        release_job(JobClaim(work.job_id, work.fence), who.machine.name, database_now())


def _in_turn(policy: WorkPolicy, who: Waiting) -> list[WorkKind]:
    """The kinds, that of which something waits for longest first."""
    if len(who.kinds) < 2:
        return [*who.kinds]
    since = {
        WorkKind.RUN: runs_waiting_since(who.machine.platform, policy.main_repository),
        WorkKind.JOB: jobs_waiting_since(policy.jobs_per_owner)}
    return sorted(who.kinds, key=lambda kind: since[kind] or LAST)


def _changed_jobs(flask: Flask, known: Mapping[str, Job]) -> dict[str, Job | None]:
    with flask.app_context():
        return load_changed_jobs(known)


def _probe_database(flask: Flask) -> Finding:
    with flask.app_context():
        is_migrated = schema_state.has_every_step(session().connection())
    return Finding() if is_migrated else Finding(DOWN, "The database lacks a migration.")


def _probe_files(store: FileStore) -> Finding:
    return Finding() if store.is_writable() else Finding(DEGRADED, "The file store cannot be written to.")
