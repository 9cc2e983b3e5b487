"""Causes of failures as JSON: clusters with their tests, steps, and where causes were seen."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.diffs.cues_json import fact_json
from api.domain.captions.words import words
from api.domain.causes.analysis import Analysed, Cause
from api.domain.causes.came import Facts
from api.domain.causes.first_bad import FirstBad
from api.domain.causes.run_analysis import AnalysisState
from api.domain.display_bounds import commit_is_exact, cut, cut_optional, shown_commit
from api.domain.results.failure import failures_of
from api.domain.results.origin import Origin
from api.domain.results.result import JudgedTest
from api.domain.results.review import View
from api.rendering.triage import Causes, next_call
from api.services.results.analyses import AnalysisStatus
from api.storage.results.occurrences import NOWHERE, Elsewhere, SeenRun, SeenStep, Sightings

Json = dict[str, Any]

FACT_LIMIT, CLUSTER_FACTS, COMMIT_LIMIT, TEST_LIMIT, TESTS_IN_SHORT, FIRST_BAD_LIMIT = 16, 6, 20, 20, 5, 10
TOLD_CAUSES, WORDS_LENGTH, SHORT_WORDS = 3, 500, 120


def analysis(found: AnalysisStatus) -> Json:
    """Whether the causes are known."""
    return {
        "state": found.state.value, "reason": None if found.reason is None else found.reason.value, "done": found.done, "of": found.of}


def causes_in_triage(
    found: AnalysisStatus, causes: Sequence[Cause], tests: Mapping[int, JudgedTest], views: Sequence[View],
) -> Causes:
    """The causes as triage shows them; `views` are what requests about each of them are bound to."""
    clusters = [cluster(each, tests, found.elsewhere, view) for each, view in zip(causes, views, strict=True)]
    short = [_in_short(each) for each in clusters]
    without_approve = [{name: value for name, value in each.items() if name != "approve"} for each in short]
    return Causes(analysis(found), verdict(found, causes), (clusters, short, without_approve))


def _in_short(full: Json) -> Json:
    """A cluster in 700 bytes at most, 115 of which are `approve`."""
    first_bad = full["first_bad"]
    short = {
        name: full[name] for name in
        ("class_id", "origin", "confidence", "test_count", "sample_count", "elsewhere", "representative", "approve")}
    return short | {
        "words": cut(full["words"], SHORT_WORDS), "regression_ids": full["regression_ids"][:TESTS_IN_SHORT],
        "first_bad": first_bad and {name: first_bad[name] for name in ("commit_sha", "run_id", "state")}}


def verdict(found: AnalysisStatus, causes: Sequence[Cause]) -> Json:
    """The causes in a sentence, and how many there are."""
    own = [each for each in causes if each.origin is Origin.MINE]
    return {"words": cut(_sentence(found, causes, own), WORDS_LENGTH), "cause_count": len(causes), "own_cause_count": len(own)}


def _sentence(found: AnalysisStatus, causes: Sequence[Cause], own: Sequence[Cause]) -> str:
    if found.state is AnalysisState.NOT_ANALYSABLE:
        return "Too little is known of this run to tell causes."
    if not found.of:
        return "Nothing fails."
    if found.state is AnalysisState.PENDING:
        return "The causes are still being found."
    if not own:
        open_ones = sum(each.origin is Origin.UNKNOWN for each in causes)
        return f"None of {_counted(len(causes))} is known to be this run's own{f'; {open_ones} may be' if open_ones else ''}."
    named = "; ".join(f"{words_of(each)} ({_tests(each)})" for each in own[:TOLD_CAUSES])
    return f"{len(own)} of {_counted(len(causes))} {'is' if len(own) == 1 else 'are'} this run's own: {named}."


def _counted(number: int) -> str:
    return f"{number} cause" + ("" if number == 1 else "s")


def _tests(cause: Cause) -> str:
    number = len(cause.cluster.regression_ids)
    return f"{number} test" + ("" if number == 1 else "s")


def words_of(cause: Cause) -> str:
    """What is different, by the two commonest facts."""
    return ", ".join(dict.fromkeys(words(fact) for fact in cause.cluster.facts[:2])) or "what is different is not known"


def cluster(cause: Cause, tests: Mapping[int, JudgedTest], seen: Mapping[str, Elsewhere], view: View) -> Json:
    """A cluster; `tests` are those of the run, by regression id, and `seen` has where else classes were.

    `view` is what a request is bound to that its outputs become baselines.
    """
    found = cause.cluster
    elsewhere = seen.get(found.class_id, NOWHERE)
    members = [tests[each] for each in found.regression_ids]
    first = members[0].test
    return {
        "class_id": found.class_id, "exact_id": found.exact_id, "words": cut(words_of(cause), WORDS_LENGTH), "origin": cause.origin.value,
        "confidence": cause.confidence.value, "test_count": len(members), "sample_count": found.sample_count,
        "formats": sorted({cut(output.extension, 64) for each in members for output in each.test.required_outputs})[:20],
        "values": [{"value": cut(value, 100), "test_count": count} for value, count in list(found.values.items())[:20]],
        "facts": _facts(found.facts, CLUSTER_FACTS), "first_bad": None if cause.first_bad is None else first_bad(cause.first_bad),
        "elsewhere": {
            "main_run_count": elsewhere.main_run_count, "pull_request_count": elsewhere.pull_request_count,
            "newest_run_id": elsewhere.newest_run_id},
        "representative": {
            "regression_id": first.regression_id, "sample_id": first.sample_id, "next": _next(members[0])},
        "regression_ids": list(found.regression_ids[:TEST_LIMIT]),
        "approve": {"count": view.count, "digest": view.digest, "url": "baseline-approvals"} if view.count else None}


def _next(judged: JudgedTest) -> str:
    differing = next((each.output_id for each in failures_of(judged) if each.output_id is not None), None)
    return next_call(judged.test, differing)


def _facts(facts: Facts, limit: int) -> list[Json]:
    return [fact_json(fact) for fact in facts[:limit]]


def first_bad(found: FirstBad) -> Json:
    """A first bad commit."""
    untested = _commits(found.untested)
    return {
        "commit_sha": shown_commit(found.commit), "run_id": found.run_id, "state": found.state.value,
        "good_commit_sha": found.good_commit[:40] if found.good_commit and commit_is_exact(found.good_commit) else None,
        "good_run_id": found.good_run_id, "untested_commits": untested[:COMMIT_LIMIT], "untested_count": len(untested),
        "assumed_order": found.is_assumed, "is_earliest": found.is_earliest}


def _commits(commits: Sequence[str]) -> list[str]:
    return [commit for commit in commits if commit_is_exact(commit)]


def member(found: Analysed, judged: JudgedTest) -> Json:
    """A test of a cluster."""
    said = found.attributed
    return {
        "regression_id": found.regression_id, "sample_id": found.sample_id, "category": cut(judged.test.category, 100),
        "origin": said.origin.value, "confidence": said.confidence.value, "reason": said.reason.value,
        "stability": found.stability.value, "suspects": _commits(said.suspects)[:COMMIT_LIMIT],
        "facts": _facts(found.facts, FACT_LIMIT), "changed": _facts(said.facts, FACT_LIMIT),
        "first_bad": [first_bad(each) for each in found.first_bad[:FIRST_BAD_LIMIT]], "next": _next(judged)}


def seen_run(found: SeenRun) -> Json:
    """A run in short."""
    return {
        "run_id": found.run_id, "commit_sha": shown_commit(found.commit), "branch": cut_optional(found.branch, 100),
        "pull_request": found.pull_request, "platform": found.platform.value, "created_at": found.created_at}


def step(found: SeenStep) -> Json:
    """A change of a test's output."""
    commit = found.from_commit
    return {
        "run": seen_run(found.run), "from_run_id": found.from_run_id,
        "from_commit_sha": commit[:40] if commit and commit_is_exact(commit) else None,
        "untested_commits": _commits(found.untested)[:COMMIT_LIMIT], "facts": _facts(found.facts, FACT_LIMIT)}


def sightings(found: Sightings | None) -> Json | None:
    """Where something was seen."""
    return None if found is None else {
        "run_count": found.run_count, "main_run_count": found.main_run_count, "pull_requests": list(found.pull_requests),
        "platforms": [each.value for each in found.platforms], "runs": [seen_run(each) for each in found.runs]}
