"""An agent in the hands of a test, over a real database; stand-ins for what prepares jobs and for their supervisors."""
from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from api.domain.jobs.agents import Agent as AgentRecord
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import Job, JobReason, JobStatus, ProjectZip
from api.host.slots import Slot, Slots
from api.jobs.agent.agent import Agent
from api.jobs.agent.finishing import Finisher
from api.jobs.agent.held_job import ClaimLost, HeldJob
from api.jobs.agent.log_shipping import LogShipper
from api.jobs.agent.options import AgentOptions
from api.jobs.files import AttemptFiles, JobFiles, put
from api.jobs.project.job_options import JobOptions
from api.jobs.project.workspaces import Workspaces
from api.storage.database import session, transact
from api.storage.jobs import jobs
from api.storage.jobs.tables import JobRow
from tests.builders import add_user
from tests.clocks import Clock
from tests.databases import Database
from tests.job_stores import keep_project, store_on_disk
from tests.jobs.agent.job_store import DirectJobRepository
from tests.jobs.attempts import await_true

LOCKING = "import fcntl, sys, time\nfile = open(sys.argv[1], 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\nprint(flush=True)\ntime.sleep(3600)"
OPTIONS = AgentOptions(lease=timedelta(seconds=60))


class Supervisors:
    """Processes that hold attempts' locks, and nothing else."""

    def __init__(self) -> None:
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, files: AttemptFiles) -> None:
        process = subprocess.Popen([sys.executable, "-S", "-c", LOCKING, str(files.lock)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        self._processes[files.folder] = process
        put(files.state, {"pid": process.pid})

    def end(self, files: AttemptFiles, record: ExitRecord | None = None) -> None:
        if record is not None:
            files.write_exit(record)
        process = self._processes.pop(files.folder)
        process.kill()
        process.wait()

    def is_killed(self, files: AttemptFiles) -> bool:
        return self._processes[files.folder].poll() is not None

    def clear(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@dataclass
class StandIn:
    """Prepares jobs by starting a stand-in for their supervisor, or as it is told to."""

    supervisors: Supervisors
    shipper: LogShipper
    clock: Callable[[], datetime]
    instead: Callable[[HeldJob], ExitRecord | None] | None = None
    seen: list[HeldJob] = field(default_factory=list)

    def prepare(self, held: HeldJob, slot: Slot, stopping: threading.Event) -> ExitRecord | None:
        self.seen.append(held)
        if self.instead is not None:
            return self.instead(held)
        held.prepare({}, self.clock())
        self.shipper.open(held)
        self.supervisors.start(held.files)
        return None

    def close(self) -> None:
        return None


class Works:
    """Agents over one database, one store and any number of hosts."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.clock = database, folder, Clock()
        self.store = store_on_disk(folder / "store")
        self.supervisors = Supervisors()
        self._owner = add_user()
        session().commit()
        self._made = 0

    def submit(self, **changes: int) -> str:
        zipped = ProjectZip(sha256(b"a zip").hexdigest(), 5)
        job = replace(Job(str(uuid4()), self._owner, JobStatus.QUEUED, self.clock(), zip=zipped), **changes)  # type: ignore[arg-type]
        keep_project(self.store, job.job_id, b"a zip")
        transact(lambda: jobs.submit_job(job))
        return job.job_id

    def agent(
        self, *, machine: str | None = None, slots: int = 4, clock_off: timedelta = timedelta(0), quota: int = 1 << 40,
        **job_options: Any,
    ) -> tuple[Agent, StandIn, str]:
        """An agent of a machine, whose clock may be off; those of one machine share its folder."""
        self._made += 1
        name = machine or f"machine-{self._made}"
        home, options = self.folder / name, replace(OPTIONS, slots=slots)
        home.mkdir(exist_ok=True)
        repository = DirectJobRepository(self.database.app, name, self.store, self.clock, lease=options.lease, quota=quota)

        def clock() -> datetime:
            return self.clock() + clock_off

        shipper = LogShipper(repository)
        preparer = StandIn(self.supervisors, shipper, clock)
        finisher = Finisher(repository, shipper, Workspaces(home / "work", images=False), JobOptions(**job_options), pause=0.05)
        record = AgentRecord(name, slots, 0, self.clock(), "bubblewrap")
        agent = Agent(
            record, options, repository, JobFiles(home), Slots(home / "slots", count=slots), finisher, shipper, preparer, clock=clock)
        return agent, preparer, name

    def job(self, job_id: str) -> Job:
        session().rollback()
        return jobs.load_job(job_id)

    def held_by(self, name: str) -> list[str]:
        session().rollback()
        return [job.job_id for job in jobs.list_claimed_by(name)]

    def attempt(self, job_id: str) -> AttemptFiles:
        """What the server has of the newest attempt."""
        job = self.job(job_id)
        return JobFiles(self.folder / "store").attempt(job_id, job.attempt, job.attempt_fence)

    def local(self, job_id: str) -> AttemptFiles:
        """What the job's machine has of its attempt."""
        job = self.job(job_id)
        assert job.machine is not None, "nobody has claimed it"
        return JobFiles(self.folder / job.machine).attempt(job_id, job.attempt, job.attempt_fence)

    def claimed(self, agent: Agent, job_id: str) -> None:
        """Have the agent look until it has claimed a job."""
        def look() -> bool:
            agent.run_once()
            return self.job(job_id).status is not JobStatus.QUEUED and any(name.startswith(job_id) for name in agent.held_names or ())

        await_true(look)

    def running(self, agent: Agent, job_id: str) -> AttemptFiles:
        """Have the agent take up a job, and wait until it runs; its files on the machine."""
        self.claimed(agent, job_id)
        files = self.local(job_id)
        await_true(files.is_supervised)
        await_true(lambda: agent.is_idle)
        return files

    def over(self, agent: Agent, job_id: str) -> Job:
        """Have the agent look until the job is over."""
        def look() -> bool:
            agent.run_once()
            return self.job(job_id).status.is_finished

        await_true(look)
        return self.job(job_id)


def ended(files: AttemptFiles, reason: JobReason = JobReason.EXIT_CODE, exit_code: int | None = 0) -> ExitRecord:
    """A record of an attempt's end."""
    fence = int(files.folder.name.split("-")[1])
    return ExitRecord(fence, reason, datetime.now(UTC), datetime.now(UTC), exit_code)


def lost(_: HeldJob) -> ExitRecord | None:
    """A preparation that is told that its claim is lost."""
    raise ClaimLost


def lease_of(job_id: str) -> datetime:
    session().rollback()
    return session().execute(select(JobRow.lease_until).where(JobRow.id == job_id)).scalar_one()  # type: ignore[return-value]
