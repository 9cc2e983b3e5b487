"""A bare mirror of an untrusted repository: fetch, search, merge, check out."""
from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.worker.programs.full_disk import ERROR_TEXTS, DiskFull
from api.worker.run_error import RunError
from api.worker.sources.build_log import BuildLog
from api.worker.sources.git import Git, GitOutput

# One line of a listing: a size in digits, and its end.
LINE_BYTES = 12
NO_SUCH_REF = "couldn't find remote ref"
# What git says when the trouble is with the other side or the way to it.
UNREACHED = ("unable to access", "early EOF", "the remote end hung up unexpectedly")
FAR = (
    *UNREACHED, "Could not read from remote repository", "does not appear to be a git repository", "not found", "could not read Username")
CONFLICT, MISUSED = 1, 129
# What git passes on from the server, whose disk is another.
REMOTE = "remote:"
_WRONG_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|[/.]$|\.lock$")


def is_branch(name: str | None) -> bool:
    """Whether a name, which is from outside, can be a branch's."""
    return bool(name) and len(name or "") <= 250 and _WRONG_IN_BRANCH.search(name or "") is None


@dataclass(frozen=True)
class Repository:
    """The repository at `place`, with the git of the run that uses it."""

    git: Git
    place: Path
    build_log: BuildLog

    @property
    def is_shallow(self) -> bool:
        """Whether a part of the history was left out."""
        return (self.place / "shallow").exists()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was fetched yet, or nothing of what was asked for came."""
        return not (self.place / "packed-refs").exists() and not any(each.is_file() for each in (self.place / "refs").rglob("*"))

    def fetch(self, address: str, *references: str, tip_only: bool = False) -> bool:
        """Fetch references, each as `theirs:ours`; False where there is no such one. Raises RunError, type checkout."""
        self._make()
        depth = ["--depth=1"] if tip_only else ["--unshallow"] if self.is_shallow else []
        said = self._fetched(address, references, depth)
        for pause in self.git.options.pauses:
            if not said.code or not any(messages in said.messages for messages in UNREACHED):
                break
            self.build_log.warning("The server of the repository was not reached; trying again.")
            self.git.pause(pause)
            said = self._fetched(address, references, depth)
        if said.code and NO_SUCH_REF in said.messages:
            return False
        if said.code and not any(messages in said.messages for messages in FAR):
            # What is here may be what is broken; it is fetched anew then.
            shutil.rmtree(self.place, ignore_errors=True)
        self._require(said, InfrastructureCode.FETCH_FAILED, "The repository could not be fetched; the log has git's words.")
        return True

    def _fetched(self, address: str, references: Sequence[str], depth: Sequence[str]) -> GitOutput:
        return self._run(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--prune", *depth, "--", address,
            *(f"+{reference}" for reference in references))

    def _make(self) -> None:
        """Make the repository; one that is there stays, unless a host that went down has left it unreadable."""
        command = ("init", "--quiet", "--bare", "--template=")
        if self._run(*command).code:
            shutil.rmtree(self.place, ignore_errors=True)
            self._require(self._run(*command), InfrastructureCode.CHECKOUT_FAILED, "The repository could not be made.")

    def commit(self, name: str, *, within: str) -> str | None:
        """The whole hash of a commit that is in the history of the references under `within`; None where it is not."""
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found.code:
            return None
        commit = found.output.decode().strip()
        holding = self._run("for-each-ref", "--count=1", f"--contains={commit}", "--format=%(refname)", within)
        return commit if holding.code == 0 and holding.output.strip() else None

    def merged(self, base: str, commit: str) -> str:
        """The tree of `commit` merged into `base`. Raises RunError, type merge, where that takes a person."""
        said = self._run("merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", base, commit)
        tree, *conflicts = said.output.decode(errors="replace").rstrip("\0").split("\0")
        if said.code == CONFLICT and conflicts:
            for name in conflicts[:100]:
                self.build_log.error(f"Merge conflict in {name}")
            raise RunError(
                InfrastructureCode.MERGE_CONFLICT, f"The commit does not merge into its base branch: conflicts in {len(conflicts)} files.")
        if said.code == MISUSED:
            raise RunError(InfrastructureCode.GIT_UNAVAILABLE, "The worker's git cannot merge: it must be 2.38 or newer.")
        self._require(said, InfrastructureCode.MERGE_FAILED, "The commit could not be merged into its base branch.")
        return tree

    def merge_base(self, base: str, commit: str) -> str | None:
        """The newest commit that both have in their history; None where that is `commit` itself: what was merged has left nothing."""
        said = self._run("merge-base", base, commit)
        found = said.output.decode().strip()
        return found if said.code == 0 and found != commit else None

    def lay_out(self, tree: str, folder: Path, index: Path) -> None:
        """Write the files of a tree into an empty folder. Raises RunError, type checkout, for too many or too large ones."""
        max_files, space = self.git.options.files, self.git.options.space
        listed = self._run(
            "ls-tree", "-r", "-z", "--format=%(objectsize:padded)", "--end-of-options", tree, max_bytes=max_files * LINE_BYTES)
        sizes = [size.strip() for size in listed.output.split(b"\0") if size.strip()]
        too_long = listed.code == -signal.SIGXFSZ
        if too_long or len(sizes) > max_files or sum(int(size) for size in sizes if size.isdigit()) > space:
            raise RunError(InfrastructureCode.REPOSITORY_TOO_LARGE, f"The commit has more than {max_files} files or {space} bytes.")
        self._require(listed, InfrastructureCode.CHECKOUT_FAILED, "The commit's files could not be listed.")
        where = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        for command in (("read-tree", tree), ("checkout-index", "--all", "--quiet")):
            said = self._run(*command, variables=where)
            self._require(said, InfrastructureCode.CHECKOUT_FAILED, "The commit's files could not be written.")

    def _run(self, *arguments: str, variables: dict[str, str] | None = None, max_bytes: int | None = None) -> GitOutput:
        said = self.git.run(self.place, *arguments, variables=variables, max_bytes=max_bytes)
        lines = [line for line in said.messages.splitlines() if not line.startswith(REMOTE)]
        if said.code and any(text in line for line in lines for text in ERROR_TEXTS):
            raise DiskFull("the repository")
        return said

    def _require(self, said: GitOutput, code: InfrastructureCode, reason: str) -> None:
        if said.code:
            for line in said.messages.splitlines()[-20:]:
                self.build_log.error(f"git: {line}")
            raise RunError(code, reason)
