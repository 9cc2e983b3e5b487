"""Repositories that would execute, write where they must not, or take more than there is."""
from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from api.worker.run_error import RunError
from api.worker.sources.repository import is_branch
from tests.worker.sources.desk import FILES, Desk, changed
from tests.worker.sources.origin import Origin


@pytest.mark.parametrize("cgroup", ["ci-jobs", "no/such/group"])
def test_a_commit_that_git_cannot_hold_in_its_memory_is_an_error(desk: Desk, origin: Origin, cgroup: str) -> None:
    first = origin.commit("refs/heads/master", FILES)
    # It takes little room on the wire, and git reads commits whole.
    wordy = origin.git("commit-tree", "-p", first, f"{first}^{{tree}}", given=b"x" * (120 << 20))
    origin.git("update-ref", "refs/heads/wordy", wordy)
    origin.git("repack", "-adq")
    desk.options = replace(desk.options, memory=64 << 20, cgroup=cgroup)

    with pytest.raises(RunError, match="Git needed more than 67108864 bytes of memory"):
        desk.check_out(wordy, branch="wordy")

    # What is kept of the repository is of use to the next run.
    assert (desk.check_out(first) / "a.txt").read_text() == "one\ntwo\nthree\n"


def test_a_file_larger_than_gits_memory_is_no_error(desk: Desk, origin: Origin) -> None:
    tip = origin.commit("refs/heads/master", {"video.ts": bytes(120 << 20)})
    origin.git("repack", "-adq")
    desk.options = replace(desk.options, memory=64 << 20)

    assert (desk.check_out(tip) / "video.ts").stat().st_size == 120 << 20


def test_nothing_of_a_repository_is_executed_while_it_is_checked_out(desk: Desk, origin: Origin, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    attributes = "* filter=evil merge=evil diff=evil\n"
    settings = f'[filter "evil"]\n\tsmudge = touch {mark}\n\trequired = true\n'
    first = origin.commit("refs/heads/master", {**FILES, ".gitattributes": attributes})
    proposed = origin.commit("refs/pull/7/head", {
        **changed(a_txt="x\n"), ".gitattributes": attributes, ".gitconfig": settings,
        ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {mark}\n\tupdate = !touch {mark}\n'}, first)
    origin.commit("refs/heads/master", {**FILES, ".gitattributes": attributes, "z": "z"}, first)

    source = desk.check_out(proposed, pull_request=7)

    assert (source / "a.txt").read_text() == "x\n"
    assert not mark.exists()


def test_links_are_laid_out_as_links_and_nothing_is_written_through_them(desk: Desk, origin: Origin, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    through = origin.git("mktree", given=f"100644 blob {origin.blob('evil')}\tfile\n".encode())
    lines = f"120000 blob {origin.blob(str(outside))}\tdir\n040000 tree {through}\tdir\n"
    commit = origin.commit_tree("refs/heads/master", origin.git("mktree", given=lines.encode()))

    with suppress(RunError):
        desk.check_out(commit)

    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", [".git", ".GIT", "..", "git~1", ".g\u200cit"])
def test_names_that_lead_into_a_repository_or_out_of_the_folder_are_refused(desk: Desk, origin: Origin, name: str) -> None:
    inner = _raw_tree(origin, "100755", "hooks", origin.blob("#!/bin/sh\n"))
    commit = origin.commit_tree("refs/heads/master", _raw_tree(origin, "40000", name, inner))

    with pytest.raises(RunError, match=r"^\[checkout\] The commit's files could not be written\.$"):
        desk.check_out(commit)


def _raw_tree(origin: Origin, mode: str, name: str, entry: str) -> str:
    """A tree that git itself would not make."""
    content = f"{mode} {name}\0".encode() + bytes.fromhex(entry)
    return origin.git("hash-object", "-w", "--literally", "-t", "tree", "--stdin", given=content)


def test_submodules_are_not_fetched(desk: Desk, origin: Origin) -> None:
    lines = f"160000 commit {'1' * 40}\tmodule\n100644 blob {origin.blob('a')}\ta.txt\n"
    commit = origin.commit_tree("refs/heads/master", origin.git("mktree", "--missing", given=lines.encode()))

    source = desk.check_out(commit)

    assert list((source / "module").iterdir()) == []


def test_a_commit_whose_files_are_too_large_is_refused_before_they_are_written(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", {f"{number}.bin": bytes(1 << 20) for number in range(9)})
    desk.options = replace(desk.options, space=8 << 20)

    with pytest.raises(RunError, match=r"^\[checkout\] The commit has more than \d+ files or 8388608 bytes\.$"):
        desk.check_out(commit)


def test_a_tree_that_holds_itself_many_times_over_is_refused(desk: Desk, origin: Origin) -> None:
    tree = origin.git("mktree", given=f"100644 blob {origin.blob('x')}\tfile\n".encode())
    for _ in range(9):
        tree = origin.git("mktree", given="".join(f"040000 tree {tree}\tdir{number}\n" for number in range(10)).encode())
    commit = origin.commit_tree("refs/heads/master", tree)
    desk.options = replace(desk.options, files=1000)

    with pytest.raises(RunError, match=r"^\[checkout\] The commit has more than 1000 files"):
        desk.check_out(commit)


def test_a_repository_that_is_too_large_is_refused_and_not_kept(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", {"noise.bin": os.urandom(4 << 20)})
    desk.options = replace(desk.options, space=1 << 20)

    with pytest.raises(RunError, match=r"^\[checkout\] "):
        desk.check_out(commit)

    assert list(desk.mirrors.glob("*.git")) == []


def test_a_server_that_speaks_another_protocol_than_the_configured_one_is_not_asked(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    desk.options = replace(desk.options, base=f"ext::sh -c 'touch {desk.origins}/mark' #")

    with pytest.raises(RunError, match=r"^\[checkout\] "):
        desk.check_out(commit)

    assert not (desk.origins / "mark").exists()


def test_git_that_takes_too_long_is_an_error_of_the_checkout(
    desk: Desk, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    desk.options = replace(desk.options, seconds=1)

    with pytest.raises(RunError, match=r"^\[checkout\] Git took more than 1 seconds\.$"):
        desk.check_out(commit)


@pytest.mark.parametrize(("name", "good"), [
    ("master", True), ("feature/x", True), ("naïve", True), ("a" * 250, True), ("a" * 251, False), ("", False), (None, False),
    ("-x", False),
    ("a b", False), ("a..b", False), ("a:b", False), ("a*", False), ("@{-1}", False), ("/a", False), ("a/", False), ("a.lock", False),
    ("a\nb", False), ("a\\b", False), ("a//b", False),
])
def test_only_what_can_be_a_branchs_name_is_asked_for(name: str | None, good: bool) -> None:
    assert is_branch(name) is good
