"""Jobs that a test runs by hand, in an agent's and a supervisor's place, and clients that watch them over real connections."""
from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import uvicorn

from api.domain.jobs.job import Job, JobReason, JobStatus, outcome_of
from api.jobs.files import AttemptFiles, JobFiles
from api.storage.database import session, transact
from api.storage.jobs.jobs import claim_job, finish_job, give_up_job, load_job, put_back, submit_job
from tests.builders import NOW
from tests.e2e.processes import eventually

# How long a test waits for what must come; nothing ever takes this long.
TIMEOUT = 60.0
LEASE = timedelta(minutes=1)


@dataclass
class HandRun:
    """A job that does what the test says; within an application context of its database."""

    files: JobFiles
    job_id: str
    claimed: Job | None = None

    @classmethod
    def submitted(cls, files: JobFiles, owner_id: int, **options: Any) -> HandRun:
        """A job that waits."""
        job_id = str(uuid4())
        transact(lambda: submit_job(Job(job_id, owner_id, JobStatus.QUEUED, NOW, **options)))
        return cls(files, job_id)

    @property
    def attempt(self) -> AttemptFiles:
        """The files of the present attempt."""
        assert self.claimed is not None
        return self.files.attempt(self.job_id, self.claimed.attempt, self.claimed.attempt_fence)

    def start(self) -> HandRun:
        """Claim it, as an agent does; nothing else may wait."""
        self.claimed = transact(lambda: claim_job("agent", now=NOW, lease_until=NOW + LEASE, per_owner=1000))
        assert self.claimed is not None and self.claimed.job_id == self.job_id
        self.attempt.folder.mkdir(parents=True)
        return self

    def write(self, content: bytes) -> HandRun:
        """Append to the log, as a supervisor does."""
        with self.attempt.log.open("ab", buffering=0) as log:
            log.write(content)
        return self

    def finish(self, reason: JobReason = JobReason.EXIT_CODE, exit_code: int | None = 0) -> HandRun:
        """End it."""
        claimed = self.claimed
        assert claimed is not None
        assert transact(lambda: finish_job(self.job_id, claimed.fence, replace(outcome_of(reason, exit_code), tests=1), NOW))
        return self

    def lose(self) -> HandRun:
        """Let its agent be gone for longer than its lease."""
        claimed = self.claimed
        assert claimed is not None
        assert transact(lambda: give_up_job(claimed, NOW + 2 * LEASE, began=True))
        return self

    def put_back(self) -> HandRun:
        """Let its agent find that it cannot begin it now."""
        claimed = self.claimed
        assert claimed is not None
        assert transact(lambda: put_back(claimed, NOW))
        return self

    def load(self) -> Job:
        """The job as it is now."""
        session().rollback()
        return load_job(self.job_id)


@dataclass
class Event:
    """What came between two empty lines."""

    id: str | None = None
    data: Any = None
    other: list[str] = field(default_factory=list)


class Stream:
    """A connection on which a stream comes in; what never comes is a failure after a while."""

    def __init__(self, url: str, path: str, token: str | None, headers: Mapping[str, str] | None = None, **parameters: Any) -> None:
        host = url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=TIMEOUT)
        query = f"?{urlencode(parameters)}" if parameters else ""
        self._connection.request("GET", path + query, headers={**_bearer(token), **(headers or {})})
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.last_id: str | None = None

    def __iter__(self) -> Iterator[Event]:
        event = Event()
        while line := self.answer.readline().decode():
            if line == "\n":
                yield event
                event = Event()
            elif line.startswith("data: "):
                event.data = json.loads(line.removeprefix("data: "))
            elif line.startswith("id: "):
                self.last_id = event.id = line.removeprefix("id: ").strip()
            else:
                event.other.append(line.strip())

    def next(self) -> Event:
        """The next event with data."""
        return next(event for event in self if event.data is not None)

    def next_other(self) -> Event:
        """The next event without data."""
        return next(event for event in self if event.data is None)

    def until(self, text: str) -> str:
        """What the log says up to where it has said this."""
        said = ""
        while text not in said:
            said += self.next().data["data"]
        return said

    def rest(self) -> list[Event]:
        """All that still comes with data, up to the end, at which the connection is closed."""
        events = [event for event in self if event.data is not None]
        self.close()
        return events

    def close(self) -> None:
        """Leave."""
        self.answer.close()
        self._connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def log_of(events: list[Event]) -> str:
    """What the log says in these events."""
    return "".join(event.data["data"] for event in events if event.data["type"] == "log")


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """The URL of an application that a server in a thread of this process serves."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none", access_log=False, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, "the server's start")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(TIMEOUT)
