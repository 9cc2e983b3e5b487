"""The command `ci` as a shell calls it."""
from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.ci_client.projects import make_project
from tests.ci_client.stand_in import JOB_ID, TIMEOUT, Asked, Respond, StandIn, answer, closed_port, refusal, stand_in, stream
from tests.ci_client.wire import RETRY, ServedJob, complete, frame, log, parts_of
from tests.e2e.processes import environment, eventually, finished, started

CI = (sys.executable, "-m", "ci_client.command")
TOLD = frame({"type": "job_id", "job_id": JOB_ID})
JOBS = [
    {"job_id": JOB_ID, "status": "completed", "success": True, "start_time": "2025-10-13T10:30:00Z", "end_time": "2025-10-13T10:30:15.5Z"},
    {"job_id": JOB_ID, "status": "running", "success": None, "start_time": "2025-10-13T12:35:00+02:00", "end_time": None},
    {"job_id": JOB_ID, "status": "failed\x1b[2J", "success": False, "start_time": "once", "end_time": ""},
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project."""
    return make_project(tmp_path / "project")


def ci(words: Sequence[str], server: StandIn | None = None, folder: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, at its end."""
    return finished((*CI, *words), {**({"CI_SERVER": server.url} if server else {}), **more}, folder=folder)


def test_a_project_that_passes_ends_with_0(project: Path) -> None:
    with stand_in(ServedJob(("Running tests...\n", "größe PASSED\n"))) as server:
        ended = ci(["submit", str(project)], server)

    assert (ended.returncode, ended.stdout) == (0, "Running tests...\ngröße PASSED\n")
    assert ended.stderr == f"Job ID: {JOB_ID}\nYou can reconnect from another terminal with: ci wait {JOB_ID}\n\n"


def test_a_project_that_fails_ends_with_1(project: Path) -> None:
    with stand_in(ServedJob(success=False)) as server:
        ended = ci(["submit", str(project)], server)

    assert ended.returncode == 1


@pytest.mark.parametrize("words", [["submit"], ["submit", "test"]])
def test_the_project_is_the_current_folder_unless_another_is_named(project: Path, words: list[str]) -> None:
    with stand_in(ServedJob()) as server:
        ended = ci(words, server, folder=project)

    assert ended.returncode == 0
    assert b"calculator.py" in server.asked[0].body


def test_without_waiting_the_jobs_id_is_printed(project: Path) -> None:
    with stand_in(ServedJob()) as server:
        ended = ci(["submit", str(project), "--async", "--priority", "-2", "--web-hook", "https://example.org/"], server)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"Job submitted: {JOB_ID}\n", "")
    assert b"\r\n\r\n-2\r\n" in server.asked[0].body


SAID = {
    "command": ("--command", "make 'all tests'"), "folder": ("--folder", "services/api"), "python": ("--python", "3.12"),
    "environment": ("--env", "STAGE=test", "--env", "EMPTY="), "install": ("--install", "-e .[all]", "--install", "-r more.txt"),
    "artifacts": ("--artifact", "reports/**", "--artifact", "*.log"), "time_limit": ("--time-limit", "300")}


@pytest.mark.parametrize("field", SAID)
def test_each_option_of_a_submission_is_a_field_of_its_form_with_lists_by_line(project: Path, field: str) -> None:
    with stand_in(ServedJob()) as server:
        ended = ci(["submit", str(project), "--async", *SAID[field]], server)

    parts = parts_of(server.asked[0])
    assert ended.returncode == 0
    assert parts[field].decode() == "\n".join(SAID[field][1::2])
    assert parts.keys() & SAID.keys() == {field}


def test_what_is_installed_may_be_said_to_be_nothing(project: Path) -> None:
    with stand_in(ServedJob()) as server:
        ci(["submit", str(project), "--async", "--install", ""], server)

    assert parts_of(server.asked[0])["install"] == b""


@pytest.mark.parametrize(("words", "query"), [((), {}), (("--all",), {"from_beginning": "true"})])
def test_a_job_is_waited_for(words: Sequence[str], query: dict[str, str]) -> None:
    with stand_in(ServedJob(("one\n",), success=False)) as server:
        ended = ci(["wait", JOB_ID, *words], server)

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "one\n", "")
    assert server.asked[0].query == query


def test_jobs_are_listed_as_a_table() -> None:
    with stand_in(lambda asked: answer(200, JOBS)) as server:
        ended = ci(["list"], server, PYTHONUTF8="1")

    assert [line.split("  ")[0] for line in ended.stdout.splitlines()] == ["JOB ID", "-" * 124, JOB_ID, JOB_ID, JOB_ID]
    assert [" ".join(line.split()[1:]) for line in ended.stdout.splitlines()[2:]] == [
        "completed 2025-10-13 10:30:00 2025-10-13 10:30:15 ✓", "running 2025-10-13 10:35:00 N/A -",
        "failed\N{REPLACEMENT CHARACTER}[2J once N/A ✗"]


def test_jobs_are_listed_as_json() -> None:
    with stand_in(lambda asked: answer(200, JOBS)) as server:
        ended = ci(["list", "--json", "--status", "running", "--limit", "2"], server)

    assert json.loads(ended.stdout) == JOBS
    assert server.asked[0].query == {"status": "running", "limit": "2"}


def test_no_jobs_are_said_to_be_none() -> None:
    with stand_in(lambda asked: answer(200, [])) as server:
        assert ci(["list"], server).stdout == "No jobs found.\n"


@pytest.mark.parametrize(("status", "words"), [("running", "is asked to stop"), ("cancelled", "cancelled"), ("completed", "completed")])
def test_a_job_is_cancelled(status: str, words: str) -> None:
    with stand_in(lambda asked: answer(202, {"job_id": JOB_ID, "status": status, "success": None})) as server:
        ended = ci(["cancel", JOB_ID], server)

    assert (ended.returncode, ended.stdout) == (0, f"Job {JOB_ID}: {words}\n")
    assert server.asked[0].method == "DELETE"


def test_what_a_job_left_is_fetched(tmp_path: Path) -> None:
    def respond(asked: Asked) -> list[bytes]:
        return answer(200, {"artifacts": [{"name": "report.xml"}]} if asked.path.endswith("/artifacts") else "content")

    with stand_in(respond) as server:
        ended = ci(["artifacts", JOB_ID], server, folder=tmp_path)

    assert (ended.returncode, ended.stdout) == (0, f"ci-artifacts-{JOB_ID}/report.xml\n")
    assert (tmp_path / f"ci-artifacts-{JOB_ID}/report.xml").read_text() == '"content"'


def test_a_refusal_ends_with_4_and_says_why(project: Path) -> None:
    details = {"remedy": "Send a plain zip.", "request_id": "01JD"}
    with stand_in(lambda asked: refusal(422, "unprocessable", "The zip is encrypted.", details)) as server:
        ended = ci(["submit", str(project)], server)

    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr == "Error: The zip is encrypted.\nSend a plain zip.\n(Request 01JD)\n"


def test_a_server_that_is_not_there_ends_with_5(project: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"

    ended = ci(["submit", str(project), "--server", url], CI_SERVER="http://127.0.0.1:1")

    assert ended.returncode == 5
    assert ended.stderr == f"Error: {url} cannot be reached. Is the server running, and CI_SERVER right?\n"


def test_a_server_that_stays_away_ends_with_5() -> None:
    def respond(asked: Asked) -> Iterable[bytes]:
        return refusal(503, "unavailable", "Away.") if "last-event-id" in asked.headers else stream([log("one\n", "1-4")])

    with stand_in(respond) as server:
        ended = ci(["wait", JOB_ID, "--give-up-after", "0.5"], server)

    assert (ended.returncode, ended.stdout) == (5, "one\n")
    assert f"The job goes on; come back with: ci wait {JOB_ID}" in ended.stderr


def test_the_token_is_read_from_a_file_or_the_environment_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("spci_from_file\n")
    with stand_in(lambda asked: refusal(401, "unauthorized", "Bearer token is missing, expired, or invalid.")) as server:
        ended = [ci(["list", "--token-file", str(tmp_path / "token")], server), ci(["list"], server, CI_TOKEN="spci_from_environment")]

    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer spci_from_file", "Bearer spci_from_environment"]
    assert not any("spci" in each.stdout + each.stderr for each in ended)


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_file_without_a_token_is_said(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)

    ended = ci(["list", "--token-file", str(tmp_path / "token")])

    assert ended.returncode == 2
    assert "The token's file" in ended.stderr


def test_without_a_command_there_is_help() -> None:
    ended = ci([])

    assert ended.returncode == 2
    assert "submit" in ended.stdout


def held(first: Sequence[bytes]) -> tuple[Respond, list[StandIn]]:
    """A stream that says this, and then nothing until the server is closed."""
    servers: list[StandIn] = []

    def respond(asked: Asked) -> Iterator[bytes]:
        yield from stream(first)
        servers[0].closing.wait(TIMEOUT)

    return respond, servers


def interrupted(words: Sequence[str], first: Sequence[bytes], log_file: Path, awaited: str) -> tuple[int, str]:
    """The command, interrupted once it has written something; its exit status and all that it wrote."""
    respond, servers = held(first)
    with stand_in(respond) as server:
        servers.append(server)
        with started((*CI, *words), {"CI_SERVER": server.url}, log_file, prepare=heed_interrupts) as running:
            eventually(lambda: awaited in running.output(), f"{awaited} in the output")
            running.tell(signal.SIGINT)
            return running.ended(), running.output()


def heed_interrupts() -> None:
    """Undo what a shell in the background leaves to its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interrupt_while_a_job_is_followed_ends_with_130_and_says_how_to_come_back(project: Path, tmp_path: Path) -> None:
    status, output = interrupted(["submit", str(project)], [RETRY + TOLD, log("one\n", "1-4")], tmp_path / "log", "one\n")

    assert status == 130
    assert output.endswith(f"The job goes on. Come back to it with: ci wait {JOB_ID}\nCancel it with: ci cancel {JOB_ID}\n")


def test_an_interrupt_before_the_job_is_known_says_so(project: Path, tmp_path: Path) -> None:
    asked: list[Asked] = []
    respond, servers = held([RETRY])

    def noting(request: Asked) -> Iterator[bytes]:
        asked.append(request)
        yield from respond(request)

    with stand_in(noting) as server:
        servers.append(server)
        with started((*CI, "submit", str(project)), {"CI_SERVER": server.url}, tmp_path / "log", prepare=heed_interrupts) as running:
            eventually(lambda: asked, "the submission")
            running.tell(signal.SIGINT)
            status = running.ended()
            output = running.output()

    assert (status, output) == (130, "\nStopped before the server told the job's id. `ci list` shows whether there is one.\n")


def test_an_interrupt_while_waiting_ends_with_130(tmp_path: Path) -> None:
    status, output = interrupted(["wait", JOB_ID], [log("one\n", "1-4")], tmp_path / "log", "one\n")

    assert status == 130
    assert output.startswith(f"one\n\nStopped waiting for job {JOB_ID}.\n")
    assert output.endswith(f"The job continues to run on the server. Reconnect with: ci wait {JOB_ID}\n")


def test_who_stops_reading_the_log_stops_the_command_quietly(tmp_path: Path) -> None:
    pieces = [log("x" * 5000 + "\n", f"1-{end}") for end in range(1, 400)]
    with stand_in(lambda asked: stream([*pieces, complete()])) as server, (tmp_path / "errors").open("wb") as errors:
        with subprocess.Popen(
            (*CI, "wait", JOB_ID), env=environment({"CI_SERVER": server.url}), stdout=subprocess.PIPE, stderr=errors,
        ) as process:
            assert process.stdout is not None
            process.stdout.read(10)
            process.stdout.close()
            status = process.wait(TIMEOUT)

    assert (status, (tmp_path / "errors").read_text()) == (141, "")


def test_an_upload_is_shown_on_a_terminal_and_nowhere_else(project: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with stand_in(ServedJob()) as server:
        environ = environment({"CI_SERVER": server.url})
        with subprocess.Popen((*CI, "submit", str(project)), env=environ, stdout=subprocess.DEVNULL, stderr=theirs) as process:
            status = process.wait(TIMEOUT)
    shown = os.read(ours, 1 << 16).decode()
    os.close(theirs)
    os.close(ours)

    assert status == 0
    assert "Uploading: 100%" in shown
    assert f"Job ID: {JOB_ID}" in shown


@pytest.mark.parametrize("package", ["api", "ci_client", "httpx"])
def test_packages_in_the_users_folder_do_not_disturb_the_command(project: Path, package: str) -> None:
    (project / package).mkdir()
    (project / package / "__init__.py").write_text('raise RuntimeError("not for ci")\n')
    command = str(Path(sys.executable).with_name("ci"))

    version = finished((command, "--version"), {}, folder=project)
    with stand_in(ServedJob()) as server:
        submitted = finished((command, "submit"), {"CI_SERVER": server.url}, folder=project)

    assert (version.returncode, version.stdout.split()[0]) == (0, "ci")
    assert (submitted.returncode, submitted.stdout) == (0, "one\ntwo\nthree\n")


def test_nothing_of_the_server_is_imported() -> None:
    program = "import sys, ci_client.command; print('\\n'.join(sys.modules))"

    modules = finished((sys.executable, "-c", program), {}).stdout.split()

    assert [name for name in modules if name.partition(".")[0] in {"api", "ci_server"}] == []
    assert {"connexion", "flask", "sqlalchemy", "starlette", "werkzeug"}.isdisjoint(modules)
    assert "ci_client.command" in modules
