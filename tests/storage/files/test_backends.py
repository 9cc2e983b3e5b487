"""The stores of files: one suite over the disk and the bucket, and the addresses of either."""
from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.files.signed_url import FileKind, SignedUrl, read_signed_url
from api.domain.runs.worker_message import ArtifactKind
from api.storage.files import paths
from api.storage.files.backends import Backend, LocalBackend
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import CONTENT, KEY, LOG, NAME, SITE, SOON, bucket_at, every_store, link, now, put
from tests.storage.files.signed_addresses import fault_of


@every_store
def test_what_was_put_is_there_whole_and_with_its_size(store: Backend, tmp_path: Path) -> None:
    put(store, NAME, CONTENT, tmp_path)

    found = store.stat(NAME)

    assert found is not None and found.size == len(CONTENT)
    assert store.read(NAME, 0, 1 << 20) == CONTENT


@every_store
def test_any_bytes_come_back_as_they_went_in(store: Backend, tmp_path: Path) -> None:
    @settings(max_examples=25, deadline=None, database=None)
    @given(st.binary(max_size=200) | st.sampled_from([b"\n", b"\r\n", b"--\r\n", b"a\n", b"\x00"]))
    def check(content: bytes) -> None:
        put(store, NAME, content, tmp_path)
        assert store.read(NAME, 0, len(content) + 1) == content

    check()


@every_store
def test_a_file_larger_than_a_piece_arrives_whole(store: Backend, tmp_path: Path) -> None:
    content = os.urandom(9 << 20)

    put(store, NAME, content, tmp_path)

    assert store.read(NAME, 0, len(content)) == content


@every_store
@pytest.mark.parametrize(("start", "length"), [(0, 1), (3, 4), (len(CONTENT) - 1, 10), (len(CONTENT), 5), (len(CONTENT) + 9, 5), (0, 0)])
def test_a_part_is_what_a_slice_would_be(store: Backend, tmp_path: Path, start: int, length: int) -> None:
    put(store, NAME, CONTENT, tmp_path)

    assert store.read(NAME, start, length) == CONTENT[start:start + length]


@every_store
def test_what_is_not_there_is_nothing_to_look_at_and_an_error_to_read(store: Backend) -> None:
    assert store.stat(NAME) is None
    with pytest.raises(FileNotFoundError):
        store.read(NAME, 0, 1)


@every_store
def test_a_survey_tells_of_every_name(store: Backend, tmp_path: Path) -> None:
    put(store, NAME, CONTENT, tmp_path)

    found = store.stat_many([NAME, LOG])

    assert found == {NAME: store.stat(NAME), LOG: None}


@every_store
def test_a_copy_stays_whatever_becomes_of_the_file(store: Backend, tmp_path: Path) -> None:
    put(store, "Jobs/one/project.zip", CONTENT, tmp_path)

    store.copy("Jobs/one/project.zip", "Jobs/two/project.zip")
    store.delete("Jobs/one/project.zip")

    assert (store.stat("Jobs/one/project.zip"), store.read("Jobs/two/project.zip", 0, 100)) == (None, CONTENT)
    with pytest.raises(FileNotFoundError):
        store.copy("Jobs/one/project.zip", "Jobs/three/project.zip")
    assert [*store.folders("Jobs/")].count("three") == 0


@every_store
@pytest.mark.parametrize("count", [1, 2, 32, 33, 100])
def test_files_are_composed_in_their_order_over_whatever_is_there(store: Backend, tmp_path: Path, count: int) -> None:
    names = [f"Jobs/one/{number}" for number in range(count)]
    for name in (*names, LOG):
        put(store, name, f"{name}\n".encode(), tmp_path)

    store.compose(names, LOG)

    assert store.read(LOG, 0, 1 << 20) == "".join(f"{name}\n" for name in names).encode()
    assert store.read(names[-1], 0, 100) == f"{names[-1]}\n".encode()
    assert [*store.list("TempFiles/")] == []


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (32, 1), (33, 2), (63, 2), (64, 3)])
def test_a_bucket_is_asked_to_compose_no_more_than_it_takes_at_once(
    emulator: Emulator, tmp_path: Path, count: int, requests: int,
) -> None:
    store, names = bucket_at(emulator.endpoint, emulator), [f"Jobs/one/{number}" for number in range(count)]
    for name in names:
        put(store, name, CONTENT, tmp_path)
    before = len(emulator.requests)

    store.compose(names, LOG)

    assert len([each for each in emulator.requests[before:] if "/compose" in each]) == requests


@every_store
def test_files_of_which_one_is_not_there_are_not_composed(store: Backend, tmp_path: Path) -> None:
    put(store, LOG, CONTENT, tmp_path)

    with pytest.raises(FileNotFoundError):
        store.compose([LOG, "Jobs/one/none"], LOG)

    assert store.read(LOG, 0, 100) == CONTENT


@every_store
def test_a_folder_is_told_by_its_name_and_removed_with_all_that_is_in_it(store: Backend, tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    for name in ("Jobs/one/project.zip", "Jobs/one/1-1/log/0-7", "Jobs/other/project.zip"):
        put(store, name, CONTENT, tmp_path)
    before, changed = sorted(store.folders("Jobs/")), store.changed_at("Jobs/one/")

    store.delete_all("Jobs/one/")
    store.delete_all("Jobs/none/")

    assert before == ["one", "other"] and changed is not None and changed >= began
    assert ([*store.folders("Jobs/")], [*store.list("Jobs/")]) == (["other"], ["Jobs/other/project.zip"])
    assert ([*store.folders("None/")], store.changed_at("None/")) == ([], None)


@every_store
def test_a_file_put_anew_has_another_version_and_cannot_be_read_as_the_old_one(store: Backend, tmp_path: Path) -> None:
    put(store, LOG, b"old", tmp_path)
    old = store.stat(LOG)
    put(store, LOG, b"new", tmp_path)
    new = store.stat(LOG)

    assert old is not None and new is not None
    assert old.version != new.version and old.identity != new.identity
    assert store.read(LOG, 0, 3, new.identity) == b"new"
    with pytest.raises(FileNotFoundError):
        store.read(LOG, 0, 3, old.identity)


@every_store
def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(store: Backend, tmp_path: Path) -> None:
    put(store, NAME, CONTENT, tmp_path)

    store.delete(NAME)
    store.delete(NAME)

    assert store.stat(NAME) is None


@every_store
def test_a_listing_has_the_files_of_its_folder_alone(store: Backend, tmp_path: Path) -> None:
    for name in (LOG, paths.test_log_name(7, 3), NAME):
        put(store, name, CONTENT, tmp_path)

    assert sorted(store.list("LogFiles/")) == ["LogFiles/7.txt", "LogFiles/7/3.txt"]


HOSTILE = [
    "", "/", "..", "../secret", "TestFiles/../../secret", "/etc/passwd", "TestFiles//x", "TestFiles/./x", "TestFiles/..", "x",
    "TestFiles/x\x00", "TestFiles/x\n", "TestFiles\\..\\x", "TestFiles/.hidden", ".ci-signing-key", "TestFiles/ä", "a/b/c/d/e/f",
    "TestFiles/" + "x" * 300]


@every_store
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_name_is_refused_by_every_method(store: Backend, tmp_path: Path, name: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: store.stat(name), lambda: store.read(name, 0, 1), lambda: store.delete(name), lambda: put(store, name, b"", tmp_path),
        lambda: store.sign(name, filename="f", content_type="text/plain", expires_at=now() + SOON)]

    for each in asked:
        with pytest.raises(ValueError, match="not the name of a"):
            each()


SECRET = [
    "Jobs/6832c960-b9e2-45d9-a9a7-58ee942b049f/project.zip", "Jobs/6832c960-b9e2-45d9-a9a7-58ee942b049f/1-1/log", "TempFiles/upload-1",
    "vm_data/linux-1/ci-tests/TestAll.xml", "LogFiles/project.zip", "TestResults/ci.db", "TestResults/.ci-signing-key", "TestFiles/extra/x",
    "test_artifacts/1/ci.db", "test_artifacts/LogFiles/1.txt", "LogFiles/1.txt.bak"]


@every_store
@pytest.mark.parametrize("name", SECRET)
def test_no_address_is_given_for_a_file_of_no_kind(store: Backend, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a file that has an address"):
        store.sign(name, filename="f", content_type="text/plain", expires_at=now() + SOON)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40) | st.text("./\\a\x00\n", max_size=20))
def test_no_text_leads_out_of_the_root(tmp_path: Path, text: str) -> None:
    store = LocalBackend(tmp_path, link)

    for name in (text, f"TestFiles/{text}", f"{text}/x"):
        try:
            path = store.path(name)
        except ValueError:
            continue
        assert Path(os.path.normpath(path)).is_relative_to(tmp_path) and path != tmp_path


@given(st.text(max_size=80), st.text(max_size=40))
def test_a_name_made_of_any_hash_and_extension_is_a_name_or_none(digest: str, extension: str) -> None:
    made = [
        paths.result_name(digest, extension), paths.sample_name(digest, extension), paths.media_info_name(digest),
        paths.result_name("a" * 64, extension), paths.sample_name("a" * 64, extension)]

    assert all(name is None or paths.is_name(name) for name in made)
    assert all(name is not None for name in made[3:])


@pytest.mark.parametrize("kind", list(ArtifactKind))
def test_a_runs_own_files_have_names(kind: ArtifactKind) -> None:
    assert paths.is_name(paths.artifact_name(9, kind, "windows")) and paths.is_name(paths.test_log_name(9, 1))


def test_a_pipe_or_folder_under_a_files_name_is_no_file(local: LocalBackend) -> None:
    pipe, folder = local.path(NAME), local.path(LOG)
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    folder.mkdir(parents=True)

    assert local.stat_many([NAME, LOG]) == {NAME: None, LOG: None}
    with pytest.raises(FileNotFoundError):
        local.read(NAME, 0, 1)


def test_a_file_that_grew_is_still_the_same_one_in_another_version(local: LocalBackend, tmp_path: Path) -> None:
    put(local, LOG, b"first\n", tmp_path)
    before = local.stat(LOG)
    with local.path(LOG).open("ab") as file:
        file.write(b"second\n")

    after = local.stat(LOG)

    assert before is not None and after is not None
    assert (after.identity, after.size) == (before.identity, 13) and after.version != before.version
    assert local.read(LOG, 6, 100, before.identity) == b"second\n"


def test_nothing_is_left_behind_when_the_disk_is_full(local: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        put(local, LOG, CONTENT, tmp_path)

    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_an_address_of_the_disk_is_a_ticket_for_that_file_alone(local: LocalBackend) -> None:
    expires = now().replace(microsecond=0) + SOON

    url = local.sign(NAME, filename="a.srt", content_type="text/plain", expires_at=expires)

    assert read_signed_url(url.removeprefix(SITE), KEY, now()) == SignedUrl(FileKind.RESULT, NAME, "a.srt", "text/plain", expires)


def test_an_address_of_the_bucket_is_signed_and_works(emulator: Emulator, tmp_path: Path) -> None:
    store = bucket_at(emulator.endpoint, emulator)
    put(store, NAME, CONTENT, tmp_path)

    url = store.sign(NAME, filename="Ausgabe ä.srt", content_type="text/plain", expires_at=now() + SOON)
    answer = httpx.get(url)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"Ausgabe__.srt\"; filename*=UTF-8''Ausgabe%20%C3%A4.srt"


def test_an_address_of_the_bucket_works_for_no_other_file_and_not_for_ever(emulator: Emulator, tmp_path: Path) -> None:
    store = bucket_at(emulator.endpoint, emulator)
    for name in (NAME, LOG):
        put(store, name, CONTENT, tmp_path)
    url = store.sign(NAME, filename="a.srt", content_type="text/plain", expires_at=now() + SOON)
    host = f"127.0.0.1:{emulator.port}"

    assert fault_of(url, host, emulator.public_key, now() + SOON + timedelta(minutes=1)) == "Request has expired."
    assert httpx.get(url.replace(NAME, LOG)).status_code == 403
    assert httpx.get(url.replace("X-Goog-Expires=", "X-Goog-Expires=9")).status_code == 403


def test_without_a_key_to_sign_with_a_files_address_leads_through_this_server(emulator: Emulator) -> None:
    store = bucket_at(emulator.endpoint, emulator, signed=False)

    url = store.sign(NAME, filename="a.srt", content_type="text/plain", expires_at=now() + SOON)

    assert read_signed_url(url.removeprefix(SITE), KEY, now()).name == NAME
