"""How old rows are shown within the contract's bounds."""
from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.display_bounds import (
    commit_is_exact,
    cut,
    cut_optional,
    repository_of,
    run_errors,
    short_commit,
    shown_commit,
    shown_email,
    shown_repository,
)
from api.domain.runs.run import Platform, Run, RunStatus

START = datetime(2026, 1, 1, tzinfo=UTC)
commits = st.text(max_size=45) | st.text("0123456789abcdefABCDEF", max_size=45)


@given(st.text(max_size=30), st.integers(1, 30))
def test_a_text_is_cut_to_its_bound_and_shows_where(text: str, length: int) -> None:
    shown = cut(text, length)

    assert len(shown) <= length
    assert shown == text if len(text) <= length else shown == text[:length - 1] + "…"
    assert cut_optional(text, length) == shown
    assert cut_optional(None, length) is None


@pytest.mark.parametrize(("url", "repository"), [
    ("https://github.com/CCExtractor/ccextractor.git", "CCExtractor/ccextractor"), ("http://www.github.com/a/b/", "a/b"),
    ("git@github.com:a/b.git", "a/b"), ("ssh://git@github.com/a/b.git", "a/b"), ("GitHub.com/a/b", "a/b"), (" a/b ", "a/b"),
    ("https://gitlab.com/a/b.git", "https://gitlab.com/a/b"), ("https://evil.example/github.com/a/b", "https://evil.example/github.com/a/b")])
def test_a_repository_is_named_by_its_clone_url(url: str, repository: str) -> None:
    assert repository_of(url) == repository


@pytest.mark.parametrize(("repository", "shown"), [
    ("a/b", "a/b"), ("a-b_c.d/e", "a-b_c.d/e"), ("", "unknown/unknown"), ("a", "unknown/unknown"), ("a/b/c", "unknown/unknown"),
    ("a/b\n", "unknown/unknown"), ("<a>/b", "unknown/unknown"), ("a/" + "b" * 98, "a/" + "b" * 98), ("a/" + "b" * 99, "unknown/unknown")])
def test_a_repository_that_the_contract_cannot_show_has_a_stand_in(repository: str, shown: str) -> None:
    assert shown_repository(repository) == shown


@given(commits)
def test_a_commit_is_always_shown_as_40_digits(commit: str) -> None:
    shown = shown_commit(commit)

    assert re.fullmatch("[0-9a-fA-F]{40}", shown)
    assert (shown == commit) is commit_is_exact(commit)
    assert shown_commit(shown) == shown


@given(commits)
def test_what_people_see_of_a_commit_is_the_beginning_of_what_is_stored(commit: str) -> None:
    short = short_commit(commit)

    assert commit.startswith(short)
    assert len(short) == min(len(commit), 7 if commit_is_exact(commit) else 10)


@pytest.mark.parametrize(("commit", "shown"), [
    ("abc123", "abc123" + "0" * 34), ("", "0" * 40), ("not a hash", "0" * 40),
    ("a" * 41, "0" * 40)])
def test_a_short_commit_is_padded_and_what_is_none_becomes_zeros(commit: str, shown: str) -> None:
    assert shown_commit(commit) == shown


@pytest.mark.parametrize(("email", "shown"), [
    ("a.b+c@mail.example.org", "a.b+c@mail.example.org"), (None, "user-7@users.invalid"), ("", "user-7@users.invalid"),
    ("nobody", "user-7@users.invalid"), ("a@localhost", "user-7@users.invalid"), ("a@b.c\n", "user-7@users.invalid"),
    ("a b@c.d", "user-7@users.invalid"), ("a@-b.c", "user-7@users.invalid"), ("a@" + "b." * 130 + "c", "user-7@users.invalid")])
def test_an_account_always_has_an_address(email: str | None, shown: str) -> None:
    assert shown_email(email, 7) == shown


@pytest.mark.parametrize(("status", "count", "errors"), [
    (RunStatus.RUNNING, None, "unknown"), (RunStatus.RUNNING, 2, "yes"), (RunStatus.QUEUED, 0, "unknown"), (RunStatus.PASS, 0, "no"),
    (RunStatus.CANCELED, None, "no"), (RunStatus.ERROR, 1, "yes")])
def test_a_run_has_errors_as_soon_as_there_is_one_and_none_only_when_it_is_over(
    status: RunStatus, count: int | None, errors: str,
) -> None:
    run = Run(1, status, Platform.LINUX, "o/r", None, "c", None, START, None, infrastructure_error_count=count)

    assert run_errors(run) == errors
