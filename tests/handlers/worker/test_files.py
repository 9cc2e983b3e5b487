"""The workers' protocol over HTTP: logs and artifacts, kept whole, under names of our own, within their sizes."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import add_run
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.handlers.worker.reports import FILE, OK, TYPE, multipart, outputs, stored, told


def test_a_log_is_kept_and_a_later_one_replaces_it(site: Site, run_id: int) -> None:
    answers = [site.send(run_id, content, type="logupload") for content in (b"first and longer", b"second")]

    assert [told(answer) for answer in answers] == [OK] * 2
    assert stored(site) == [f"LogFiles/{run_id}.txt"]
    assert (site.files / "LogFiles" / f"{run_id}.txt").read_bytes() == b"second"


@pytest.mark.parametrize(("platform", "kind", "name"), [
    ("linux", "binary", "ccextractor"), ("windows", "binary", "ccextractorwinfull.exe"),
    ("linux", "combined_stdout", "combined_stdout.log"),
    ("windows", "coredump", "coredump")])
def test_an_artifact_is_kept_under_a_fixed_name(site: Site, platform: str, kind: str, name: str) -> None:
    run_id = add_run(platform=platform)

    answer = site.send(run_id, b"\x7fELF", type="artifactupload", artifact_type=kind)

    assert told(answer) == OK
    assert stored(site) == [f"test_artifacts/{run_id}/{name}"]


@pytest.mark.parametrize("fields", [
    {"type": "upload", "test_id": 1, "test_file_id": 1}, {"type": "logupload"},
    {"type": "artifactupload", "artifact_type": "binary"}])
def test_a_message_without_a_part_for_its_file_is_empty(site: Site, run_id: int, fields: dict[str, object]) -> None:
    parts = {name: (None, str(value)) for name, value in fields.items()}

    answers = [
        site.report(run_id, **fields), site.report(run_id, file="", **fields), site.client.post(site.worker_path(run_id), files=parts)]

    assert [told(answer) for answer in answers] == [(200, "EMPTY")] * 3
    assert (stored(site), outputs(site)) == ([], [])


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "/etc/passwd", "C:\\x.exe", "a\0b", "\u202e.txt", "", "x" * 1000])
def test_the_files_own_name_is_of_no_account(site: Site, run_id: int, name: str) -> None:
    answer = site.client.post(site.worker_path(run_id), data={"type": "logupload"}, files={"file": (name, b"log")})

    assert told(answer) == OK
    assert stored(site) == [f"LogFiles/{run_id}.txt"]


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_001])
def test_a_file_of_any_size_arrives_whole_in_whatever_pieces(site: Site, run_id: int, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    body = multipart(TYPE, FILE + content)
    pieces = iter([body[start:start + 65_521] for start in range(0, len(body), 65_521)])

    answer = site.client.post(site.worker_path(run_id), content=pieces,
        headers={"Content-Type": 'multipart/form-data; boundary="B"'})

    assert told(answer) == OK
    assert (site.files / "LogFiles" / f"{run_id}.txt").read_bytes() == content


def test_a_file_that_breaks_off_is_not_kept(site: Site, run_id: int) -> None:
    body = multipart(TYPE, FILE + b"x" * 3_000_000)

    answer = site.client.post(
        site.worker_path(run_id), content=body[:2_000_000], headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert answer.status_code == 400
    assert stored(site) == []


def test_a_file_that_is_too_large_is_refused_and_forgotten(make_site: MakeSite) -> None:
    site = make_site(max_upload=100_000)
    run_id = add_run()

    fits = site.send(run_id, b"x" * 100_000, type="logupload")
    announced = site.send(run_id, b"x" * 100_001, type="logupload")
    body = multipart(TYPE, FILE + b"x" * 5_000_000)
    pieces = iter([body[start:start + 50_000] for start in range(0, len(body), 50_000)])
    unannounced = site.client.post(site.worker_path(run_id), content=pieces,
        headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert (told(fits), announced.status_code, unannounced.status_code) == (OK, 413, 413)
    assert stored(site) == [f"LogFiles/{run_id}.txt"]
    assert len((site.files / "LogFiles" / f"{run_id}.txt").read_bytes()) == 100_000


def test_nothing_is_written_outside_of_the_store(site: Site, run_id: int, tmp_path: Path) -> None:
    before = sorted(site.files.parent.iterdir())

    site.send(run_id, b"x", type="artifactupload", artifact_type="binary")

    assert sorted(site.files.parent.iterdir()) == before
