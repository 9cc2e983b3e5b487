"""The tour of the demo, over a real connection."""
from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.demo.prepare import Build, Builds
from api.demo.story import StoryFailed, StoryRun, tell, tour

BUILDS = Builds(
    Build("a" * 40, None, "good", {}), Build("b" * 40, "a" * 40, "bad", {}), Build("c" * 40, "b" * 40, "unbuilt", {}),
    Build("d" * 40, "b" * 40, "proposed", {}, 105))
FLAKY = 16
TESTS = {"data": [{"regression_id": 1, "command": "--out=srt"}, {"regression_id": FLAKY, "command": "--out=report"}]}
TOKEN, REQUESTER = "spci_" + "t" * 43, "spci_" + "r" * 43
RED = StoryRun(4, "d" * 40, "fail")


class Server:
    """Answers as the API does: each run is over at the third look."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.runs = 0
        self.decisions: list[tuple[str, ...]] = []
        self.seen: list[dict[str, Any]] = []
        self.looks: dict[str, int] = {}
        self.refusing = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert token == (REQUESTER if path.endswith("/baseline-approvals") else TOKEN)
        if "/baseline-approvals" in path:
            return self._proposed(path, json.loads(request.content))
        if request.method == "POST":
            return self._created(request)
        if path.endswith("/summary"):
            return httpx.Response(200, json={"total_samples": 2, "pass_count": 1, "fail_count": 1, "missing_output_count": 0})
        if path.endswith("/triage"):
            assert ("attribution" in request.url.params) == (path == "/runs/4/triage")
            differs = {
                "regression_id": 1, "next": "samples/1/diff?regression_id=1&output_id=1",
                "first_difference": {"line": 2, "output_id": 1}}
            flaky = [differs | {"regression_id": FLAKY}] if path == "/runs/4/triage" else []
            return httpx.Response(
                200, json={"failures": [{"next": "samples/2", "first_difference": None}, *flaky, differs, differs, differs]})
        if path.endswith("/infrastructure-errors"):
            troubles = [{"type": "build", "message": "No executable."}] if path == "/runs/3/infrastructure-errors" else []
            return httpx.Response(200, json={"data": troubles})
        if path.endswith("/samples"):
            return self._samples(path)
        if path.startswith("/regression-tests"):
            return httpx.Response(200, json={"state": "proven"} if path.endswith("/stability") else TESTS)
        self.looks[path] = self.looks.get(path, 0) + 1
        end = {"/runs/1": "pass", "/runs/3": "canceled"}.get(path, "fail")
        status = ["queued", "running", end][min(self.looks[path], 3) - 1]
        return httpx.Response(200, json={"run_id": 1, "status": status})

    def _created(self, request: httpx.Request) -> httpx.Response:
        if self.refusing:
            return httpx.Response(403, json={"code": "forbidden", "message": "No."})
        body = json.loads(request.content)
        self.bodies.append(body)
        made = range(self.runs + 1, self.runs + 1 + body.get("repeat", 1))
        self.runs = made[-1]
        return httpx.Response(202, json={"run_id": made[0], "run_ids": list(made), "status": "queued"})

    def _proposed(self, path: str, body: dict[str, Any]) -> httpx.Response:
        if path.startswith("/runs/"):
            ids = range(7, 7 + len(body["requests"]))
            self.decisions += [(f"{each['regression_id']}-{each['output_id']}", "proposed") for each in body["requests"]]
            return httpx.Response(202, json={"data": [
                {"approval_id": str(number), "output_id": 20 - number, "expected_hash": "e", "actual_hash": "a"} for number in ids]})
        self.decisions.append(tuple(path.split("/")[-2:]))
        self.seen += [{**body, "reason": ""}] if "digest" in body else []
        return httpx.Response(200, json={})

    def _samples(self, path: str) -> httpx.Response:
        if path == "/runs/1/samples":
            return httpx.Response(501, json={"code": "not_implemented"})
        others = [{"status": status, "command": "--out=txt", "exit_code": 0} for status in ("pass", "skipped")]
        return httpx.Response(200, json={"data": [*others, {"status": "fail", "command": "--out=srt", "exit_code": -11}]})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(server)) as made:
        yield made


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.demo.story.MIN_PAUSE", 0.0)


def test_all_commits_are_run_and_their_ends_told(server: Server, client: httpx.Client) -> None:
    lines: list[str] = []

    story_runs = tell("http://ci", TOKEN, BUILDS, requester=REQUESTER, out=lines.append, client=client)

    assert story_runs[:3] == (StoryRun(1, "a" * 40, "pass"), StoryRun(2, "b" * 40, "fail"), StoryRun(3, "c" * 40, "canceled"))
    assert story_runs[3:] == (RED, StoryRun(5, "d" * 40, "fail"), StoryRun(6, "d" * 40, "fail"))
    assert [body["commit_sha"] for body in server.bodies] == ["a" * 40, "b" * 40, "c" * 40, "d" * 40, "d" * 40]
    assert [body.get("parent_sha") for body in server.bodies] == [None, "a" * 40, "b" * 40, "b" * 40, "b" * 40]
    assert [body.get("pull_request") for body in server.bodies] == [None, None, None, 105, 105]
    assert [(body["repeat"], body.get("regression_test_ids")) for body in server.bodies] == [(1, None)] * 4 + [(2, [FLAKY])]
    assert "  build           No executable." in lines
    assert "  fail            exit  -11  --out=srt" in lines
    assert any(line.endswith("'http://ci/api/v1/runs/4/samples/1/diff?regression_id=1&output_id=1&view=cues'") for line in lines)
    assert any(line.endswith(", --out=report, came to something else in each run of one commit: flaky, proven.") for line in lines)
    assert not any("--out=txt" in line for line in lines)


def test_two_new_baselines_are_proposed_and_one_is_rejected(server: Server, client: httpx.Client) -> None:
    lines: list[str] = []

    tell("http://ci", TOKEN, BUILDS, requester=REQUESTER, out=lines.append, client=client)

    assert server.decisions[:3] == [("1-1", "proposed"), ("1-1", "proposed"), ("7", "reject")]
    assert any(line.startswith("\nProposed 2 outputs of run 2") for line in lines)


def test_what_one_cause_changed_is_approved_at_once_and_taken_back(server: Server, client: httpx.Client) -> None:
    tell("http://ci", TOKEN, BUILDS, requester=REQUESTER, out=lambda line: None, client=client)

    lines = "".join(f"{output_id} e a\n" for output_id in (11, 12, 13))
    seen = {
        "approval_ids": ["7", "8", "9"], "expected_count": 3, "digest": hashlib.sha256(lines.encode()).hexdigest(), "reason": ""}
    assert server.decisions[3:] == [("1-1", "proposed")] * 3 + [("baseline-approvals", "approve"), ("baseline-approvals", "revert")]
    assert server.seen == [seen, seen]


def test_the_tour_names_token_and_swagger_ui_and_three_lines_for_a_shell() -> None:
    lines = tour("http://127.0.0.1:8000", TOKEN, RED)

    curls = [shlex.split(line) for line in lines if line.startswith("  curl ")]
    assert any(TOKEN in line for line in lines)
    assert any("http://127.0.0.1:8000/api/v1/ui" in line for line in lines)
    assert len(curls) == 3
    assert all(f"Authorization: Bearer {TOKEN}" in words for words in curls)
    assert json.loads(curls[2][curls[2].index("-d") + 1])["commit_sha"] == "d" * 40


def test_the_lines_mean_the_same_to_a_real_shell() -> None:
    lines = tour("http://127.0.0.1:8000", TOKEN, RED)

    for line in lines:
        if line.startswith("  curl "):
            command = line.replace("  curl", "printf '%s\\n'", 1)
            seen = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
            assert seen.stdout.splitlines() == shlex.split(line)[1:]


def test_a_refusal_is_told_as_the_server_said_it(server: Server, client: httpx.Client) -> None:
    server.refusing = True

    with pytest.raises(StoryFailed, match=r"POST /api/v1/runs: status 403: .*No\."):
        tell("http://ci", TOKEN, BUILDS, requester=REQUESTER, out=lambda line: None, client=client)


def test_a_run_that_never_ends_is_not_waited_for_for_ever(client: httpx.Client) -> None:
    with pytest.raises(StoryFailed, match="is the worker running"):
        tell("http://ci", TOKEN, BUILDS, requester=REQUESTER, timeout=0, out=lambda line: None, client=client)
