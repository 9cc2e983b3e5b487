"""Triggering a run: its repositories, tests and environment."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from api.domain.errors import Unprocessable
from api.domain.runs.environment import Environment
from api.domain.runs.run import Platform


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a caller asks to be run. `regression_ids` None means every active test. `shards` is among how many machines they are divided."""

    repository: str
    commit_sha: str
    platform: Platform
    branch: str | None = None
    pull_request: int | None = None
    regression_ids: tuple[int, ...] | None = None
    environment_id: str | None = None
    parent_sha: str | None = None
    merge_base_sha: str | None = None
    shards: int = 1


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """The repositories whose code may be run here, `owner/name` each."""

    main_repository: str
    allowed_repositories: tuple[str, ...] = ()

    def is_main(self, repository: str) -> bool:
        """Whether this is the main repository; GitHub's names are compared without case."""
        return repository.lower() == self.main_repository.lower()

    def is_shared(self, repository: str) -> bool:
        """Whether staff may run it: the main repository, or one that the operator allowed."""
        return self.is_main(repository) or repository.lower() in (allowed.lower() for allowed in self.allowed_repositories)


def choose_tests(requested: Sequence[int] | None, active: Collection[int], known: Collection[int]) -> tuple[int, ...]:
    """The regression tests of a new run, ascending. Raises Unprocessable for none, unknown or inactive ones."""
    if requested is None:
        if not active:
            raise Unprocessable("There is no active regression test.", remedy="Activate a regression test first.")
        return tuple(sorted(active))
    if not requested:
        raise Unprocessable("regression_test_ids must not be empty.", remedy="Leave the field out to run every active test.")
    unknown = sorted(set(requested) - set(known))
    inactive = sorted(set(requested) & set(known) - set(active))
    if unknown or inactive:
        raise Unprocessable(
            "regression_test_ids contains ids of tests that cannot be run.", {"inactive_ids": inactive, "unknown_ids": unknown},
            remedy="Choose ids from GET /regression-tests?active=true.")
    return tuple(sorted(requested))


def choose_environment(environments: Iterable[Environment], wanted: str | None, platform: Platform) -> Environment:
    """The environment of a new run: the one named, else the platform's first active one. Raises Unprocessable."""
    usable = [each for each in environments if each.active and each.platform is platform]
    chosen = next((each for each in usable if wanted in (None, each.environment_id)), None)
    if chosen is None:
        raise Unprocessable(
            "No such active environment for this platform." if wanted else "The platform has no active environment.",
            {"platform": platform.value, "environment_ids": [each.environment_id for each in usable]},
            remedy="Choose one of GET /environments?active=true.")
    return chosen
