"""The demo's first part: triggers runs through the API, waits for them, proposes baselines, prints what to do next."""
from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from api.demo.prepare import FLAKY_COMMAND, PLATFORM, REPOSITORY, Build, Builds

WAIT = 20
MIN_PAUSE = 0.25

# So many runs of one commit tell whether a test is flaky.
REPEAT = 2
MAX_BYTES = 65536

APPROVAL = "Compared in the viewer: each caption ends a frame earlier, as the pull request says."
REASON = "The commit changes this on purpose, as its message says."
REFUSAL = "The times of the file are right, and must come out as they are."

Say = Callable[[str], None]


class StoryFailed(Exception):
    """The server did not do its part; the message says what it answered."""


@dataclass(frozen=True)
class StoryRun:
    """A run that the story triggered, and how it ended."""

    run_id: int
    commit: str
    status: str


def tell(
    base_url: str, token: str, builds: Builds, *, requester: str, branch: str = "master", timeout: float = 300, out: Say = print,
    client: httpx.Client | None = None,
) -> tuple[StoryRun, ...]:
    """Trigger a run of each build, wait for all, have baselines proposed, print a tour; return the runs.

    `token` is an admin's, `requester` the token of whoever proposes baselines.
    Raises StoryFailed where the server refuses, or where a run is not over after `timeout` seconds.
    """
    with ExitStack() as opened:
        asking = client or opened.enter_context(httpx.Client(timeout=WAIT + 30, trust_env=False))
        api = _Api(asking, f"{base_url}/api/v1", token)
        flaky = api.find_test(FLAKY_COMMAND)
        triggered = [
            (run_id, build) for build in (builds.good, builds.regressed, builds.unbuilt, builds.proposed)
            for run_id in api.trigger(build, branch)]
        triggered += [(run_id, builds.proposed) for run_id in api.trigger(builds.proposed, branch, only=flaky, repeat=REPEAT)]
        out(f"\nTriggered {len(triggered)} runs through the API; the machine takes them one after the other.")
        story_runs = tuple(_run_story(api, run_id, build, timeout, out) for run_id, build in triggered)
        asked = _Api(asking, f"{base_url}/api/v1", requester)
        _propose(asked, api, story_runs[1].run_id, api.differing(story_runs[1].run_id)[:2], out)
        red = story_runs[3]
        caused = [each for each in api.differing(red.run_id, attribution="mine") if each["regression_id"] != flaky]
        _review(asked, api, red.run_id, caused, out)
        state = api.get(f"/regression-tests/{flaky}/stability")["state"]
        out(f"\nRegression test {flaky}, {FLAKY_COMMAND}, came to something else in each run of one commit: flaky, {state}.")
        look = next((f"{base_url}/api/v1/runs/{red.run_id}/{each['next']}&view=cues" for each in caused), None)
    for line in tour(base_url, token, red, look):
        out(line)
    return story_runs


def tour(base_url: str, token: str, red: StoryRun, look: str | None = None) -> list[str]:
    """Return the lines that say where to go from a red pull request's run; each curl line works when it is pasted.

    `look` is the address at which the changed captions of an output are seen, where there are any.
    """
    authorization = f"-H {shlex.quote(f'Authorization: Bearer {token}')}"
    body = json.dumps({"repository": REPOSITORY, "commit_sha": red.commit, "platform": PLATFORM})
    runs = f"{base_url}/api/v1/runs"
    return [
        "",
        f"Token       {token}",
        f"Pages       {base_url}/",
        f"Swagger UI  {base_url}/api/v1/ui",
        "",
        "Try:",
        f"  curl -s {authorization} {shlex.quote(f'{runs}/{red.run_id}/triage?attribution=mine')}",
        f"  curl -s {authorization} {shlex.quote(look or f'{runs}/{red.run_id}/summary')}",
        f"  curl -s -X POST {authorization} -H 'Content-Type: application/json' -d {shlex.quote(body)} {shlex.quote(runs)}",
        "",
    ]


class _Api:
    """The few calls that the story makes."""

    def __init__(self, client: httpx.Client, root: str, token: str) -> None:
        self._client, self._root = client, root
        self._headers = {"Authorization": f"Bearer {token}"}

    def trigger(self, build: Build, branch: str, *, only: int | None = None, repeat: int = 1) -> list[int]:
        """Trigger so many runs, perhaps of one test alone; return their ids."""
        asked = {
            "repository": REPOSITORY, "commit_sha": build.commit, "branch": branch, "platform": PLATFORM, "parent_sha": build.parent,
            "pull_request": build.pull_request, "regression_test_ids": None if only is None else [only], "repeat": repeat}
        return [int(each) for each in self.post("/runs", {name: value for name, value in asked.items() if value is not None})["run_ids"]]

    def find_test(self, command: str) -> int:
        """The id of the regression test with this command."""
        tests = self.get("/regression-tests", {"limit": 100})["data"]
        return next(int(each["regression_id"]) for each in tests if each["command"] == command)

    def differing(self, run_id: int, **parameters: str) -> list[Mapping[str, Any]]:
        """The failures of a run of which a first difference is known."""
        failures = self.get(f"/runs/{run_id}/triage", {"max_bytes": MAX_BYTES, **parameters})["failures"]
        return [each for each in failures if each["first_difference"] is not None]

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

    def get(self, path: str, parameters: Mapping[str, int | str] | None = None) -> dict[str, Any]:
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


def _review(requester: _Api, admin: _Api, run_id: int, caused: Sequence[Mapping[str, Any]], out: Say) -> None:
    """Propose, approve and take back all outputs of one cause, each at once: the baselines are then what they were."""
    wishes = [
        {"regression_id": each["regression_id"], "output_id": each["first_difference"]["output_id"], "reason": REASON} for each in caused]
    if wishes:
        proposed = requester.post(f"/runs/{run_id}/baseline-approvals", {"requests": wishes})["data"]
        seen = {
            "approval_ids": [each["approval_id"] for each in proposed], "expected_count": len(proposed), "digest": _digest(proposed)}
        admin.post("/baseline-approvals/approve", seen | {"reason": APPROVAL})
        admin.post("/baseline-approvals/revert", seen | {"reason": REFUSAL})
        out(f"\nApproved {len(proposed)} outputs of run {run_id}, which one cause changed, at once, and took that back.")


def _digest(proposed: Sequence[Mapping[str, Any]]) -> str:
    """What was looked at, as the document of the API says it."""
    ordered = sorted(proposed, key=lambda each: int(each["output_id"]))
    lines = "".join(f"{each['output_id']} {each['expected_hash']} {each['actual_hash']}\n" for each in ordered)
    return hashlib.sha256(lines.encode()).hexdigest()


def _run_story(api: _Api, run_id: int, build: Build, timeout: float, out: Say) -> StoryRun:
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
    return StoryRun(run_id, build.commit, status)
