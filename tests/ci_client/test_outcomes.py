"""How the command `ci` tells programs what came of a job: by its exit status, and as JSON."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ci_client.projects import make_project
from tests.ci_client.stand_in import JOB_ID, Asked, StandIn, answer, closed_port, refusal, stand_in
from tests.ci_client.wire import ServedJob
from tests.e2e.processes import finished

CI = (sys.executable, "-m", "ci_client.command")
JOB: dict[str, Any] = {"job_id": JOB_ID, "status": "completed", "success": True, "tests": 3}


def ci(words: list[str], server: StandIn, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, at its end."""
    return finished((*CI, *words), {"CI_SERVER": server.url, **more})


def served(job: Mapping[str, Any]) -> Any:
    """A job whose stream and state tell the same."""
    stream = ServedJob(("one\n",), success=job["success"] is True)

    def respond(asked: Asked) -> Iterable[bytes]:
        return answer(200, job) if asked.path == f"/jobs/{JOB_ID}" else stream(asked)

    return respond


@pytest.mark.parametrize(("job", "status"), [
    ({}, 0), ({"success": False}, 1), ({"success": False, "status": "failed"}, 3), ({"success": False, "status": "cancelled"}, 3)])
def test_the_exit_status_tells_failed_tests_from_a_job_that_could_not_be_executed(job: Mapping[str, Any], status: int) -> None:
    with stand_in(served(JOB | job)) as server:
        ended = ci(["wait", JOB_ID], server)

    assert (ended.returncode, ended.stdout) == (status, "one\n")


@pytest.mark.parametrize(("status", "exit_status"), [(401, 4), (403, 4), (404, 4), (422, 4), (500, 5), (503, 5)])
def test_a_refusal_is_told_from_a_server_that_is_away(status: int, exit_status: int) -> None:
    with stand_in(lambda asked: refusal(status, "a_code", "No.")) as server:
        ended = ci(["wait", JOB_ID, "--json"], server)

    assert ended.returncode == exit_status
    assert json.loads(ended.stdout)["error"] | {"message": ""} == {"code": "a_code", "message": "", "exit_status": exit_status}


@pytest.mark.parametrize("words", [["wait", "1"], ["submit", "/nonexistent"], ["list", "--server", "ftp://example.org"], ["sing"]])
def test_a_wrong_call_ends_with_2(words: list[str]) -> None:
    assert finished((*CI, *words), {"CI_SERVER": f"http://127.0.0.1:{closed_port()}"}).returncode == 2


@pytest.mark.parametrize(("tests", "words"), [(None, "left no test report"), (0, "has no tests")])
def test_a_success_that_no_test_stands_behind_is_marked(tests: int | None, words: str) -> None:
    with stand_in(served(JOB | {"tests": tests})) as server:
        waited, shown = ci(["wait", JOB_ID], server), ci(["status", JOB_ID], server)

    assert (waited.returncode, shown.returncode) == (0, 0)
    assert words in waited.stderr
    assert words in shown.stderr


def test_a_job_is_followed_as_json_one_object_a_line(tmp_path: Path) -> None:
    with stand_in(served(JOB)) as server:
        ended = ci(["submit", str(make_project(tmp_path / "project")), "--json"], server)

    assert [json.loads(line) for line in ended.stdout.splitlines()] == [
        {"type": "job_id", "job_id": JOB_ID}, {"type": "log", "data": "one\n"}, {"type": "complete", "success": True},
        {"type": "job", "job": JOB}]


@pytest.mark.parametrize(("words", "told"), [
    (["status", JOB_ID], JOB), (["status"], JOB), (["cancel", JOB_ID], JOB), (["list"], [JOB]),
    (["artifacts", JOB_ID], {"files": []}), (["submit", "--async"], {"job_id": JOB_ID})])
def test_every_command_prints_json_where_it_is_asked_to(words: list[str], told: Any, tmp_path: Path) -> None:
    def respond(asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/artifacts"):
            return answer(200, {"artifacts": []})
        return answer(200, [JOB] if asked.path == "/jobs" else JOB)

    with stand_in(respond) as server:
        ended = finished((*CI, *words, "--json"), {"CI_SERVER": server.url}, folder=make_project(tmp_path / "project"))

    assert (ended.returncode, json.loads(ended.stdout)) == (0, told)


def test_the_newest_job_is_shown_where_none_is_named() -> None:
    with stand_in(lambda asked: answer(200, [JOB])) as server:
        ended = ci(["status"], server)

    assert ended.stdout == f"job id   {JOB_ID}\nstatus   completed\nsuccess  True\ntests    3\n"
    assert server.asked[0].query == {"limit": "1"}


def test_a_log_reaches_a_terminal_as_text_and_colours() -> None:
    with stand_in(ServedJob(("\x1b[2J\x1b[31mred\x1b]0;title", "\x07 end\n"))) as server:
        ended = ci(["wait", JOB_ID], server)

    assert ended.stdout == "\x1b[31mred end\n\x1b[0m"
