"""Files on their way into the store: whole or not at all, nothing left behind, never outside the root."""
from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.domain.errors import Unavailable
from api.domain.runs.worker_message import ArtifactKind
from api.storage.files import paths
from api.storage.files.incoming import FileStore

TEXTS = st.one_of(
    st.text(max_size=30), st.from_regex(r"(\.\./){0,3}[a-z/\\.\x00]{0,10}", fullmatch=True),
    st.sampled_from(["..", "../..", "/etc/passwd", ".srt/../../x", ".s\x00rt", ".srt\n", "C:\\x", "~", ".", ". ", "%2e%2e/"]))
DIGESTS = st.one_of(TEXTS, st.just("a" * 64), st.just("A" * 64), st.just("a" * 64 + "\n"), st.just("../" + "a" * 61))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    made = FileStore(tmp_path / "store")
    made.prepare()
    return made


def files_in(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_arrives_whole_under_its_name(store: FileStore) -> None:
    chunks = [b"caption ", b"", b"text\n" * 1000]

    with store.receive() as incoming:
        for chunk in chunks:
            incoming.write(chunk)
        before = files_in(store.root / "LogFiles")
        incoming.place(store.root / "LogFiles" / "7.txt")

    whole = b"".join(chunks)
    assert before == {}
    assert (incoming.digest, incoming.size) == (sha256(whole).hexdigest(), len(whole))
    assert files_in(store.root) == {"LogFiles/7.txt": whole}


def test_a_file_takes_the_place_of_the_one_before_in_one_step(store: FileStore) -> None:
    target = store.root / "LogFiles" / "7.txt"
    target.write_bytes(b"old")
    with target.open("rb") as reader, store.receive() as incoming:
        incoming.write(b"new")
        during = target.read_bytes()
        incoming.place(target)

        assert (during, reader.read(), target.read_bytes()) == (b"old", b"old", b"new")


def test_a_file_that_may_not_replace_leaves_what_is_there(store: FileStore) -> None:
    target = store.root / "TestResults" / "x"
    for content in (b"first", b"second"):
        with store.receive() as incoming:
            incoming.write(content)
            incoming.place(target, replace=False)

    assert files_in(store.root) == {"TestResults/x": b"first"}


def test_placing_again_changes_nothing(store: FileStore) -> None:
    with store.receive() as incoming:
        incoming.write(b"once")
        incoming.place(store.root / "LogFiles" / "1.txt")
        incoming.place(store.root / "LogFiles" / "2.txt")

    assert files_in(store.root) == {"LogFiles/1.txt": b"once"}


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_nothing_is_left_of_a_file_that_did_not_get_there(store: FileStore, fault: type[BaseException]) -> None:
    def fail() -> None:
        with store.receive() as incoming:
            incoming.write(b"half")
            raise fault

    with pytest.raises(fault):
        fail()

    assert files_in(store.root) == {}


def test_nothing_is_left_of_a_file_whose_place_cannot_be_made(store: FileStore) -> None:
    (store.root / "LogFiles" / "7").write_bytes(b"a file where a folder should be")

    def fail() -> None:
        with store.receive() as incoming:
            incoming.write(b"half")
            incoming.place(store.root / "LogFiles" / "7" / "8.txt")

    with pytest.raises(Unavailable):
        fail()

    assert files_in(store.root / "TempFiles") == {}


def test_files_that_arrive_together_do_not_meet(store: FileStore) -> None:
    incoming = [store.open_incoming() for _ in range(20)]
    for number, each in enumerate(incoming):
        each.write(str(number).encode())
    for number, each in enumerate(incoming[:10]):
        each.place(store.root / "LogFiles" / f"{number}.txt")

    for each in incoming:
        each.discard()

    assert files_in(store.root) == {f"LogFiles/{number}.txt": str(number).encode() for number in range(10)}


def test_discarding_twice_is_no_fault(store: FileStore) -> None:
    incoming = store.open_incoming()

    incoming.discard()
    incoming.discard()

    assert files_in(store.root) == {}


@settings(max_examples=500)
@given(digest=DIGESTS, extension=TEXTS)
@example(digest="a" * 64, extension=".srt/../../../etc/passwd")
@example(digest="a" * 64, extension="srt")
def test_a_name_made_from_anything_stays_below_its_folder(digest: str, extension: str) -> None:
    made = [paths.result_name(digest, extension), paths.sample_name(digest, extension), paths.media_info_name(digest)]

    for name, folder in zip(made, ("TestResults", "TestFiles", "TestFiles/media"), strict=True):
        if name is None:
            continue
        path = Path(os.path.normpath(Path("/root") / name))
        assert path.parent == Path("/root") / folder
        assert paths.is_name(name)
        assert name.isascii()
        assert name.isprintable()


@given(digest=TEXTS)
def test_only_a_hash_becomes_a_name(digest: str) -> None:
    assert paths.result_name(digest, ".srt") is None


@given(run_id=st.integers(1, 2**31 - 1), kind=st.sampled_from(ArtifactKind), platform=TEXTS)
def test_a_runs_files_lie_in_its_own_folder_whatever_the_platform_is_called(run_id: int, kind: ArtifactKind, platform: str) -> None:
    name = paths.artifact_name(run_id, kind, platform)

    assert Path(name).parent == Path("test_artifacts") / str(run_id)
    assert paths.is_name(name)


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_logs_of_different_runs_and_tests_have_different_names(run_id: int, regression_id: int) -> None:
    assert len({
        paths.log_name(run_id), paths.test_log_name(run_id, regression_id), paths.test_log_name(run_id, regression_id + 1),
        paths.log_name(run_id + 1)}) == 4


def test_a_store_that_can_be_written_to_says_so(store: FileStore) -> None:
    writable = store.is_writable()
    (store.root / "TempFiles").rmdir()
    (store.root / "TempFiles").write_bytes(b"a file where the folder should be")

    assert writable
    assert not store.is_writable()
