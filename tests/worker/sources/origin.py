"""Git repositories made on the spot, as a server would have them."""
from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.parts import need

NOBODYS = {
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", "2026-01-01T00:00:00Z"))}}
# A build that needs nothing but a shell: the program is what its source says.
BUILD = "#!/bin/sh\nmkdir -p out && { echo '#!/bin/sh'; cat src.txt; } > out/program && chmod 755 out/program\n"


@dataclass(frozen=True)
class Origin:
    """A bare repository below `base`; commits are made without any checkout."""

    base: Path
    name: str

    @classmethod
    def make(cls, base: Path, name: str) -> Origin:
        """An empty repository, its default branch being `master`."""
        need("git")
        made = cls(base, name)
        made.path.mkdir(parents=True)
        made.git("init", "--quiet", "--bare", "--initial-branch=master")
        return made

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.base / f"{self.name}.git"

    def git(self, *arguments: str, given: bytes = b"", index: Path | None = None) -> str:
        """Call git on it; return what it says."""
        variables = {**NOBODYS, **({"GIT_INDEX_FILE": str(index)} if index is not None else {})}
        done = subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments], input=given, env=variables, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def blob(self, content: str | bytes) -> str:
        """Keep a file's content; return its hash."""
        return self.git("hash-object", "-w", "--stdin", given=content.encode() if isinstance(content, str) else content)

    def commit(self, reference: str, files: dict[str, str | bytes], *parents: str, links: dict[str, str] | None = None) -> str:
        """Put a commit of these files, all of them programs, and links onto a reference; return its hash."""
        lines = [f"100755 {self.blob(content)}\t{name}" for name, content in files.items()]
        lines += [f"120000 {self.blob(target)}\t{name}" for name, target in (links or {}).items()]
        index = self.path / "test-index"
        index.unlink(missing_ok=True)
        self.git("update-index", "--add", "--index-info", given="\n".join([*lines, ""]).encode(), index=index)
        return self.commit_tree(reference, self.git("write-tree", index=index), *parents)

    def commit_tree(self, reference: str, tree: str, *parents: str) -> str:
        """Put a commit of a tree onto a reference; return its hash."""
        words = [word for parent in parents for word in ("-p", parent)]
        commit = self.git("commit-tree", *words, "-m", "a change", tree)
        self.git("update-ref", reference, commit)
        return commit
