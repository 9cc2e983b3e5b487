"""Checkouts of commits and of pull requests, from repositories that may be anybody's."""
from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.worker.build_log import BuildLog
from api.worker.cancellation import Cancellation, Cancelled
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun
from api.worker.sources.checkout import Checkout
from api.worker.sources.git import GitOptions
from api.worker.sources.repository import is_branch
from api.worker.sources.source import FetchRequest
from tests.worker.conftest import REPOSITORY, TOKEN
from tests.worker.sources.origin import Origin

FORK = "ada/ccextractor"
FILES: dict[str, str | bytes] = {"a.txt": "one\ntwo\nthree\n", "sub/b.txt": "b\n"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """Checks out as a worker does, run after run on the same host."""

    def __init__(self, folder: Path) -> None:
        self.origins, self.mirrors = folder / "origins", folder / "mirrors"
        self.options = GitOptions(f"file://{self.origins}", self.mirrors, seconds=120)
        self.told: list[str] = []
        self.stopped = threading.Event()
        self._folder, self._count = folder, 0

    def check_out(
        self, commit: str, repository: str = REPOSITORY, *, branch: str | None = "master", pull_request: int | None = None, base: str = "",
    ) -> Path:
        """The folder with the commit's files."""
        self._count += 1
        folder = self._folder / f"run-{self._count}"
        source = folder / "source"
        source.mkdir(parents=True)
        claimed = ClaimedRun(self._count, TOKEN, "lease", "linux", repository, commit, branch, pull_request)
        with BuildLog(folder / "build.log", lambda: NOW) as build_log:
            request = FetchRequest(claimed, folder, build_log, Cancellation(self.stopped), self.told.append)
            Checkout(self.options, REPOSITORY, base).check_out(request, source)
        assert not (folder / "git").exists()
        return source

    @property
    def log(self) -> str:
        """The log of the last run."""
        return (self._folder / f"run-{self._count}" / "build.log").read_text()

    def is_shallow(self) -> bool:
        """Whether the only repository that is kept has no history."""
        place, = self.mirrors.glob("*.git")
        return (place / "shallow").exists()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def origin(desk: Desk) -> Origin:
    return Origin.make(desk.origins, REPOSITORY)


def changed(**files: str) -> dict[str, str | bytes]:
    """The files, some of them changed; dots stand as underscores in the names given."""
    return {**FILES, **{name.replace("_", "."): content for name, content in files.items()}}


@pytest.mark.parametrize("cgroup", ["ci-jobs", "no/such/group"])
def test_a_commit_that_git_cannot_hold_in_its_memory_is_an_obstacle(desk: Desk, origin: Origin, cgroup: str) -> None:
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


def test_a_file_larger_than_gits_memory_is_no_obstacle(desk: Desk, origin: Origin) -> None:
    tip = origin.commit("refs/heads/master", {"video.ts": bytes(120 << 20)})
    origin.git("repack", "-adq")
    desk.options = replace(desk.options, memory=64 << 20)

    assert (desk.check_out(tip) / "video.ts").stat().st_size == 120 << 20


def test_a_branchs_newest_commit_comes_without_its_history(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    tip = origin.commit("refs/heads/master", changed(a_txt="new\n"), first)

    source = desk.check_out(tip)

    assert (source / "a.txt").read_text() == "new\n"
    assert (source / "sub" / "b.txt").read_text() == "b\n"
    assert stat.S_IMODE((source / "a.txt").stat().st_mode) == 0o755
    assert desk.is_shallow()


def test_an_older_commit_is_found_in_the_history(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    tip = origin.commit("refs/heads/master", changed(a_txt="new\n"), first)
    desk.check_out(tip)

    source = desk.check_out(first)

    assert (source / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert not desk.is_shallow()


def test_a_commit_is_found_on_another_branch_than_the_run_names(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    other = origin.commit("refs/heads/feature/x", changed(a_txt="other\n"), first)

    assert (desk.check_out(other) / "a.txt").read_text() == "other\n"
    assert (desk.check_out(other, branch="--upload-pack=touch /tmp/x") / "a.txt").read_text() == "other\n"
    assert (desk.check_out(other, branch=None) / "a.txt").read_text() == "other\n"


def test_a_short_hash_is_enough_where_it_means_one_commit(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", FILES)

    assert (desk.check_out(commit[:8]) / "a.txt").exists()


def test_what_is_kept_serves_the_next_run_and_what_is_new_is_fetched(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    second = origin.commit("refs/heads/master", changed(a_txt="second\n"), first)
    desk.check_out(first)
    third = origin.commit("refs/heads/master", changed(a_txt="third\n"), second)

    assert (desk.check_out(third) / "a.txt").read_text() == "third\n"
    assert (desk.check_out(second) / "a.txt").read_text() == "second\n"
    assert len(list(desk.mirrors.glob("*.git"))) == 1


def test_what_a_killed_git_has_left_is_no_hindrance(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    desk.check_out(first)
    place, = desk.mirrors.glob("*.git")
    for left in ("shallow.lock", "packed-refs.lock", "refs/ci/tip.lock", "config.lock"):
        (place / left).touch()
    second = origin.commit("refs/heads/master", changed(a_txt="second\n"), first)

    assert (desk.check_out(second) / "a.txt").read_text() == "second\n"


def test_a_repository_whose_configuration_is_damaged_is_fetched_anew(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    desk.check_out(commit)
    place, = desk.mirrors.glob("*.git")
    (place / "config").write_text("[core\n")

    assert (desk.check_out(commit) / "a.txt").exists()


def test_one_whose_objects_are_damaged_is_fetched_anew_by_the_run_after_the_one_that_noticed(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    desk.check_out(commit)
    place, = desk.mirrors.glob("*.git")
    for path in (place / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"damaged")

    with pytest.raises(RunError, match=r"^\[checkout\] "):
        desk.check_out(commit)

    assert (desk.check_out(commit) / "a.txt").exists()


def test_a_commit_that_is_in_no_branch_is_refused_though_the_server_would_hand_it_out(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    strangers = origin.commit("refs/pull/7/head", changed(a_txt="stranger\n"), first)

    with pytest.raises(RunError, match=rf"^\[checkout\] The commit {strangers[:12]} is in no branch of {REPOSITORY}"):
        desk.check_out(strangers)
    with pytest.raises(RunError, match=r"^\[checkout\] .* is in no branch"):
        desk.check_out("f" * 40)


def test_a_repository_that_is_not_there_is_an_obstacle_of_the_checkout(desk: Desk) -> None:
    desk.origins.mkdir()

    with pytest.raises(RunError, match=r"^\[checkout\] The repository could not be fetched"):
        desk.check_out("f" * 40)

    assert "git: fatal: " in desk.log


def test_an_empty_repository_has_no_commit(desk: Desk, origin: Origin) -> None:
    with pytest.raises(RunError, match=r"^\[checkout\] .* is in no branch"):
        desk.check_out("f" * 40)


def test_a_pull_request_is_merged_into_the_default_branch(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    proposed = origin.commit("refs/pull/7/head", changed(a_txt="one\ntwo\nTHREE\n"), first)
    origin.commit("refs/heads/master", changed(a_txt="ONE\ntwo\nthree\n", c_txt="c\n"), first)

    source = desk.check_out(proposed, pull_request=7)

    assert (source / "a.txt").read_text() in ("ONE\ntwo\nTHREE\n",) and (source / "c.txt").read_text() == "c\n"
    assert desk.told == [
        f"Checking out {REPOSITORY} at {proposed[:12]}.", f"Merging it into the default branch of {REPOSITORY}."]


def test_a_pull_request_is_merged_into_the_branch_that_is_configured(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    origin.commit("refs/heads/release/1.0", {**FILES, "release.txt": "1.0\n"}, first)
    proposed = origin.commit("refs/pull/7/head", changed(c_txt="c\n"), first)

    source = desk.check_out(proposed, pull_request=7, base="release/1.0")

    assert sorted(path.name for path in source.iterdir()) == ["a.txt", "c.txt", "release.txt", "sub"]


def test_an_earlier_commit_of_a_pull_request_is_merged_as_it_was(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    earlier = origin.commit("refs/pull/7/head", changed(c_txt="earlier\n"), first)
    origin.commit("refs/pull/7/head", changed(c_txt="later\n"), earlier)

    assert (desk.check_out(earlier, pull_request=7) / "c.txt").read_text() == "earlier\n"


def test_a_forks_commit_is_merged_into_the_main_repositorys_branch(desk: Desk, origin: Origin) -> None:
    origin.commit("refs/heads/master", FILES)
    fork = Origin.make(desk.origins, FORK)
    fork.git("fetch", "--quiet", str(origin.path), "refs/heads/master:refs/heads/master")
    first = fork.git("rev-parse", "master")
    proposed = fork.commit("refs/heads/topic", changed(c_txt="c\n"), first)
    origin.commit("refs/heads/master", changed(d_txt="d\n"), first)

    source = desk.check_out(proposed, FORK, branch="topic", pull_request=9)

    assert {"c.txt", "d.txt"} <= {path.name for path in source.iterdir()}


def test_a_conflict_is_an_obstacle_of_the_merge_and_the_log_names_the_files(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    proposed = origin.commit("refs/pull/7/head", changed(a_txt="mine\n"), first)
    origin.commit("refs/heads/master", changed(a_txt="theirs\n"), first)

    with pytest.raises(RunError, match=r"^\[merge\] The commit does not merge into its base branch: conflicts in 1 files\.$"):
        desk.check_out(proposed, pull_request=7)

    assert "[ERROR] [worker] Merge conflict in a.txt\n" in desk.log


def test_histories_that_have_nothing_in_common_do_not_merge(desk: Desk, origin: Origin) -> None:
    origin.commit("refs/heads/master", FILES)
    proposed = origin.commit("refs/pull/7/head", {"a.txt": "mine\n"})

    with pytest.raises(RunError, match=r"^\[merge\] The commit could not be merged"):
        desk.check_out(proposed, pull_request=7)


def test_a_base_branch_that_is_not_there_is_an_obstacle_of_the_merge(desk: Desk, origin: Origin) -> None:
    proposed = origin.commit("refs/pull/7/head", FILES, origin.commit("refs/heads/master", FILES))

    with pytest.raises(RunError, match=r"^\[merge\] The main repository has no branch gone\.$"):
        desk.check_out(proposed, pull_request=7, base="gone")


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


def test_git_that_takes_too_long_is_an_obstacle_of_the_checkout(
    desk: Desk, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    desk.options = replace(desk.options, seconds=1)

    with pytest.raises(RunError, match=r"^\[checkout\] Git took more than 1 seconds\.$"):
        desk.check_out(commit)


def test_a_stop_ends_a_checkout(desk: Desk, origin: Origin) -> None:
    commit = origin.commit("refs/heads/master", FILES)
    desk.stopped.set()

    with pytest.raises(Cancelled):
        desk.check_out(commit)


def test_two_runs_of_a_repository_wait_for_one_another(desk: Desk, origin: Origin, tmp_path: Path) -> None:
    commits = [origin.commit(f"refs/heads/b{number}", changed(a_txt=f"{number}\n")) for number in range(4)]
    desks = [Desk(tmp_path / f"desk-{number}") for number in range(4)]
    sources: list[str] = []

    def work(each: Desk, number: int) -> None:
        each.options = desk.options
        sources.append((each.check_out(commits[number], branch=f"b{number}") / "a.txt").read_text())

    threads = [threading.Thread(target=work, args=(each, number)) for number, each in enumerate(desks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert sorted(sources) == [f"{number}\n" for number in range(4)]


@pytest.mark.parametrize(("name", "good"), [
    ("master", True), ("feature/x", True), ("naïve", True), ("a" * 250, True), ("a" * 251, False), ("", False), (None, False),
    ("-x", False),
    ("a b", False), ("a..b", False), ("a:b", False), ("a*", False), ("@{-1}", False), ("/a", False), ("a/", False), ("a.lock", False),
    ("a\nb", False), ("a\\b", False), ("a//b", False),
])
def test_only_what_can_be_a_branchs_name_is_asked_for(name: str | None, good: bool) -> None:
    assert is_branch(name) is good


