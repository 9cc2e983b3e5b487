"""An installation of the server in the hands of a test: its database, its files, its processes and its API."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from api.domain.auth.access import Role
from contract.conformance import Conformance
from contract.documents import load_documents
from tests.builders import MAIN_REPOSITORY, Output, add_regression_test, add_sample, add_token, add_user
from tests.databases import opened
from tests.e2e.processes import CI_API, Running, eventually, finished, free_port, started

COMMIT = "a" * 40
CAPTIONS = b"1\n00:00:01,000 --> 00:00:02,000\nThe tide is out.\n"
UNLIMITED = {f"CI_RATE_{name}": "10000000" for name in ("READS", "WRITES", "LOGINS", "ANONYMOUS", "WORKER")}
# What a machine is not told.
SERVERS_OWN = frozenset({"CI_DATABASE_URL", "SAMPLE_REPOSITORY", "CI_EXECUTABLES", "CI_PUBLIC_URL"})
# Writes a line when it begins, waits for as long as it is held, and then does what is expected of it.
PROGRAM = """#!/bin/sh
echo "$1" >>"{begun}"
while [ $# -gt 1 ]; do
    if [ "$1" = -o ]; then output=$2; fi
    shift
done
while [ -e "{held}" ]; do sleep 0.05; done
printf '{captions}' >"$output"
"""


@cache
def promises() -> Conformance:
    """What all answers are held to."""
    return Conformance(load_documents())


@dataclass(frozen=True)
class Api:
    """A client of a server; each of its answers has to keep the contract."""

    url: str
    token: str | None = None

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """Send a request, over a connection of its own, since servers here come and go."""
        headers = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **rest.pop("headers", {})}
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60, verify=False) as client:
            response = client.request(method, path, headers=headers, **rest)
        promises().check(method, response.request.url.path, response)
        return response

    def get(self, path: str, **rest: Any) -> Any:
        """Read what must be there."""
        response = self.ask("GET", f"/api/v1{path}", **rest)
        assert response.status_code == 200, response.text
        return response.json()

    def trigger(self, **more: Any) -> int:
        """Trigger a run of the commit that there is an executable of; return its id."""
        body = {"repository": MAIN_REPOSITORY, "commit_sha": COMMIT, "platform": "linux", **more}
        response = self.ask("POST", "/api/v1/runs", json=body)
        assert response.status_code < 300, response.text
        return int(response.json()["run_id"])

    def cancel(self, run_id: int) -> None:
        """Cancel a run."""
        response = self.ask("POST", f"/api/v1/runs/{run_id}/cancel", json={})
        assert response.status_code == 202, response.text

    def ended(self, run_id: int) -> dict[str, Any]:
        """Wait for a run to be over; return it."""
        def over() -> dict[str, Any] | None:
            run: dict[str, Any] = self.get(f"/runs/{run_id}", params={"wait": 1})
            return run if run["status"] not in ("queued", "running") else None

        return eventually(over, f"the end of run {run_id}")

    def messages(self, run_id: int) -> list[str]:
        """What was said of a run, in order."""
        return [event["message"] for event in self.get(f"/runs/{run_id}/progress", params={"limit": 100})["data"]]

    def health(self) -> int | None:
        """The status of the health operation; None while nobody answers."""
        try:
            return self.ask("GET", "/api/v1/system/health").status_code
        except httpx.TransportError:
            return None


@dataclass
class Installation:
    """A database and a file store, with a token of an admin, and processes on them."""

    folder: Path
    database_url: str
    port: int = field(default_factory=free_port)
    changes: dict[str, str] = field(default_factory=dict)
    token: str = ""

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> Api:
        """The server's API, as an admin."""
        return Api(self.url, self.token)

    @property
    def files(self) -> Path:
        """The root of the file store."""
        return self.folder / "files"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the installation's processes."""
        return {
            "CI_DATABASE_URL": self.database_url, "SAMPLE_REPOSITORY": str(self.files), "CI_PUBLIC_URL": self.url,
            "CI_EXECUTABLES": str(self.folder / "executables"), "CI_TRUST_EXECUTABLES": "true", "CI_SANDBOX": "none",
            "CI_SYNC_INTERVAL": "1", "CI_JOBS": "separate", **UNLIMITED,
            **self.changes}

    @contextmanager
    def server(
        self, *arguments: str, changes: Mapping[str, str] | None = None, port: int | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Iterator[Running]:
        """A server that answers, for as long as the context lasts."""
        listens = port or self.port
        command = (*CI_API, "serve", "--port", str(listens), *arguments)
        with self.answering(command, listens, changes=changes, prepare=prepare) as running:
            yield running

    @contextmanager
    def answering(
        self, command: tuple[str, ...], port: int, *, changes: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Iterator[Running]:
        """A server that some command starts on a port, once it answers."""
        asked = Api(f"http://127.0.0.1:{port}")
        with started(command, {**self.variables, **(changes or {})}, self.folder / f"server-{port}.log", prepare=prepare) as running:
            eventually(lambda: asked.health() == 200 or running.process.poll() is not None, "an answer of the server")
            assert running.process.poll() is None, running.output()
            yield running

    @contextmanager
    def worker(
        self, name: str, *arguments: str, changes: Mapping[str, str] | None = None, inside: Sequence[str] = (), host: str | None = None,
        platform: str = "linux", program: Sequence[str] = CI_API,
    ) -> Iterator[Running]:
        """A machine's process, for as long as the context lasts. It knows of the server its address and a token, and nothing else.

        Its command begins with `inside`; `host` is where it finds the server, unless it is where all do.
        """
        server = f"http://{host}:{self.port}" if host else self.changes.get("CI_PUBLIC_URL", self.url)
        command = (*inside, *program, "machine", "--server", server, "--token-file", str(self._enrolled(name, platform)), *arguments)
        kept = {variable: value for variable, value in self.variables.items() if variable not in SERVERS_OWN}
        variables = {**kept, "CI_WORK_DIR": str(self.folder / f"work-{name}"), **(changes or {})}
        with started(command, variables, self.folder / f"{name}.log") as running:
            yield running

    def _enrolled(self, name: str, platform: str) -> Path:
        """The file with the token of a machine, which is added where it is not there."""
        file = self.folder / f"{name}.token"
        if not file.exists():
            added = finished((*CI_API, "machines", "add", name, "--platform", platform), self.variables)
            assert added.returncode == 0, added.stderr
            file.write_text(added.stdout)
        return file

    def fill(self, tests: int = 1, sample: bytes = b"a sample of captions") -> None:
        """Make an admin's token, an executable, and regression tests that it passes."""
        digest = hashlib.sha256(CAPTIONS).hexdigest()
        name = hashlib.sha256(sample).hexdigest()
        with opened(self.database_url, migrated=False):
            self.token = add_token(add_user(role=Role.ADMIN), now=datetime.now(UTC))
            sample_id = add_sample(sha=name, extension="ts")
            for number in range(tests):
                add_regression_test(
                    sample_id=sample_id, command=f"--out=srt --number={number}", outputs=[Output(baseline=digest)],
                    categories=["General"])
        for place, content in (("TestFiles", f"{name}.ts"), sample), (("TestResults", f"{digest}.srt"), CAPTIONS):
            path = self.files.joinpath(*place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._install()

    def _install(self) -> None:
        program = self.folder / "executables" / MAIN_REPOSITORY / "linux" / COMMIT / "ccextractor"
        program.parent.mkdir(parents=True)
        captions = CAPTIONS.decode().replace("\n", r"\n")
        program.write_text(PROGRAM.format(begun=self.folder / "begun", held=self.folder / "held", captions=captions))
        program.chmod(0o755)

    def hold(self) -> None:
        """Make the executable wait, once it has begun."""
        (self.folder / "held").touch()

    def release(self) -> None:
        """Let it go on."""
        (self.folder / "held").unlink(missing_ok=True)

    def begun(self) -> int:
        """How many times the executable was begun."""
        path = self.folder / "begun"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def await_begun(self, count: int) -> None:
        """Wait until the executable was begun so many times."""
        eventually(lambda: self.begun() >= count, f"{count} executions")
