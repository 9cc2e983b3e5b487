"""Checkouts of commits and of pull requests, from repositories that may be anybody's."""
from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from api.worker.cancellation import Cancelled
from api.worker.run_error import RunError
from tests.worker.inputs import REPOSITORY
from tests.worker.sources.desk import FILES, Desk, changed
from tests.worker.sources.origin import Origin


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


def test_a_repository_that_is_not_there_is_an_error_of_the_checkout(desk: Desk) -> None:
    desk.origins.mkdir()

    with pytest.raises(RunError, match=r"^\[checkout\] The repository could not be fetched"):
        desk.check_out("f" * 40)

    assert "git: fatal: " in desk.log


def test_an_empty_repository_has_no_commit(desk: Desk, origin: Origin) -> None:
    with pytest.raises(RunError, match=r"^\[checkout\] .* is in no branch"):
        desk.check_out("f" * 40)


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
