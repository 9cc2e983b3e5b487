"""Checks out a run's commit, or a pull request merged into its base branch."""
from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.folder_size import is_larger
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun
from api.worker.sources.executable import require_names
from api.worker.sources.git import Git, GitOptions
from api.worker.sources.mirrors import Mirrors
from api.worker.sources.repository import Repository, is_branch
from api.worker.sources.source import FetchRequest

REF_PREFIX = "refs/ci"
TIP, HEADS, PULL, BASE = f"{REF_PREFIX}/tip", f"{REF_PREFIX}/heads", f"{REF_PREFIX}/pull", f"{REF_PREFIX}/base"


@dataclass(frozen=True)
class CheckedOut:
    """What was checked out: the run's commit, and the object whose files these are, which is another where a pull request was merged."""

    commit: str
    tree: str


@dataclass(frozen=True)
class Checkout:
    """Checks out commits. `base_branch` is what pull requests are merged into; empty: the main repository's default branch."""

    git: GitOptions
    main_repository: str
    base_branch: str = ""

    def check_out(self, request: FetchRequest, folder: Path) -> CheckedOut:
        """Put the files into the empty folder; raise RunError, type checkout or merge, or Cancelled.

        The commit must be in the history of a branch or of the pull request: a server also serves commits of any fork, whose code
        nobody asked to run.
        """
        claimed = request.claimed
        require_names(claimed.repository, claimed.commit, claimed.platform)
        home = request.folder / "git"
        home.mkdir()
        git = Git(self.git, home, request.cancellation)
        with ExitStack() as stack:
            place = stack.enter_context(Mirrors(self.git.mirrors).locked(self.git.address(claimed.repository), request.cancellation))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            try:
                return self._lay_out(request, Repository(git, place, request.build_log), folder, home / "index")
            except RunError:
                self._forget_if_too_large(place)
                raise

    def _lay_out(self, request: FetchRequest, repository: Repository, folder: Path, index: Path) -> CheckedOut:
        claimed = request.claimed
        request.report_step(f"Checking out {claimed.repository} at {claimed.commit[:12]}.")
        find = self._find_branch_commit if claimed.pull_request is None else self._find_pull_request_commit
        commit = find(claimed, repository)
        if commit is None:
            raise RunError(
                InfrastructureCode.COMMIT_NOT_FOUND,
                f"The commit {claimed.commit[:12]} is in no branch of {claimed.repository}, nor in the pull request where there is one.")
        request.build_log.info(f"Checked out {commit}.")
        tree = commit if claimed.pull_request is None else self._merge(request, repository, commit)
        repository.lay_out(tree, folder, index)
        return CheckedOut(commit, tree)

    def _find_branch_commit(self, claimed: ClaimedRun, repository: Repository) -> str | None:
        """The commit of a branch; a shallow fetch is enough for the branch's tip in an empty mirror."""
        if is_branch(claimed.branch) and (repository.is_shallow or repository.is_empty):
            reference = f"refs/heads/{claimed.branch}:{TIP}"
            fetched = repository.fetch(self.git.address(claimed.repository), reference, tip_only=True)
            if fetched and (commit := repository.commit(claimed.commit, within=TIP)):
                return commit
        return self._in_any_branch(claimed, repository)

    def _in_any_branch(self, claimed: ClaimedRun, repository: Repository) -> str | None:
        fetched = repository.fetch(self.git.address(claimed.repository), f"refs/heads/*:{HEADS}/*")
        return repository.commit(claimed.commit, within=HEADS) if fetched else None

    def _find_pull_request_commit(self, claimed: ClaimedRun, repository: Repository) -> str | None:
        """The commit of a pull request, which is fetched from the main repository even where the run names the fork."""
        fetched = repository.fetch(self.git.address(self.main_repository), f"refs/pull/{claimed.pull_request}/head:{PULL}")
        if fetched and (commit := repository.commit(claimed.commit, within=PULL)):
            return commit
        return self._in_any_branch(claimed, repository)

    def _merge(self, request: FetchRequest, repository: Repository, commit: str) -> str:
        base = f"refs/heads/{self.base_branch}" if self.base_branch else "HEAD"
        request.report_step(f"Merging it into {self.base_branch or 'the default branch'} of {self.main_repository}.")
        if not repository.fetch(self.git.address(self.main_repository), f"{base}:{BASE}"):
            raise RunError(InfrastructureCode.BASE_BRANCH_NOT_FOUND, f"The main repository has no branch {self.base_branch}.")
        onto = repository.commit(BASE, within=BASE)
        if onto is None:
            raise RunError(InfrastructureCode.BASE_BRANCH_NOT_FOUND, "The base branch holds no commit.")
        tree = repository.merged(onto, commit)
        request.build.merge_base = repository.merge_base(onto, commit)
        request.build_log.info(f"Merged into the base branch at {onto}.")
        return tree

    def _forget_if_too_large(self, place: Path) -> None:
        if not (place / "HEAD").exists() or is_larger(place, self.git.space):
            shutil.rmtree(place, ignore_errors=True)
