"""Finds out whether a regression test is the same each time, by its newest results."""
from __future__ import annotations

from api.domain.causes.came import came_of
from api.domain.causes.stability import Sighting, Stability, stability_of
from api.domain.runs.run import Platform
from api.storage.results.evidence import load_tests_in
from api.storage.results.passing import list_runs_with

# So many results of a test are looked at.
RESULTS = 100


def find_stability(regression_id: int, platform: Platform | None, main_repository: str) -> tuple[Stability, int]:
    """What the newest results of a test tell of it, perhaps on one platform alone, and how many are of that; in two statements."""
    found = list_runs_with(regression_id, limit=RESULTS)
    tests = load_tests_in([each.run_id for each in found], [regression_id])
    sightings = [
        Sighting(
            each.run_id, each.commit, each.platform, judged.test, came_of(judged),
            is_main=each.pull_request is None and each.repository == main_repository.lower())
        for each in found for judged in tests.get(each.run_id, {}).values()]
    return stability_of(sightings, platform), sum(platform in (None, each.platform) for each in sightings)
