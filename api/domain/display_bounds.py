"""Cuts and replaces stored values that do not fit the contract's bounds, one rule per kind of field."""
from __future__ import annotations

import re
from functools import lru_cache

from api.domain.runs.run import Run

SHA1 = re.compile(r"[0-9a-fA-F]{40}\Z")
HEX = re.compile(r"[0-9a-fA-F]{1,39}\Z")
REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+\Z")
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63})+\Z")
UNKNOWN_REPOSITORY = "unknown/unknown"
# Lists show the same repositories and commits over and over.
REMEMBERED = 4096
GITHUB = re.compile(r"(?i)^(?:https?://|git@|ssh://git@)?(?:www\.)?github\.com[/:]")


def cut(text: str, length: int) -> str:
    """The beginning of a text; where something was left out, its last character is an ellipsis."""
    return text if len(text) <= length else text[:length - 1] + "…"


def cut_optional(text: str | None, length: int) -> str | None:
    """`cut` for a text that may be absent."""
    return None if text is None else cut(text, length)


@lru_cache(REMEMBERED)
def repository_of(github_url: str) -> str:
    """`owner/name` of a clone URL, as stored in `fork.github`."""
    path = GITHUB.sub("", github_url.strip()).strip("/")
    return path.removesuffix(".git")


@lru_cache(REMEMBERED)
def shown_repository(repository: str) -> str:
    """A repository's name as the contract allows it; a stand-in for a URL that is none of GitHub's."""
    return repository if len(repository) <= 100 and REPOSITORY.match(repository) else UNKNOWN_REPOSITORY


@lru_cache(REMEMBERED)
def shown_commit(commit: str) -> str:
    """A commit as 40 hexadecimal digits: a short one is padded with zeros, what is no hash at all becomes zeros.

    Nothing is lost: `commit_short` carries the beginning of what is stored.
    """
    if SHA1.match(commit):
        return commit
    return commit.ljust(40, "0") if HEX.match(commit) else "0" * 40


def commit_is_exact(commit: str) -> bool:
    """Whether the stored commit is a full hash, so that `shown_commit` changes nothing."""
    return SHA1.match(commit) is not None


@lru_cache(REMEMBERED)
def short_commit(commit: str) -> str:
    """The beginning of a commit as stored, for people."""
    return commit[:7] if SHA1.match(commit) else commit[:10]


def shown_email(email: str | None, user_id: int) -> str:
    """An account's e-mail; a stand-in that can belong to nobody where it has none, or what is stored is none."""
    return email if email and len(email) <= 255 and EMAIL.match(email) else f"user-{user_id}@users.invalid"


def run_errors(run: Run) -> str:
    """Whether the run has infrastructure errors: `yes` as soon as there is one, `unknown` while it is not over, else `no`."""
    if run.infrastructure_error_count:
        return "yes"
    return "no" if run.status.is_finished else "unknown"
