"""Projects for tests of the client: folders with files, in a git work tree or not."""
from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.parts import need

PROJECT = {"calculator.py": "def add(a, b):\n    return a + b\n", "tests/test_calculator.py": "def test_add():\n    pass\n"}


def make_project(folder: Path, files: Mapping[str, str] = PROJECT) -> Path:
    """A folder with these files."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
    return folder


def git(folder: Path, *words: str) -> None:
    """Do something with git."""
    author = ("-c", "user.name=Tester", "-c", "user.email=tester@example.test", "-c", "protocol.file.allow=always")
    subprocess.run([need("git"), "-C", str(folder), *author, *words], check=True, capture_output=True)


def make_work_tree(folder: Path, files: Mapping[str, str] = PROJECT) -> Path:
    """The same in a git work tree, all of it committed that is not ignored."""
    make_project(folder, files)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Begin")
    return folder
