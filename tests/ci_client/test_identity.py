"""What the client finds out about a project, and how jobs are found and run once more by it."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ci_client.identity import Identity, find_identity
from ci_client.listing import table_of
from tests.ci_client.projects import make_project
from tests.ci_client.stand_in import JOB_ID, Asked, answer, stand_in
from tests.ci_client.wire import ServedJob
from tests.e2e.processes import finished

CI = (sys.executable, "-m", "ci_client.command")
AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(("git", *AUTHOR, "-C", str(folder), *words), check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project under version control, with one commit on the branch `work`."""
    folder = make_project(tmp_path / "folder")
    git(folder, "init", "--quiet", "--initial-branch", "work")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    return folder


def test_git_tells_commit_and_branch_and_the_folder_the_name(repository: Path) -> None:
    assert find_identity(repository) == Identity("folder", git(repository, "rev-parse", "HEAD"), "work")


def test_changes_that_are_not_committed_are_said(repository: Path) -> None:
    changed = next(path for path in repository.iterdir() if path.is_file())
    changed.write_text("changed")

    assert find_identity(repository).commit == git(repository, "rev-parse", "HEAD") + "+"


@pytest.mark.parametrize("address", [
    "https://example.org/ada/sums.git", "git@example.org:sums", "https://example.org/sums/", "/srv/git/sums.git"])
def test_the_repository_it_came_from_tells_the_name(repository: Path, address: str) -> None:
    git(repository, "remote", "add", "origin", address)

    assert find_identity(repository).project == "sums"


def test_a_folder_of_a_repository_is_of_that(repository: Path) -> None:
    (repository / "within").mkdir()

    assert find_identity(repository / "within") == find_identity(repository)


def test_without_version_control_the_folders_name_is_all(tmp_path: Path) -> None:
    assert find_identity(make_project(tmp_path / "alone")) == Identity("alone")


def test_no_branch_is_checked_out_and_no_commit_made(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    git(tmp_path, "init", "--quiet", str(tmp_path / "empty"))

    assert (find_identity(repository).branch, find_identity(tmp_path / "empty").commit) == (None, None)


def test_a_name_that_no_server_takes_is_not_told(tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()

    assert find_identity(folder) == Identity()


def test_what_is_said_goes_before_what_is_found(repository: Path) -> None:
    with stand_in(ServedJob()) as server:
        finished((*CI, "submit", str(repository), "--async", "--branch", "main", "--label", "nightly"), {"CI_SERVER": server.url})

    body = server.asked[0].body.decode(errors="replace")
    for name, value in (("project", "folder"), ("branch", "main"), ("label", "nightly"), ("commit", git(repository, "rev-parse", "HEAD"))):
        assert f'name="{name}"\r\n\r\n{value}\r\n' in body


def test_jobs_are_listed_by_what_they_are_of() -> None:
    with stand_in(lambda asked: answer(200, [])) as server:
        finished((*CI, "list", "--project", "sums", "--commit", "3f1c0de"), {"CI_SERVER": server.url})

    assert server.asked[0].query == {"project": "sums", "commit": "3f1c0de"}


@pytest.mark.parametrize(("job", "shown"), [
    ({"tests": 3, "failed_tests": 0, "project": "sums", "branch": "main", "commit": "3f1c0de5a1b2c3d4", "label": None},
     "3 tests          sums main 3f1c0de5a1"),
    ({"tests": 3, "failed_tests": 2, "label": "\x1bnightly"}, "2 of 3 failed    \ufffdnightly"),
    ({"tests": 0, "failed_tests": 0, "success": True}, "no tests"), ({"tests": None, "success": True}, "no report"),
    ({"tests": None, "success": False}, "")])
def test_the_table_says_what_jobs_are_of_and_what_their_tests_came_to(job: dict[str, object], shown: str) -> None:
    line = table_of([{"job_id": JOB_ID, "status": "completed", **job}]).splitlines()[2]

    assert line[106:].strip() == shown


def test_a_job_is_run_once_more_and_followed(tmp_path: Path) -> None:
    again = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
    serve = ServedJob(("one\n",))

    def respond(asked: Asked) -> object:
        if asked.method == "POST":
            return answer(202, {"job_id": again, "status": "queued", "rerun_of": JOB_ID})
        return serve(Asked(asked.method, asked.path.replace(again, JOB_ID), asked.query, asked.headers, asked.body))

    with stand_in(respond) as server:  # type: ignore[arg-type]
        followed = finished((*CI, "rerun", JOB_ID), {"CI_SERVER": server.url})
        submitted = finished((*CI, "rerun", JOB_ID, "--async"), {"CI_SERVER": server.url})

    assert (followed.returncode, followed.stdout) == (0, "one\n")
    assert (server.asked[0].path, server.asked[1].query) == (f"/jobs/{JOB_ID}/rerun", {"from_beginning": "true"})
    assert submitted.stdout == f"Job submitted: {again}\n"
