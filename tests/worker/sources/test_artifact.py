"""Executables from GitHub's build artifacts, against a server that behaves as its documentation says."""
from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.domain.jobs.archive_check import ArchiveLimits
from api.integrations.github.build_artifacts import GitHubBuilds
from api.worker.cancellation import Cancellation, Cancelled
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun
from api.worker.sources.artifact import ArtifactSource
from api.worker.sources.build_log import BuildLog
from api.worker.sources.source import FetchRequest
from tests.worker.inputs import COMMIT, REPOSITORY
from tests.worker.sources.github import API_TOKEN, SIGNATURE, Answer, GitHubStandIn, a_zip, serving

PROGRAM = b"\x7fELF of the build"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """Asks for executables as a worker does."""

    def __init__(self, github: GitHubStandIn, folder: Path) -> None:
        self.github = github
        builds = GitHubBuilds(github.api_url, API_TOKEN, timeout=60)
        self.source = ArtifactSource(builds, "linux", seconds=60, user_id=None)
        self.stopped = threading.Event()
        self.run = folder / "run"
        self.run.mkdir()

    def provide(self, commit: str = COMMIT, pull_request: int | None = None) -> Path:
        """The executable."""
        claimed = ClaimedRun(1, "lease", "linux", REPOSITORY, commit, "master", pull_request)
        with BuildLog(self.run / "build.log", lambda: NOW) as build_log:
            try:
                return self.source.provide(FetchRequest(claimed, self.run, build_log, Cancellation(self.stopped), lambda _: None))
            finally:
                assert {path.name for path in self.run.iterdir()} <= {"build.log", "executable"}

    def refused(self, kind: str, pull_request: int | None = None) -> str:
        """The reason that there is none."""
        with pytest.raises(RunError) as caught:
            self.provide(pull_request=pull_request)
        assert caught.value.code.type == kind
        return caught.value.reason


@pytest.fixture
def github() -> Iterator[GitHubStandIn]:
    with serving(GitHubStandIn()) as stand_in:
        yield stand_in


@pytest.fixture
def desk(github: GitHubStandIn, tmp_path: Path) -> Desk:
    return Desk(github, tmp_path)


def test_the_executable_of_the_commits_build_is_taken_out_and_made_a_program(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"ccextractor": PROGRAM, "readme.txt": "read me"}))

    program = desk.provide()

    assert program.read_bytes() == PROGRAM
    assert os.access(program, os.X_OK)


def test_a_zip_that_was_written_as_a_stream_is_taken(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"linux/ccextractor": PROGRAM}, as_stream=True))

    assert desk.provide().read_bytes() == PROGRAM


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can unpack as another user")
def test_it_is_unpacked_as_the_slots_user_and_then_belongs_to_the_worker(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"linux/ccextractor": PROGRAM}))
    desk.run.chmod(0o755)
    desk.source = replace(desk.source, user_id=1_800_000_000)

    program = desk.provide()

    assert program.read_bytes() == PROGRAM
    assert program.stat().st_uid == 0


def test_the_token_goes_to_the_api_alone_and_never_to_where_it_sends_us(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"ccextractor": PROGRAM}))

    desk.provide()

    told = {who for who, _, headers in desk.github.asked if "authorization" in headers}
    stored = [(path, headers) for who, path, headers in desk.github.asked if who == "storage"]
    assert told == {"api"}
    assert len(stored) == 1 and all(API_TOKEN not in value for value in stored[0][1].values())


def test_neither_the_token_nor_a_signed_address_stands_in_a_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"ccextractor": PROGRAM}))
    desk.github.storage_script = lambda _: Answer(500)

    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore"):
            caplog.set_level(logging.WARNING, name)
        reason = desk.refused("storage")

    said = caplog.text + reason + (desk.run / "build.log").read_text()
    assert reason == "Could not download a build artifact: GitHub answered with status 500."
    assert API_TOKEN not in said and SIGNATURE not in said


def test_all_pages_are_read(desk: Desk) -> None:
    for run_id in range(1, 8):
        name = "linux" if run_id == 1 else "other"
        desk.github.add(REPOSITORY, COMMIT, run_id=run_id, name=name, content=a_zip({"ccextractor": PROGRAM}))
    desk.github.artifacts[1] = [{**desk.github.artifacts[1][0], "id": 90 + n, "expired": True} for n in range(4)] + desk.github.artifacts[1]
    desk.github.per_page = 2

    assert desk.provide().read_bytes() == PROGRAM


def test_the_newest_build_that_went_well_is_taken(desk: Desk) -> None:
    for run_id, conclusion in ((1, "success"), (3, "success"), (2, "success"), (4, "failure"), (5, None)):
        content = a_zip({"ccextractor": b"\x7fELF%d" % run_id})
        desk.github.add(REPOSITORY, COMMIT, run_id=run_id, conclusion=conclusion, content=content)

    assert desk.provide().read_bytes() == b"\x7fELF3"


def test_a_strangers_build_counts_for_a_pull_request_alone(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"ccextractor": PROGRAM}), head_repository="stranger/ccextractor")

    assert desk.refused("build") == "No build artifact: no workflow has built the commit."
    assert desk.provide(pull_request=7).read_bytes() == PROGRAM


def test_builds_of_other_commits_do_not_count_whatever_the_server_answers(desk: Desk) -> None:
    desk.github.add(REPOSITORY, "f" * 40, content=a_zip({"ccextractor": PROGRAM}))
    found = {"total_count": 1, "workflow_runs": desk.github.runs}
    desk.github.script = lambda path: Answer(200, json.dumps(found).encode()) if "head_sha" in path else None

    assert "no workflow has built the commit" in desk.refused("build")


@pytest.mark.parametrize(("conclusion", "words"), [("failure", "have failed"), (None, "has not ended yet")])
def test_a_build_that_did_not_go_well_is_said(desk: Desk, conclusion: str | None, words: str) -> None:
    desk.github.add(REPOSITORY, COMMIT, conclusion=conclusion)

    assert words in desk.refused("build")


def test_an_expired_artifact_is_said(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, expired=True)

    assert desk.refused("build") == "No build artifact: the build's artifact has expired."


def test_an_artifact_that_expires_before_it_is_fetched_is_said(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT)
    desk.github.script = lambda path: Answer(410, b'{"message": "Artifact has expired"}') if path.endswith("/zip") else None

    assert desk.refused("build") == "No build artifact: the build's artifact has expired."


def test_an_artifact_of_another_name_does_not_count(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, name="windows")

    assert "no artifact of the configured name" in desk.refused("build")


@pytest.mark.parametrize(("answer", "kind", "words"), [
    (Answer(404, b"{}"), "build", "GitHub knows no such repository or artifact"),
    (Answer(401, b"{}"), "storage", "GitHub refuses the token"),
    (Answer(403, b"{}"), "storage", "GitHub refuses the token"),
    (Answer(403, b"{}", {"X-RateLimit-Remaining": "0"}), "storage", "GitHub's rate limit is used up"),
    (Answer(403, b"{}", {"Retry-After": "60"}), "storage", "GitHub's rate limit is used up"),
    (Answer(429, b"{}", {"Retry-After": "60"}), "storage", "GitHub's rate limit is used up"),
    (Answer(500, b"oops"), "storage", "GitHub answered with status 500"),
    (Answer(301, b"", {"Location": "/elsewhere"}), "storage", "GitHub answered with status 301"),
    (Answer(200, b"<html>"), "storage", "GitHub's answer is no JSON"),
    (Answer(200, b"[]"), "storage", "not what its API promises"),
    (Answer(200, b'{"total_count": "x", "workflow_runs": 3}'), "storage", "not what its API promises"),
    (Answer(200, b"[" * 100_000), "storage", "GitHub's answer is no JSON"),
    (Answer(200, b"{}", {"Content-Length": "100"}), "storage", "GitHub did not answer as a server does (RemoteProtocolError)"),
])
def test_what_goes_wrong_at_github_is_an_error_of_its_type(desk: Desk, answer: Answer, kind: str, words: str) -> None:
    desk.github.script = lambda _: answer

    assert words in desk.refused(kind)


def test_a_server_that_is_not_there_is_an_error_of_the_storage(desk: Desk) -> None:
    desk.source = replace(desk.source, builds=GitHubBuilds("http://127.0.0.3:1", API_TOKEN, timeout=60))

    assert "GitHub did not answer as a server does (ConnectError)" in desk.refused("storage")


@pytest.mark.parametrize("location", ["", "/relative", "ftp://example.org/x", "file:///etc/passwd", "http://[::bad", "https://"])
def test_a_download_is_sent_to_a_whole_address_or_nowhere(desk: Desk, location: str) -> None:
    desk.github.add(REPOSITORY, COMMIT)
    desk.github.script = lambda path: Answer(302, b"", {"Location": location}) if path.endswith("/zip") else None

    reason = desk.refused("storage")

    assert any(words in reason for words in ("an address that is none", "status 302", "did not answer as a server does"))
    assert [who for who, _, _ in desk.github.asked if who == "storage"] == []


def test_a_second_redirect_is_not_followed(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT)
    desk.github.storage_script = lambda _: Answer(302, b"", {"Location": f"{desk.github.api_url}/elsewhere"})

    assert "GitHub answered with status 302" in desk.refused("storage")


def test_an_artifact_that_says_to_be_too_large_is_not_fetched(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=bytes(2000))
    desk.source = replace(desk.source, limit=1000)

    assert desk.refused("build") == "No build artifact: the artifact has more than 1000 bytes."
    assert not any(path.endswith("/zip") for _, path, _ in desk.github.asked)


def test_one_that_is_larger_than_it_said_is_cut_off(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=bytes(2_000_000))
    desk.github.artifacts[1][0]["size_in_bytes"] = 10
    desk.source = replace(desk.source, limit=1_000_000)

    assert desk.refused("build") == "No build artifact: the artifact has more than 1000000 bytes."


@pytest.mark.parametrize(("content", "words"), [
    (b"no zip at all", "The build artifact cannot be unpacked: The file is no zip file, or was cut off."),
    (a_zip({"ccextractor": PROGRAM})[:-30], "The file is no zip file, or was cut off."),
    (a_zip({"../ccextractor": PROGRAM}), "leads out of the project's folder"),
    (a_zip({"bomb": bytes(30 << 20)}), "expands further"),
    (a_zip({"readme.txt": "read me"}), "The build artifact has no executable: it is not there."),
    (a_zip({"a/ccextractor": PROGRAM, "b/ccextractor": PROGRAM}), "several files of that name"),
    (a_zip({"ccextractor/": "", "readme.txt": "read me"}), "it is no regular file"),
    (a_zip({"ccextractor/": ""}), "The zip is empty"),
])
def test_wrong_content_is_an_error_of_the_build(desk: Desk, content: bytes, words: str) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=content)
    desk.source = replace(desk.source, contents=ArchiveLimits())

    assert words in desk.refused("build")


def test_the_executables_path_can_be_configured(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"a/ccextractor": b"\x7fELFa", "b/ccextractor": b"\x7fELFb"}))
    desk.source = replace(desk.source, path="b/ccextractor")

    assert desk.provide().read_bytes() == b"\x7fELFb"


def test_a_short_hash_is_not_looked_up(desk: Desk) -> None:
    with pytest.raises(RunError, match=r"^\[build\] No build artifact: GitHub finds builds by whole hashes"):
        desk.provide(COMMIT[:10])

    assert desk.github.asked == []


def test_a_stop_ends_a_download(desk: Desk) -> None:
    desk.github.add(REPOSITORY, COMMIT, content=a_zip({"ccextractor": PROGRAM}))

    def stop(_: str) -> None:
        desk.stopped.set()

    desk.github.storage_script = stop

    with pytest.raises(Cancelled):
        desk.provide()
