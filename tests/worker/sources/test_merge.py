"""Commits of pull requests are merged as a reviewer would see them."""
from __future__ import annotations

import pytest

from api.worker.run_error import RunError
from tests.worker.inputs import REPOSITORY
from tests.worker.sources.desk import FILES, FORK, Desk, changed
from tests.worker.sources.origin import Origin


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


def test_where_a_pull_request_left_its_base_branch_is_told(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    left = origin.commit("refs/heads/master", changed(d_txt="d\n"), first)
    proposed = origin.commit("refs/pull/7/head", changed(c_txt="c\n", d_txt="d\n"), left)
    origin.commit("refs/heads/master", changed(d_txt="d\n", e_txt="e\n"), left)

    desk.check_out(proposed, pull_request=7)

    assert desk.merge_base == left


def test_a_pull_request_that_was_merged_already_tells_nothing(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)
    proposed = origin.commit("refs/pull/7/head", changed(c_txt="c\n"), first)
    origin.commit("refs/heads/master", changed(c_txt="c\n"), first, proposed)

    desk.check_out(proposed, pull_request=7)

    assert desk.merge_base is None


def test_a_branchs_commit_has_no_merge_base(desk: Desk, origin: Origin) -> None:
    first = origin.commit("refs/heads/master", FILES)

    desk.check_out(origin.commit("refs/heads/master", changed(c_txt="c\n"), first))

    assert desk.merge_base is None


def test_a_conflict_is_an_error_of_the_merge_and_the_log_names_the_files(desk: Desk, origin: Origin) -> None:
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


def test_a_base_branch_that_is_not_there_is_an_error_of_the_merge(desk: Desk, origin: Origin) -> None:
    proposed = origin.commit("refs/pull/7/head", FILES, origin.commit("refs/heads/master", FILES))

    with pytest.raises(RunError, match=r"^\[merge\] The main repository has no branch gone\.$"):
        desk.check_out(proposed, pull_request=7, base="gone")
