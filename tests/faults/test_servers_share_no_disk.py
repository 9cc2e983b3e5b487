"""Two servers with a database and a bucket, and no disk that is theirs for longer than a request: whatever one took the other one has."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.database import session
from api.storage.platform_tables import TestRow
from tests.builders import Output, add_event, add_regression_test, add_run, add_token, add_user
from tests.databases import Database
from tests.e2e.processes import CI_API, Running, eventually, free_port, started
from tests.faults.cluster import COUNTING, Cluster, is_contiguous
from tests.faults.conftest import built
from tests.faults.rotating_proxy import RotatingProxy, rotating_proxy
from tests.job_stores import in_bucket_alone
from tests.storage.conftest import emulator, shared_emulator
from tests.storage.files.emulator import Emulator
from tests.submitted_jobs import zip_of

__all__ = ["emulator", "shared_emulator"]

REPORT = '<testsuite tests="2" failures="1"><testcase name="one"/><testcase name="two"><failure message="no"/></testcase></testsuite>'
PROGRAM = f"""{COUNTING}
open("report.xml", "w").write({REPORT!r})
open("noise.bin", "wb").write(bytes(range(256)) * 9000)
"""
NOISE = bytes(range(256)) * 9000


@dataclass
class Servers:
    """The servers, each with a folder that may be emptied at any time, behind a proxy that asks them in turn."""

    cluster: Cluster
    bucket: Emulator
    token: str
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    running: list[Running] = field(default_factory=list)

    def disk(self, port: int) -> Path:
        """The disk of a server."""
        return self.cluster.folder / f"disk-{port}"

    @contextmanager
    def start(self, port: int) -> Iterator[Running]:
        """A server on an empty disk, once it answers."""
        self.wipe(port)
        variables = {
            **self.cluster.server_variables, **in_bucket_alone(self.bucket), "CI_JOBS": "separate", "CI_SYNC_INTERVAL": "1",
            "SAMPLE_REPOSITORY": str(self.disk(port) / "files"), "CI_WORK_DIR": str(self.disk(port) / "work")}
        log = self.cluster.folder / f"server-{port}-{len(self.running)}.log"
        with started((*CI_API, "serve", "--port", str(port)), variables, log) as running:
            eventually(lambda: "Uvicorn running" in running.output() or running.process.poll() is not None, "the server's start")
            assert running.process.poll() is None, running.output()
            self.running.append(running)
            yield running

    def wipe(self, port: int) -> None:
        """Take away all that is on a server's disk."""
        for path in [path for path in self.disk(port).rglob("*") if not path.is_dir()]:
            path.unlink(missing_ok=True)

    def kept(self) -> list[Path]:
        """The files that are on the disks, but for what a process has to find others on its own host."""
        return [path for port in self.ports for path in (self.disk(port) / "files").rglob("*") if path.is_file()]

    def ask(self, port: int, method: str, path: str, **rest: Any) -> httpx.Response:
        """Ask one server, or the proxy."""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client:
            return client.request(method, path, headers={"Authorization": f"Bearer {self.token}"}, **rest)

    def read(self, port: int, path: str, **query: Any) -> Any:
        """Ask one server for what must be there, whose disk is emptied first."""
        self.wipe(port)
        answer = self.ask(port, "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Follower(threading.Thread):
    """A client of a job's stream, which connects anew behind the last event where the stream breaks off."""

    def __init__(self, servers: Servers, port: int, job_id: str) -> None:
        super().__init__(daemon=True)
        self._servers, self._port, self._path = servers, port, f"/jobs/{job_id}/stream"
        self.text, self.last, self.success, self.connections = "", "", None, 0

    def run(self) -> None:
        """Follow until the stream says that it is complete."""
        while self.success is None:
            self.connections += 1
            with suppress(httpx.TransportError), httpx.Client(trust_env=False, timeout=120) as client, client.stream(
                "GET", f"http://127.0.0.1:{self._port}{self._path}", params={"from_beginning": "true"},
                headers={"Authorization": f"Bearer {self._servers.token}", **({"Last-Event-ID": self.last} if self.last else {})},
            ) as response:
                self._follow(response)

    def _follow(self, response: httpx.Response) -> None:
        last = ""
        for line in response.iter_lines():
            if line.startswith("id: "):
                last = line.removeprefix("id: ")
            elif line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                self.text, self.success = self.text + event.get("data", ""), event.get("success")
                # The two lines of an event come together.
                self.last = last or self.last


@pytest.fixture
def servers(mariadb_database: Database, runtime: Path, emulator: Emulator, tmp_path: Path) -> Iterator[Servers]:
    token = add_token(add_user(role=Role.ADMIN), now=datetime.now(UTC))
    session().commit()
    with built(mariadb_database, runtime, tmp_path) as cluster:
        yield Servers(cluster, emulator, token)


@pytest.mark.mariadb
def test_a_job_is_sent_claimed_followed_and_ended_by_whichever_server_is_asked(servers: Servers) -> None:
    one, two = servers.ports
    host = servers.cluster.host()
    with ExitStack() as stack:
        killed = stack.enter_context(servers.start(one))
        stack.enter_context(servers.start(two))
        proxy = stack.enter_context(rotating_proxy(servers.ports))
        servers.cluster.port = proxy.port
        stack.enter_context(host.agent(CI_JOB_ARTIFACTS="*.xml,*.bin"))
        job_id = submitted(servers, one)
        follower = Follower(servers, proxy.port, job_id)
        follower.start()

        eventually(lambda: follower.text.count("\n") > 20, "lines of the job")
        killed.kill()
        seen = follower.text.count("\n")
        eventually(lambda: follower.text.count("\n") > seen + 20, "lines after a server was killed")
        stack.enter_context(servers.start(one))
        [attempt] = servers.cluster.local_attempts(job_id)
        host.release(attempt)
        follower.join(180)

        assert (follower.success, is_contiguous(follower.text)) == (True, True)
        for port in servers.ports:
            assert_all_is_there(servers, port, job_id, follower.text)
        eventually(lambda: servers.bucket.content(f"Jobs/{job_id}/1-1/log/0-{len(log_of(servers, two, job_id))}"), "the log in the bucket")
        for port in servers.ports:
            assert_all_is_there(servers, port, job_id, follower.text)
        again = servers.ask(two, "POST", f"/jobs/{job_id}/rerun").json()["job_id"]
        assert servers.bucket.content(f"Jobs/{again}/project.zip") == servers.bucket.content(f"Jobs/{job_id}/project.zip")
        servers.ask(one, "DELETE", f"/jobs/{again}")
        assert_both_served(proxy)
    assert servers.kept() == []


def submitted(servers: Servers, port: int) -> str:
    """Send a project to one server, whose disk is emptied then."""
    files = {"file": ("project.zip", zip_of({"job.py": PROGRAM.encode()}))}
    eventually(lambda: servers.ask(port, "GET", "/api/v1/system/health").json()["status"] == "ok", "a machine that takes jobs")
    answer = servers.ask(port, "POST", "/submit-async", files=files)
    assert answer.status_code == 200, answer.text
    servers.wipe(port)
    return str(answer.json()["job_id"])


def log_of(servers: Servers, port: int, job_id: str) -> str:
    """The whole log, page by page."""
    lines, cursor = list[str](), dict[str, str]()
    while True:
        page = servers.read(port, f"/jobs/{job_id}/logs", limit=100, **cursor)
        lines += [line["message"] for line in page["data"]]
        if page["pagination"]["next_cursor"] is None:
            return "".join(f"{line}\n" for line in lines)
        cursor = {"cursor": page["pagination"]["next_cursor"]}


def assert_all_is_there(servers: Servers, port: int, job_id: str, streamed: str) -> None:
    """A server tells all of a job that is over."""
    job, log = servers.read(port, f"/jobs/{job_id}"), log_of(servers, port, job_id)
    kept = servers.read(port, f"/jobs/{job_id}/artifacts")
    noise = servers.ask(port, "GET", f"/jobs/{job_id}/artifacts/noise.bin")
    assert (job["status"], job["tests"], job["failed_tests"], job["attempt"]) == ("completed", 2, 1, 1)
    assert streamed.startswith(log) and is_contiguous(log)
    assert (kept["junit"]["tests"], kept["junit"]["failures"]) == (2, 1)
    assert {each["name"]: each["sha256"] for each in kept["artifacts"]} == {
        "report.xml": sha256(REPORT.encode()).hexdigest(), "noise.bin": sha256(NOISE).hexdigest()}
    assert noise.content == NOISE


def assert_both_served(proxy: RotatingProxy) -> None:
    """Each server had a part of the requests; one that was killed has a small one."""
    assert min(proxy.served.values()) > 2


@pytest.mark.verify
@pytest.mark.mariadb
def test_a_run_is_reported_to_and_read_from_whichever_server_is_asked(servers: Servers) -> None:
    test = add_regression_test(outputs=[Output(sha256(b"Hello.\n").hexdigest())])
    run_id = add_run()
    add_event(run_id, Phase.PREPARATION)
    session().commit()
    secret = session().get_one(TestRow, run_id).token
    log = "".join(f"line {number}\n" for number in range(300))
    with ExitStack() as stack:
        for port in servers.ports:
            stack.enter_context(servers.start(port))
        proxy = stack.enter_context(rotating_proxy(servers.ports))

        def report(content: str | None = None, **fields: object) -> str:
            files = {"file": ("a.txt", content.encode())} if content is not None else None
            data = {name: str(value) for name, value in fields.items()}
            answer = servers.ask(proxy.port, "POST", f"/ci/progress-reporter/{run_id}/{secret}", data=data, files=files).text
            for port in servers.ports:
                servers.wipe(port)
            return answer

        said = [
            report(type="progress", status="testing", message="begins"),
            report("Hallo.\n", type="upload", test_id=test.regression_id, test_file_id=test.output_id),
            report(log[:900], type="logupload"),
            report(log, type="logupload"),
            report("all of it\n", type="artifactupload", artifact_type="combined_stdout"),
            report(type="finish", test_id=test.regression_id, runTime=5, exitCode=0),
            report(type="progress", status="completed", message="done")]

        assert said == ["OK"] * len(said)
        for port in servers.ports:
            assert_run_is_there(servers, port, run_id, log)
    assert servers.kept() == []


def assert_run_is_there(servers: Servers, port: int, run_id: int, log: str) -> None:
    """A server tells all of a run that is over."""
    base = f"/api/v1/runs/{run_id}"
    lines = [line["message"] for line in servers.read(port, f"{base}/logs", limit=100)["data"]]
    artifacts = {each["artifact_id"]: each for each in servers.read(port, f"{base}/artifacts", limit=100)["data"]}
    junit = servers.ask(port, "GET", f"{base}/junit.xml")
    assert servers.read(port, base)["status"] == "fail"
    assert lines == log.splitlines()[:100]
    assert artifacts[f"{run_id}-build_log"]["size_bytes"] == len(log)
    assert 'failures="1"' in junit.text
