"""Tells the demo's story: triggers its runs through the API, waits for them, and prints what to look at next."""
from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from api.demo.prepare import PLATFORM, REPOSITORY, Build, Builds

WAIT = 20
LEAST_PAUSE = 0.25

Say = Callable[[str], None]


class StoryFailed(Exception):
    """The server did not do its part; the message says what it answered."""


@dataclass(frozen=True)
class Told:
    """A run that the story triggered, and how it ended."""

    run_id: int
    commit: str
    status: str


def tell(
    base_url: str, token: str, builds: Builds, *, branch: str = "master", patience: float = 300, out: Say = print,
    client: httpx.Client | None = None,
) -> tuple[Told, ...]:
    """Trigger a run of each build, wait for both, print a tour; return the runs.

    Raises StoryFailed where the server refuses, or where a run is not over after `patience` seconds.
    """
    with ExitStack() as opened:
        asking = client or opened.enter_context(httpx.Client(timeout=WAIT + 30, trust_env=False))
        api = _Api(asking, f"{base_url}/api/v1", token)
        triggered = [(api.trigger(build, branch), build) for build in (builds.good, builds.regressed)]
        out(f"\nTriggered {len(triggered)} runs through the API; the worker takes them one after the other.")
        told = tuple(_told(api, run_id, build, patience, out) for run_id, build in triggered)
        look = _changed_line(api, told[-1].run_id)
    for line in tour(base_url, token, told, look):
        out(line)
    return told


def tour(base_url: str, token: str, told: Sequence[Told], look: str | None = None) -> list[str]:
    """Return the lines that say where to go from here; each curl line works when it is pasted.

    `look` is the address at which an output of the last run is seen to differ, where one does.
    """
    authorization = f"-H {shlex.quote(f'Authorization: Bearer {token}')}"
    last = told[-1]
    body = json.dumps({"repository": REPOSITORY, "commit_sha": last.commit, "platform": PLATFORM})
    runs = f"{base_url}/api/v1/runs"
    return [
        "",
        f"Token       {token}",
        f"Swagger UI  {base_url}/api/v1/ui",
        "",
        "Try:",
        f"  curl -s {authorization} {shlex.quote(f'{runs}/{last.run_id}/triage')}",
        f"  curl -s {authorization} {shlex.quote(look or f'{runs}/{last.run_id}/summary')}",
        f"  curl -s -X POST {authorization} -H 'Content-Type: application/json' -d {shlex.quote(body)} {shlex.quote(runs)}",
        "",
    ]


class _Api:
    """The few calls that the story makes."""

    def __init__(self, client: httpx.Client, root: str, token: str) -> None:
        self._client, self._root = client, root
        self._headers = {"Authorization": f"Bearer {token}"}

    def trigger(self, build: Build, branch: str) -> int:
        """Trigger a run; return its id."""
        parent = {} if build.parent is None else {"parent_sha": build.parent}
        body = {"repository": REPOSITORY, "commit_sha": build.commit, "branch": branch, "platform": PLATFORM, **parent}
        return int(self._answer(self._client.post(f"{self._root}/runs", json=body, headers=self._headers))["run_id"])

    def await_end(self, run_id: int, patience: float) -> str:
        """Wait for a run to be over; return its status."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            asked = time.monotonic()
            run = self.get(f"/runs/{run_id}", {"wait": WAIT})
            if run["status"] not in ("queued", "running"):
                return str(run["status"])
            # The server may wait for less than it is asked to, and must not be asked all the time then.
            time.sleep(max(0.0, LEAST_PAUSE - (time.monotonic() - asked)))
        raise StoryFailed(f"Run {run_id} was not over after {patience:.0f} seconds; is the worker running?")

    def get(self, path: str, parameters: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Read something that must be there."""
        return self._answer(self._client.get(f"{self._root}{path}", params=parameters, headers=self._headers))

    def find(self, path: str, parameters: Mapping[str, int]) -> dict[str, Any]:
        """Read something, or nothing where the server does not have it."""
        response = self._client.get(f"{self._root}{path}", params=parameters, headers=self._headers)
        return dict(response.json()) if response.is_success else {}

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        if not response.is_success:
            asked = f"{response.request.method} {response.request.url.path}"
            raise StoryFailed(f"{asked}: status {response.status_code}: {response.text[:400]}")
        return dict(response.json())


def _changed_line(api: _Api, run_id: int) -> str | None:
    """Where triage leads for the first output that differs."""
    failures = api.get(f"/runs/{run_id}/triage").get("failures", [])
    return next((str(failure["next"]) for failure in failures if failure["first_difference"] is not None), None)


def _told(api: _Api, run_id: int, build: Build, patience: float, out: Say) -> Told:
    status = api.await_end(run_id, patience)
    summary = api.get(f"/runs/{run_id}/summary")
    counts = ", ".join(f"{summary.get(f'{name}_count', 0)} {words}" for name, words in (
        ("pass", "passed"), ("fail", "failed"), ("missing_output", "without output"), ("skipped", "skipped")))
    out(f"\nRun {run_id}  {build.commit[:12]}  {build.message}")
    out(f"  {status}: of {summary['total_samples']} regression tests {counts}")
    for entry in api.find(f"/runs/{run_id}/samples", {"limit": 100}).get("data", []):
        if entry["status"] != "pass":
            out(f"  {entry['status']:<15} exit {entry.get('exit_code')!s:>4}  {entry.get('command', '')}")
    return Told(run_id, build.commit, status)
