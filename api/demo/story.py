"""The demo's first part: triggers runs through the API, waits for them, proposes baselines, prints what to do next."""
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
MIN_PAUSE = 0.25

REASON = "The commit changes this on purpose, as its message says."
REFUSAL = "The times of the file are right, and must come out as they are."

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
    base_url: str, token: str, builds: Builds, *, requester: str, branch: str = "master", timeout: float = 300, out: Say = print,
    client: httpx.Client | None = None,
) -> tuple[Told, ...]:
    """Trigger a run of each build, wait for all, have baselines proposed, print a tour; return the runs.

    `token` is an admin's, `requester` the token of whoever proposes baselines.
    Raises StoryFailed where the server refuses, or where a run is not over after `timeout` seconds.
    """
    with ExitStack() as opened:
        asking = client or opened.enter_context(httpx.Client(timeout=WAIT + 30, trust_env=False))
        api = _Api(asking, f"{base_url}/api/v1", token)
        triggered = [(api.trigger(build, branch), build) for build in (builds.good, builds.regressed, builds.unbuilt)]
        out(f"\nTriggered {len(triggered)} runs through the API; the worker takes them one after the other.")
        told = tuple(_told(api, run_id, build, timeout, out) for run_id, build in triggered)
        red = told[1]
        different = [each for each in api.get(f"/runs/{red.run_id}/triage")["failures"] if each["first_difference"] is not None]
        _propose(_Api(asking, f"{base_url}/api/v1", requester), api, red.run_id, different[:2], out)
        look = next((f"{base_url}/api/v1/runs/{red.run_id}/{each['next']}" for each in different), None)
    for line in tour(base_url, token, red, look):
        out(line)
    return told


def tour(base_url: str, token: str, red: Told, look: str | None = None) -> list[str]:
    """Return the lines that say where to go from a red run; each curl line works when it is pasted.

    `look` is the address at which an output of the run is seen to differ, where one does.
    """
    authorization = f"-H {shlex.quote(f'Authorization: Bearer {token}')}"
    body = json.dumps({"repository": REPOSITORY, "commit_sha": red.commit, "platform": PLATFORM})
    runs = f"{base_url}/api/v1/runs"
    return [
        "",
        f"Token       {token}",
        f"Swagger UI  {base_url}/api/v1/ui",
        "",
        "Try:",
        f"  curl -s {authorization} {shlex.quote(f'{runs}/{red.run_id}/triage')}",
        f"  curl -s {authorization} {shlex.quote(look or f'{runs}/{red.run_id}/summary')}",
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
        return int(self.post("/runs", body)["run_id"])

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask for something that must be done."""
        return self._answer(self._client.post(f"{self._root}{path}", json=body, headers=self._headers))

    def await_end(self, run_id: int, timeout: float) -> str:
        """Wait for a run to be over; return its status."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            asked = time.monotonic()
            run = self.get(f"/runs/{run_id}", {"wait": WAIT})
            if run["status"] not in ("queued", "running"):
                return str(run["status"])
            # The server may wait for less than it is asked to, and must not be asked all the time then.
            time.sleep(max(0.0, MIN_PAUSE - (time.monotonic() - asked)))
        raise StoryFailed(f"Run {run_id} was not over after {timeout:.0f} seconds; is the worker running?")

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


def _propose(requester: _Api, admin: _Api, run_id: int, different: Sequence[Mapping[str, Any]], out: Say) -> None:
    """Propose what differs as new baselines, and reject the first: one request waits, one is decided."""
    wishes = [
        {"regression_id": each["regression_id"], "output_id": each["first_difference"]["output_id"], "reason": REASON}
        for each in different]
    if wishes:
        proposed = requester.post(f"/runs/{run_id}/baseline-approvals", {"requests": wishes})["data"]
        admin.post(f"/baseline-approvals/{proposed[0]['approval_id']}/reject", {"reason": REFUSAL})
        out(f"\nProposed {len(proposed)} outputs of run {run_id} as new baselines; the first is rejected, none is approved.")


def _told(api: _Api, run_id: int, build: Build, timeout: float, out: Say) -> Told:
    status = api.await_end(run_id, timeout)
    summary = api.get(f"/runs/{run_id}/summary")
    counts = ", ".join(f"{summary.get(f'{name}_count', 0)} {words}" for name, words in (
        ("pass", "passed"), ("fail", "failed"), ("missing_output", "without output"), ("skipped", "skipped")))
    out(f"\nRun {run_id}  {build.commit[:12]}  {build.message}")
    out(f"  {status}: of {summary['total_samples']} regression tests {counts}")
    for entry in api.find(f"/runs/{run_id}/samples", {"limit": 100}).get("data", []):
        if entry["status"] not in ("pass", "skipped"):
            out(f"  {entry['status']:<15} exit {entry.get('exit_code')!s:>4}  {entry.get('command', '')}")
    for trouble in api.find(f"/runs/{run_id}/infrastructure-errors", {"limit": 10}).get("data", []):
        out(f"  {trouble['type']:<15} {trouble['message']}")
    return Told(run_id, build.commit, status)
