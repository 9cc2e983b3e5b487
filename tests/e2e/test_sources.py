"""Runs of commits that nobody has built yet: triggered over HTTP, checked out, merged and built by a worker, and readable afterwards."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.builders import MAIN_REPOSITORY
from tests.e2e.installation import CAPTIONS, Installation
from tests.parts import need
from tests.worker.sources.github import API_TOKEN, GitHubStandIn, a_zip, serving
from tests.worker.sources.origin import Origin

# Writes what the source says into the file that comes after -o.
PROGRAM = """#!/bin/sh
while [ $# -gt 1 ]; do
    if [ "$1" = -o ]; then output=$2; fi
    shift
done
cat >"$output" <<'END'
"""
BUILD = "echo building; mkdir out && cat program.sh captions.txt >out/program && echo END >>out/program && chmod +x out/program"
CAPTIONED = CAPTIONS.decode()


def files(captions: str = CAPTIONED, other: str = "") -> dict[str, str | bytes]:
    return {"program.sh": PROGRAM, "captions.txt": captions, "other.txt": other}


@dataclass
class Site:
    """A server, and workers that build."""

    installation: Installation
    origin: Origin

    def trigger(self, commit: str, pull_request: int | None = None) -> int:
        """Trigger a run; return its id."""
        body: dict[str, Any] = {"repository": MAIN_REPOSITORY, "commit_sha": commit, "platform": "linux"}
        if pull_request is not None:
            body["pull_request"] = pull_request
        response = self.installation.api.ask("POST", "/api/v1/runs", json=body)
        assert response.status_code < 300, response.text
        return int(response.json()["run_id"])

    def executed(self, run_id: int, **changes: str) -> dict[str, Any]:
        """Have a worker execute what is queued; return the run."""
        folder = self.installation.folder
        settings = {
            "CI_TRUST_EXECUTABLES": "false", "CI_SANDBOX": "bubblewrap", "CI_WORK_DIR": str(folder / "work"),
            "CI_EXECUTABLE_SOURCES": "folder,build", "CI_GIT_BASE_URL": f"file://{folder}/origins", "CI_BUILD_COMMAND": BUILD,
            "CI_BUILD_OUTPUT": "out/program", **changes}
        with self.installation.worker(f"builder-{run_id}", "--once", changes=settings) as worker:
            assert worker.ended() == 0, worker.output()
        return self.installation.api.ended(run_id)

    def errors(self, run_id: int) -> list[tuple[str, str]]:
        """The types and messages of the run's infrastructure errors."""
        found = self.installation.api.get(f"/runs/{run_id}/infrastructure-errors")["data"]
        return [(each["type"], each["message"]) for each in found]

    def log(self, run_id: int) -> str:
        """The run's log."""
        return "\n".join(line["message"] for line in self.installation.api.get(f"/runs/{run_id}/logs", params={"limit": 100})["data"])


@pytest.fixture(scope="module")
def site(served: Installation) -> Iterator[Site]:
    need("bwrap")
    yield Site(served, Origin.make(served.folder / "origins", MAIN_REPOSITORY))
    shutil.rmtree(served.folder / "work", ignore_errors=True)


@pytest.fixture(scope="module")
def first(site: Site) -> str:
    """The first commit of the default branch."""
    return site.origin.commit("refs/heads/master", files())


def test_a_run_of_a_commit_is_built_executed_and_readable(site: Site, first: str) -> None:
    run_id = site.trigger(first)

    run = site.executed(run_id)

    messages = site.installation.api.messages(run_id)
    assert (run["status"], run["run_errors"]) == ("pass", "no")
    assert [words for message in messages for words in ("Checking out", "Building", "Executing") if words in message] == [
        "Checking out", "Building", "Executing"]
    assert "building" in site.log(run_id)
    assert "No executable from the source folder: [build] " in site.log(run_id)
    assert "The executable is from the source build." in site.log(run_id)


@pytest.mark.verify
def test_a_retry_takes_what_was_built(site: Site, first: str) -> None:
    run_id = site.trigger(first)
    site.executed(run_id, CI_BUILD_DEPENDENCIES="echo fetching")
    retried = int(site.installation.api.ask("POST", f"/api/v1/runs/{run_id}/retry", json={}).json()["new_run_id"])

    again = site.executed(retried, CI_BUILD_DEPENDENCIES="echo fetching")

    assert again["status"] == "pass" and again["build_duration_ms"] is None
    assert "fetching" in site.log(run_id)
    assert "This was built here before" in site.log(retried) and "fetching" not in site.log(retried)


def test_a_pull_request_is_judged_as_merged_into_the_base_branch(site: Site, first: str) -> None:
    # Alone the proposed commit's captions differ; the base branch has mended them meanwhile.
    broken = site.origin.commit("refs/heads/broken", files("1\nbroken\n"))
    proposed = site.origin.commit("refs/pull/7/head", files("1\nbroken\n", "proposed"), broken)
    site.origin.commit("refs/heads/mended", files(), broken)
    run_id = site.trigger(proposed, 7)

    run = site.executed(run_id, CI_BASE_BRANCH="mended")

    assert run["status"] == "pass"
    assert run["merge_base_sha"] == broken and run["build_duration_ms"] > 0
    assert any("Merging" in message for message in site.installation.api.messages(run_id))


@pytest.mark.verify
def test_a_conflict_ends_the_run_with_an_infrastructure_error_of_the_merge(site: Site, first: str) -> None:
    proposed = site.origin.commit("refs/pull/8/head", files("mine\n"), first)
    site.origin.commit("refs/heads/theirs", files("theirs\n"), first)
    run_id = site.trigger(proposed, 8)

    run = site.executed(run_id, CI_BASE_BRANCH="theirs", CI_EXECUTABLE_SOURCES="build")

    assert (run["status"], run["run_errors"]) == ("canceled", "yes")
    assert site.errors(run_id) == [("merge", "The commit does not merge into its base branch: conflicts in 1 files.")]
    assert "Merge conflict in captions.txt" in site.log(run_id)


@pytest.mark.verify
def test_a_commit_that_is_not_there_ends_the_run_with_one_of_the_checkout(site: Site, first: str) -> None:
    run_id = site.trigger("e" * 40)

    run = site.executed(run_id, CI_EXECUTABLE_SOURCES="build")

    assert run["status"] == "canceled"
    assert [kind for kind, _ in site.errors(run_id)] == ["checkout"]


def test_a_build_that_fails_ends_the_run_with_one_of_the_build_and_its_words_in_the_log(site: Site, first: str) -> None:
    run_id = site.trigger(first)

    run = site.executed(run_id, CI_EXECUTABLE_SOURCES="build", CI_BUILD_COMMAND="echo the compiler complains; exit 2")

    assert run["status"] == "canceled"
    assert site.errors(run_id) == [("build", "The build failed with exit code 2; the log has its output.")]
    assert "the compiler complains" in site.log(run_id)


@pytest.mark.verify
def test_without_a_sandbox_nothing_is_built(site: Site, first: str) -> None:
    run_id = site.trigger(first)

    run = site.executed(run_id, CI_SANDBOX="none", CI_TRUST_EXECUTABLES="true", CI_EXECUTABLE_SOURCES="build")

    assert run["status"] == "canceled"
    assert site.errors(run_id) == [("worker", "The source build needs a sandbox, and this worker has none.")]


def test_a_run_is_executed_with_githubs_artifact(site: Site, first: str, tmp_path: Path) -> None:
    program = f"{PROGRAM}{CAPTIONED}END\n"
    with serving(GitHubStandIn()) as github:
        github.add(MAIN_REPOSITORY, first, content=a_zip({"ccextractor": program}))
        run_id = site.trigger(first)

        run = site.executed(
            run_id, CI_EXECUTABLE_SOURCES="folder,artifact,build", CI_GITHUB_API_URL=github.api_url, CI_GITHUB_TOKEN=API_TOKEN,
            CI_BUILD_ARTIFACT="linux")

    assert run["status"] == "pass"
    assert "The executable is from the source artifact." in site.log(run_id)
    assert API_TOKEN not in site.log(run_id)
