"""A server and a machine as they are run, side by side, for projects that come in over HTTP."""
from __future__ import annotations

import io
import json
import socket
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from api.jobs.files import JobFiles
from tests.e2e.installation import Api, Installation
from tests.e2e.processes import Running, eventually
from tests.faults.cluster import clear_away

TIMEOUT = 900
SECONDS = 30
LOG_BYTES = 1 << 20
SLOTS = 4
LIMITS = {
    "CI_JOB_TIMEOUT": str(SECONDS), "CI_JOB_MEMORY": str(96 << 20), "CI_JOB_PROCESSES": "48", "CI_JOB_DISK": str(48 << 20),
    "CI_JOB_LOG_SIZE": str(LOG_BYTES), "CI_JOB_ZIP_SIZE": str(2 << 20), "CI_JOB_COMMAND": "python3 job.py",
    "CI_JOB_SLOTS": str(SLOTS), "CI_JOBS_PER_USER": str(SLOTS)}


@dataclass(frozen=True)
class Outcome:
    """A job that is over, and all that its stream said."""

    job: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def log(self) -> str:
        """The text of all log events, the closing line included."""
        return "".join(event["data"] for event in self.events if event["type"] == "log")

    @property
    def closing_line(self) -> str:
        """What the stream said last of the log, on a line of its own."""
        return str([event for event in self.events if event["type"] == "log"][-1]["data"]).removeprefix("\n")

    @property
    def end(self) -> tuple[Any, Any, Any]:
        """How the job stands, and why."""
        return self.job["status"], self.job["success"], self.job["reason"]


@dataclass(frozen=True)
class Deployment:
    """A server, a machine beside it, and a door at which nobody of a project's may ever knock."""

    installation: Installation
    server: Running
    agent: Running
    work: Path
    secret: str
    door: socket.socket

    @property
    def api(self) -> Api:
        """The server's API, as an admin."""
        return self.installation.api

    @property
    def files(self) -> JobFiles:
        """Where the files of jobs lie."""
        return JobFiles(self.installation.files)

    def targets(self) -> dict[str, list[Any]]:
        """What projects are after: addresses to be reached, sockets, and files of the host."""
        installation = self.installation
        own = socket.gethostbyname(socket.gethostname())
        ports = [installation.port, self.door.getsockname()[1]]
        addresses = [[host, port] for host in ("127.0.0.1", "::1", own, "10.0.2.2", "host.docker.internal") for port in ports]
        wakeups = [str(path) for path in self.work.rglob("*.sock")]
        database = installation.database_url.removeprefix("sqlite:///")
        home = _beside(Path(sys.base_prefix).resolve(), Path("/root"))
        paths = [database, "/etc/shadow", *home, self.installation.files, self.work, installation.folder, "/var/run/docker.sock"]
        return {
            "addresses": [*addresses, ["169.254.169.254", 80], ["8.8.8.8", 53]], "sockets": [*wakeups, "\0ci-door", "/var/run/docker.sock"],
            "paths": list(map(str, paths)), "names": []}

    def send(self, project: bytes, filename: str = "project.zip") -> httpx.Response:
        """Submit a zip."""
        return self.api.ask("POST", "/submit-async", files={"file": (filename, project)})

    def run(self, files: Mapping[str, str], filename: str = "project.zip") -> Outcome:
        """Submit a project and watch it until its end."""
        answer = self.send(zipped(files), filename)
        assert answer.status_code == 200, answer.text
        return self.outcome(answer.json()["job_id"])

    def outcome(self, job_id: str) -> Outcome:
        """Watch a job until its end."""
        stream = self.api.ask("GET", f"/jobs/{job_id}/stream", params={"from_beginning": "true", "timeout": TIMEOUT})
        lines = [line.removeprefix("data: ") for line in stream.text.split("\n") if line.startswith("data: ")]
        return Outcome(self.api.ask("GET", f"/jobs/{job_id}").json(), [json.loads(line) for line in lines])

    def artifacts(self, job_id: str) -> dict[str, Any]:
        """What was kept of a job."""
        found: dict[str, Any] = self.api.ask("GET", f"/jobs/{job_id}/artifacts").json()
        return found

    def artifact(self, job_id: str, name: str) -> httpx.Response:
        """A file that was kept of a job."""
        return self.api.ask("GET", f"/jobs/{job_id}/artifacts/{quote(name, safe='')}")

    def knocks(self) -> list[bytes]:
        """What was said at the door; whoever looks for a free port may have been there as well."""
        found = []
        with suppress(BlockingIOError):
            while True:
                guest, _ = self.door.accept()
                with guest, suppress(OSError):
                    guest.settimeout(5)
                    found.append(guest.recv(1000))
        return found

    def workspaces(self) -> list[Path]:
        """The workspaces that there are."""
        return list(self.work.glob("home-*/work/*-*/workspace"))


def _beside(shown: Path, folder: Path) -> list[Path]:
    """The folder, or what is in it beside the way to `shown`: bubblewrap mounts the interpreter where it lies, and nothing beside it."""
    if not shown.is_relative_to(folder):
        return [folder]
    return [] if folder == shown else [each for entry in folder.iterdir() for each in _beside(shown, entry)]


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip of a project."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return made.getvalue()


@contextmanager
def opened_house(folder: Path, database: Path, runtime: Path, changes: Mapping[str, str]) -> Iterator[Deployment]:
    """A house over a migrated database; nothing of it is left behind."""
    work, secret, group = folder / "work", uuid4().hex * 2, f"ci-tests-{uuid4().hex[:8]}"
    work.mkdir(mode=0o700)
    (work / "python").symlink_to(runtime)
    installation = Installation(folder, f"sqlite:///{database}", changes={
        **LIMITS, **changes, "CI_WORK_DIR": str(work), "CI_CGROUP": group, "CI_SIGNING_KEY": secret})
    installation.fill()
    try:
        with installation.server() as server, _agent(installation) as agent, socket.create_server(("", 0)) as door:
            door.setblocking(False)
            yield Deployment(installation, server, agent, work, secret, door)
    finally:
        clear_away([work], group)


@contextmanager
def _agent(installation: Installation) -> Iterator[Running]:
    with installation.worker("machine", changes={"CI_WORK_DIR": installation.changes["CI_WORK_DIR"]}) as running:
        eventually(lambda: " slots" in running.output() or running.process.poll() is not None, "the machine's start")
        assert running.process.poll() is None, running.output()
        yield running
