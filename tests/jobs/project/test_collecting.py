"""What is kept of a workspace, whatever a job has laid out in it."""
from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.jobs.files import AttemptFiles
from api.jobs.project import keeping
from api.jobs.project.collecting import ArtifactLimits, collect

JUNIT = b'<testsuite><testcase name="a" classname="c"/><testcase name="b" classname="c"><failure message="no"/></testcase></testsuite>'
ROOMY = ArtifactLimits()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def files(tmp_path: Path) -> AttemptFiles:
    made = AttemptFiles(tmp_path / "attempt")
    made.prepare({}, datetime(2025, 11, 21, tzinfo=UTC))
    return made


def put(workspace: Path, name: str, content: bytes = b"x") -> Path:
    path = workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def collected(workspace: Path, files: AttemptFiles, *patterns: str, limits: ArtifactLimits = ROOMY) -> Any:
    collect(workspace, files, patterns, limits)
    return json.loads(files.manifest.read_bytes())


def names(manifest: Any) -> list[str]:
    return [each["name"] for each in manifest["artifacts"]]


def test_a_file_is_kept_with_its_size_and_digest(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, "out/a.txt", b"content")

    manifest = collected(workspace, files, "out/*.txt")

    kept = {"name": "out/a.txt", "size_bytes": 7, "sha256": hashlib.sha256(b"content").hexdigest(), "kind": "file"}
    assert manifest == {"artifacts": [kept], "junit": None, "left_out": 0, "limits_hit": []}
    assert (files.artifacts / "out/a.txt").read_bytes() == b"content"


def test_the_report_that_was_asked_for_is_kept_and_read_without_a_pattern(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, ".ci-job/junit.xml", JUNIT)

    manifest = collected(workspace, files)

    assert [(each["name"], each["kind"]) for each in manifest["artifacts"]] == [("junit.xml", "junit")]
    assert (manifest["junit"]["tests"], manifest["junit"]["failures"]) == (2, 1)
    assert manifest["junit"]["failed"] == [{"name": "b", "classname": "c", "message": "no"}]


def test_a_report_of_the_projects_own_making_is_read_too(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, "build/junit.xml", JUNIT)

    assert collected(workspace, files, "**/junit.xml")["junit"]["tests"] == 2


def test_a_report_that_is_none_is_kept_as_a_file(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, ".ci-job/junit.xml", b'<!DOCTYPE x [<!ENTITY y "z">]><testsuite>&y;</testsuite>')

    manifest = collected(workspace, files)

    assert (manifest["junit"], [each["kind"] for each in manifest["artifacts"]]) == (None, ["file"])


@pytest.mark.parametrize("name", [".coverage", "coverage.xml", "htmlcov/index.html"])
def test_coverage_is_told_from_other_files(name: str, workspace: Path, files: AttemptFiles) -> None:
    put(workspace, name)

    assert [each["kind"] for each in collected(workspace, files, "**", name)["artifacts"]] == ["coverage"]


def test_patterns_stand_for_names_and_double_ones_for_folders(workspace: Path, files: AttemptFiles) -> None:
    for name in ("a.log", "b/a.log", "b/c/a.log", "a.txt", "b/[x].log"):
        put(workspace, name)

    kept = {pattern: names(collected(workspace, files, pattern)) for pattern in ("*.log", "**/*.log", "b/**", "?.txt", "b/[x].log")}

    assert kept == {
        "*.log": ["a.log"], "**/*.log": ["a.log", "b/[x].log", "b/a.log", "b/c/a.log"], "b/**": ["b/[x].log", "b/a.log", "b/c/a.log"],
        "?.txt": ["a.txt"], "b/[x].log": ["b/[x].log"]}


def test_what_we_put_into_the_workspace_is_no_artifact(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, ".ci-job/dependencies/x.py")

    assert names(collected(workspace, files, "**")) == []


def test_links_are_not_followed(workspace: Path, files: AttemptFiles, tmp_path: Path) -> None:
    secret = put(tmp_path, "secret", b"secret")
    put(tmp_path, "folder/secret", b"secret")
    (workspace / "link").symlink_to(secret)
    (workspace / "folder").symlink_to(tmp_path / "folder")
    (workspace / ".ci-job").symlink_to(tmp_path / "folder")

    assert names(collected(workspace, files, "**")) == []


def test_a_workspace_that_is_a_link_is_not_entered(files: AttemptFiles, tmp_path: Path) -> None:
    put(tmp_path, "folder/secret", b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "folder")

    with pytest.raises(OSError, match="link|Not a directory"):
        collect(tmp_path / "link", files, ["**"], ROOMY)


def test_pipes_and_sockets_are_no_files(workspace: Path, files: AttemptFiles) -> None:
    os.mkfifo(workspace / "pipe")

    assert names(collected(workspace, files, "**")) == []


def test_names_that_cannot_be_told_are_left_alone(workspace: Path, files: AttemptFiles) -> None:
    for name in (b"a\nb", b"a\\b", b"\xff"):
        Path(os.fsdecode(os.fsencode(workspace) + b"/" + name)).write_bytes(b"x")

    assert names(collected(workspace, files, "**")) == []


def test_what_is_too_much_is_left_out_and_counted(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, "a", bytes(11))
    for name in "bcde":
        put(workspace, name, bytes(8))

    manifest = collected(workspace, files, "*", limits=ArtifactLimits(files=3, file_bytes=10, total_bytes=20))

    assert (names(manifest), manifest["left_out"], manifest["limits_hit"]) == (["b", "c"], 3, ["file_size", "total_size"])


def test_no_more_files_are_kept_than_allowed(workspace: Path, files: AttemptFiles) -> None:
    for number in range(5):
        put(workspace, f"f{number}")

    manifest = collected(workspace, files, "*", limits=ArtifactLimits(files=3))

    assert (len(names(manifest)), manifest["left_out"], manifest["limits_hit"]) == (3, 2, ["file_count"])


def test_names_that_are_too_long_together_are_left_out(workspace: Path, files: AttemptFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_NAMES", 9)
    for name in ("aaaa", "éé", "cc", "d"):
        put(workspace, name)

    manifest = collected(workspace, files, "*")

    assert (names(manifest), manifest["left_out"], manifest["limits_hit"]) == (["aaaa", "cc", "d"], 1, ["name"])


def test_what_the_disk_has_no_room_for_is_not_kept(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, "a", bytes(10))

    manifest = collected(workspace, files, "*", limits=ArtifactLimits(reserve=1 << 62))

    assert (names(manifest), manifest["limits_hit"]) == ([], ["disk"])


def test_a_report_counts_although_it_cannot_be_kept(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, ".ci-job/junit.xml", JUNIT)

    manifest = collected(workspace, files, limits=ArtifactLimits(file_bytes=0))

    assert (names(manifest), manifest["junit"]["tests"]) == ([], 2)


def test_reports_of_several_suites_count_together_unless_the_job_has_one_of_its_own(workspace: Path, files: AttemptFiles) -> None:
    for name in ("a/TEST-one.xml", "a/TEST-two.xml"):
        put(workspace, name, JUNIT)
    put(workspace, "a/pom.xml", b"<project/>")
    together = collected(workspace, files, "**/*.xml")

    put(workspace, ".ci-job/junit.xml", JUNIT)

    assert (together["junit"]["tests"], [each["kind"] for each in together["artifacts"]]) == (4, ["junit", "junit", "file"])
    assert collected(workspace, files, "**/*.xml")["junit"]["tests"] == 2


def sparse(workspace: Path, name: str, size: int) -> None:
    """A file of this size with one byte in the middle; its other blocks take no space."""
    with put(workspace, name, b"").open("r+b") as file:
        file.truncate(size)
        os.pwrite(file.fileno(), b"x", size // 2)


def test_files_with_holes_count_by_the_space_that_they_take_and_are_kept_with_their_holes(workspace: Path, files: AttemptFiles) -> None:
    for name in "abc":
        sparse(workspace, name, 1 << 20)

    manifest = collected(workspace, files, "*", limits=ArtifactLimits(total_bytes=1 << 20))

    content = bytes(1 << 19) + b"x" + bytes((1 << 19) - 1)
    assert [(each["size_bytes"], each["sha256"]) for each in manifest["artifacts"]] == [(1 << 20, hashlib.sha256(content).hexdigest())] * 3
    assert (files.artifacts / "b").read_bytes() == content
    assert (files.artifacts / "b").stat().st_blocks * 512 < 1 << 19


def test_files_that_take_no_space_are_not_read_for_ever(workspace: Path, files: AttemptFiles) -> None:
    sparse(workspace, "huge", 1 << 40)
    for number in range(6):
        sparse(workspace, f"large{number}", 1 << 20)

    manifest = collected(workspace, files, "*", limits=ArtifactLimits(total_bytes=1 << 20))

    assert (len(names(manifest)), manifest["limits_hit"]) == (4, ["file_size", "total_size"])


def test_a_folder_of_great_depth_is_not_walked_for_ever(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, "/".join(["d"] * 100 + ["f"]))

    assert names(collected(workspace, files, "**")) == []


def test_without_a_workspace_nothing_is_kept(files: AttemptFiles, tmp_path: Path) -> None:
    assert collected(tmp_path / "gone", files, "**") == {"artifacts": [], "junit": None, "left_out": 0, "limits_hit": []}


def test_collecting_again_gives_the_same(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, "a")

    assert collected(workspace, files, "*") == collected(workspace, files, "*")


def test_a_file_below_a_folder_of_the_reports_name_is_left_out_and_nothing_else_is(workspace: Path, files: AttemptFiles) -> None:
    put(workspace, ".ci-job/junit.xml", JUNIT)
    # The report is kept under the name of this folder.
    put(workspace, "junit.xml/a.txt")
    put(workspace, "z.txt")

    manifest = collected(workspace, files, "**/*.txt")

    assert names(manifest) == ["junit.xml", "z.txt"]
    assert (manifest["left_out"], manifest["junit"]["tests"]) == (1, 2)
