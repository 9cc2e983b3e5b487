"""Retrying a run makes a new run; the old one stays as it is."""
from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from api.domain.display_bounds import shown_commit, shown_repository
from api.domain.errors import Unprocessable
from api.domain.results.result import JudgedTest, Verdict
from api.domain.runs.run import Run
from api.domain.runs.trigger import RunRequest

RETRIED = frozenset({Verdict.FAIL, Verdict.MISSING_OUTPUT, Verdict.SKIPPED})
NAMED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The tests of the new run, ascending, and those of the source that are no longer active."""

    regression_ids: tuple[int, ...]
    dropped_ids: tuple[int, ...]

    @property
    def message(self) -> str:
        """What the caller is told."""
        words = f"A new run of {len(self.regression_ids)} regression tests is queued."
        if self.dropped_ids:
            named = ", ".join(map(str, self.dropped_ids[:NAMED_AT_MOST]))
            more = len(self.dropped_ids) - NAMED_AT_MOST
            words += f" Left out, no longer active: {named}" + (f" and {more} more." if more > 0 else ".")
        return words


def unreadable_code(source: Run) -> list[str]:
    """The fields, of those that say what a run executes and where, that the platform's rows say nothing of that can be read."""
    readable = {
        "repository": shown_repository(source.repository) == source.repository,
        "commit_sha": source.commit != "" and shown_commit(source.commit).startswith(source.commit),
        "platform": "platform" not in source.altered}
    return [name for name, is_readable in readable.items() if not is_readable]


def request_like(source: Run) -> RunRequest:
    """What was asked for with a run, to be asked for again; its tests are chosen apart. Raises Unprocessable where nobody can tell."""
    if unreadable := unreadable_code(source):
        raise Unprocessable(
            "What this run executed cannot be read from the database.", {"altered_fields": unreadable}, remedy="Trigger a new run.")
    return RunRequest(
        repository=source.repository, commit_sha=source.commit, platform=source.platform, branch=source.branch,
        pull_request=source.pull_request, environment_id=source.environment_id, parent_sha=source.parent_sha,
        merge_base_sha=source.merge_base_sha, shards=source.shards)


def plan_retry(judged: Iterable[JudgedTest], active: Collection[int], *, failed_only: bool) -> RetryPlan:
    """Choose the tests of a retry: the source's set, or what failed or never reported in it. Raises Unprocessable for none."""
    wanted = [test.test.regression_id for test in judged if not failed_only or test.verdict in RETRIED]
    kept = tuple(sorted(set(wanted) & set(active)))
    dropped = tuple(sorted(set(wanted) - set(active)))
    if not kept:
        raise Unprocessable(
            "Nothing is left to retry.", {"inactive_ids": list(dropped[:500]), "failed_only": failed_only},
            remedy="Retry the whole run with failed_only=false, or trigger a new run.")
    return RetryPlan(kept, dropped)
