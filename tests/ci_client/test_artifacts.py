"""Fetching what a job left."""
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from ci_client.artifacts import safe_place
from ci_client.client import CiError, Unreachable, download_artifacts
from tests.ci_client.stand_in import JOB_ID, Asked, Respond, answer, raw_answer, stand_in


def left(files: Mapping[str, bytes], *, sent: bytes | None = None) -> Respond:
    """A job that left these files; their content is another one where `sent` says so."""
    listed = [{"name": name, "kind": "file", "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
              for name, content in files.items()]

    def respond(asked: Asked) -> Iterable[bytes]:
        name = asked.path.removeprefix(f"/jobs/{JOB_ID}/artifacts").removeprefix("/")
        if not name:
            return answer(200, {"job_id": JOB_ID, "artifacts": listed, "junit": None, "left_out": 0})
        return raw_answer(200, files[name] if sent is None else sent, "application/octet-stream")

    return respond


def test_all_files_are_fetched_into_the_folder(tmp_path: Path) -> None:
    with stand_in(left({"report.xml": b"<testsuite/>", "out/größe 1?.bin": b"\x00\xff"})) as server:
        places = download_artifacts(JOB_ID, tmp_path / "new", server.url)

    assert places == [tmp_path / "new/report.xml", tmp_path / "new/out/größe 1?.bin"]
    assert [place.read_bytes() for place in places] == [b"<testsuite/>", b"\x00\xff"]


def test_a_job_may_leave_nothing(tmp_path: Path) -> None:
    with stand_in(left({})) as server:
        assert download_artifacts(JOB_ID, tmp_path / "new", server.url) == []


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a//b", "", ".", "a/", "..", "C:x", "a\\b", "a\nb", "a\x1b[2J"])
def test_a_name_that_leads_elsewhere_fetches_nothing(tmp_path: Path, name: str) -> None:
    with stand_in(left({"good.txt": b"good", name: b"bad"})) as server:
        with pytest.raises(CiError, match="leads elsewhere"):
            download_artifacts(JOB_ID, tmp_path / "new", server.url)

    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_folder_does_not_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/out").symlink_to(tmp_path)

    with pytest.raises(CiError, match="through a link"):
        safe_place(tmp_path / "new", "out/x")


def test_a_link_with_the_files_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "new").mkdir()
    (tmp_path / "new/x").symlink_to(tmp_path / "mine")
    with stand_in(left({"x": b"theirs"})) as server:
        download_artifacts(JOB_ID, tmp_path / "new", server.url)

    assert ((tmp_path / "mine").read_bytes(), (tmp_path / "new/x").read_bytes()) == (b"mine", b"theirs")


def test_a_file_that_is_not_what_it_should_be_is_not_kept(tmp_path: Path) -> None:
    with stand_in(left({"x": b"right"}, sent=b"wrong")) as server:
        with pytest.raises(CiError, match="did not arrive"):
            download_artifacts(JOB_ID, tmp_path, server.url)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_breaks_off_is_not_kept(tmp_path: Path) -> None:
    whole = left({"x": b"right"})

    def respond(asked: Asked) -> Iterable[bytes]:
        pieces = list(whole(asked))
        return [pieces[0][:-2]] if asked.path.endswith("/x") else pieces

    with stand_in(respond) as server:
        with pytest.raises(Unreachable, match="try again"):
            download_artifacts(JOB_ID, tmp_path, server.url)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"")
    with stand_in(left({"x": b"right"})) as server:
        with pytest.raises(CiError, match="cannot be written"):
            download_artifacts(JOB_ID, tmp_path / "new", server.url)
