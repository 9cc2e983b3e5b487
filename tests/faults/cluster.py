"""Machines as processes, on hosts of their own, of one server; and the jobs that they are given."""
from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from api.commands.machines import issue
from api.config import Settings
from api.domain.jobs.job import Job, JobStatus, ProjectZip
from api.domain.runs.machine import WorkKind
from api.domain.runs.run import Platform
from api.jobs.files import AttemptFiles, JobFiles
from api.jobs.wakeup.wakeup import local_wakeup
from api.sandbox.linux.cgroups import ROOT
from api.server import make_server
from api.storage.database import session, transact
from api.storage.jobs import jobs
from tests.builders import add_user
from tests.databases import Database
from tests.e2e.installation import UNLIMITED
from tests.e2e.processes import CI_API, Running, eventually, free_port, started
from tests.job_stores import keep_project, store_on_disk
from tests.specfirst.transport.sockets import listening
from tests.submitted_jobs import zip_of

# Counts until it is told to go on, so that a line that is missing or doubled shows.
COUNTING = """
import os, time
number = 0
while not os.path.exists("go"):
    print(number, flush=True)
    number += 1
    time.sleep(0.02)
print("told to go on", flush=True)
"""
# The lease of machines that are to lose their jobs.
SHORT = 10
UNLIMITED_RATE = 10_000_000
# Of tests on either database: the one of production before each change, the other by `make verify`.
on_mariadb_first = pytest.mark.parametrize("database", [
    pytest.param("mariadb", marks=pytest.mark.mariadb), pytest.param("sqlite", marks=pytest.mark.verify)], indirect=True)


@dataclass
class Host:
    """A host: a folder of its own, in which its machine and jobs live. It shares neither a database nor a disk with the server."""

    folder: Path
    cluster: Cluster
    started: int = 0

    @contextmanager
    def agent(self, **variables: str) -> Iterator[Running]:
        """The machine of this host, as a process that has come to work."""
        self.started += 1
        log = self.folder / f"machine-{self.started}.log"
        command = (*CI_API, "machine", "--server", self.cluster.url, "--token-file", str(self.token))
        with started(command, {**self.variables, **variables}, log) as running:
            eventually(lambda: " slots" in running.output() or running.process.poll() is not None, "the machine's start")
            assert running.process.poll() is None, running.output()
            yield running

    @property
    def token(self) -> Path:
        """The file with the machine's token; the machine is added when it is first asked for."""
        place = self.folder / "token"
        if not place.exists():
            session().rollback()
            place.write_text(issue(self.folder.name, Platform.LINUX, [WorkKind.JOB]))
        return place

    @property
    def variables(self) -> dict[str, str]:
        """The settings of its processes."""
        return {
            "CI_WORK_DIR": str(self.folder / "work"), "CI_CGROUP": self.cluster.group, "CI_JOB_DISK": str(32 << 20),
            "CI_JOB_CACHES": "0", "CI_JOB_COMMAND": "python job.py"}

    def workspace(self, attempt: AttemptFiles) -> Path:
        """The workspace of an attempt on this host, which is there while it is in use."""
        name = f"{attempt.folder.parent.name}-{attempt.folder.name}"
        found: Path | None = eventually(
            lambda: next((self.folder / "work").glob(f"home-*/work/{name}/disk/workspace"), None), f"the workspace {name}")
        assert found is not None
        return found

    def release(self, attempt: AttemptFiles) -> None:
        """Tell a counting job to go on."""
        (self.workspace(attempt) / "go").touch()


@dataclass
class Cluster:
    """A database, a store of files, a server on them, and hosts."""

    database: Database
    folder: Path
    runtime: Path
    port: int = 0
    store: Path = field(init=False)
    hosts: list[Host] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.folder / "files"
        self.group = f"ci-tests-{os.getpid()}-{uuid4().hex[:6]}"
        self.owner = add_user("owner")
        session().commit()

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def server_variables(self) -> dict[str, str]:
        """The settings of the server, where it is a process."""
        return {
            "CI_DATABASE_URL": self.database.url, "SAMPLE_REPOSITORY": str(self.store), "CI_JOBS_PER_USER": "100", **UNLIMITED}

    @contextmanager
    def server(self, *, lease: int = 60) -> Iterator[None]:
        """The server, in a thread of this process, which is there at once."""
        settings = Settings(
            database_url=self.database.url, storage_root=self.store, work_dir=self.folder / "server", jobs="separate", jobs_per_user=100,
            rate_worker=UNLIMITED_RATE, lease_duration=lease, sync_interval=1)
        with listening(make_server(settings)) as self.port:
            yield

    @contextmanager
    def server_process(self) -> Iterator[None]:
        """The server as a process of its own."""
        self.port = free_port()
        variables = {**self.server_variables, "CI_WORK_DIR": str(self.folder / "server"), "CI_JOBS": "separate"}
        with started((*CI_API, "serve", "--port", str(self.port)), variables, self.folder / "server.log") as running:
            eventually(lambda: "Uvicorn running" in running.output() or running.process.poll() is not None, "the server's start")
            yield

    @property
    def files(self) -> JobFiles:
        """Where the server keeps the files of jobs."""
        return JobFiles(self.store)

    def host(self) -> Host:
        """Another host."""
        made = Host(self.folder / f"host-{len(self.hosts)}", self)
        (made.folder / "work").mkdir(parents=True)
        # What jobs' Python is made of is the same everywhere; making it takes longer than most tests.
        (made.folder / "work" / "python").symlink_to(self.runtime)
        self.hosts.append(made)
        return made

    def submit(self, program: str = COUNTING, *, max_attempts: int = 1, **files: str) -> str:
        """Submit a project; its id."""
        job_id = str(uuid4())
        project = zip_of({name: content.encode() for name, content in {"job.py": program, **files}.items()})
        keep_project(store_on_disk(self.store), job_id, project)
        kept = ProjectZip(sha256(project).hexdigest(), len(project))
        transact(lambda: jobs.submit_job(
            Job(job_id, self.owner, JobStatus.QUEUED, datetime.now(UTC), max_attempts=max_attempts, zip=kept)))
        for work in (self.folder / "server", *(host.folder / "work" for host in self.hosts)):
            local_wakeup(work).wake()
        return job_id

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        session().rollback()
        return jobs.load_job(job_id)

    def attempt(self, job_id: str, number: int = 1) -> AttemptFiles:
        """The files of an attempt on its host, once the server has some of what it prints."""
        def printing() -> AttemptFiles | None:
            found = [each for each in self.local_attempts(job_id) if each.folder.name.startswith(f"{number}-")]
            return found[0] if found and self.log(found[0]).count("\n") > 3 else None

        found = eventually(printing, f"output of attempt {number} of job {job_id}")
        assert found is not None
        return found

    def local_attempts(self, job_id: str) -> list[AttemptFiles]:
        """What hosts have of a job."""
        homes = [home for host in self.hosts for home in (host.folder / "work").glob("home-*")]
        return [attempt for home in homes for attempt in JobFiles(home).attempts(job_id)]

    def over(self, job_id: str) -> Job:
        """Wait for a job to be over; the job."""
        def look() -> Job | None:
            job = self.job(job_id)
            return job if job.status.is_finished else None

        job = eventually(look, f"the end of job {job_id}")
        assert job is not None
        return job

    def log(self, attempt: AttemptFiles) -> str:
        """What the server has of what an attempt has printed."""
        log = self.files.job(attempt.folder.parent.name) / attempt.folder.name / "log"
        return log.read_text() if log.exists() else ""

    def until(self, look: Callable[[], object], what: str) -> None:
        """Wait for something to be so."""
        eventually(look, what)

    def clear(self) -> None:
        """End what still runs, and take everything away."""
        clear_away([host.folder / "work" for host in self.hosts], self.group)


def supervisor_of(attempt: AttemptFiles) -> int:
    """The process id of an attempt's supervisor."""
    pid = attempt.supervisor_pid()
    assert pid is not None
    return pid


def clear_away(works: Sequence[Path], group: str) -> None:
    """End all attempts that still run, and take away their workspaces and control groups."""
    for folder in (folder for work in works for folder in work.glob("home-*/Jobs/*/*-*")):
        _end(AttemptFiles(folder))
    for place in (place for work in works for place in work.glob("home-*/work/*/workspace")):
        while os.path.ismount(place):
            subprocess.run(["umount", "--lazy", str(place)], check=True)
    for made in (*ROOT.glob(f"*/{group}"), *ROOT.glob(group)):
        for inner in (*made.glob("*/"), made):
            eventually(lambda inner=inner: _removed(inner), f"the end of {inner}")  # type: ignore[misc]


def is_contiguous(log: str) -> bool:
    """Whether the lines of a counting job are all there, each once, in order."""
    numbers = [int(line) for line in log.splitlines() if line.isdigit()]
    return numbers == list(range(len(numbers))) and len(numbers) > 3


def _end(attempt: AttemptFiles) -> None:
    pid = attempt.supervisor_pid()
    if pid is not None and attempt.is_supervised():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not attempt.is_supervised(), "the supervisor's end")


def _removed(group: Path) -> bool:
    """Whether a control group is gone; what still runs in it, as a trial of a machine that was killed, is ended."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        with suppress(OSError):
            for pid in map(int, (group / "cgroup.procs").read_text().split()):
                # A process of another namespace has no number here.
                if pid > 0:
                    os.kill(pid, signal.SIGKILL)
        return False
    return True
