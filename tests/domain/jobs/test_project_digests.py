"""Digests of a project: which changes of its files make another one."""
from __future__ import annotations

from dataclasses import astuple

import pytest

from api.domain.jobs.project_digests import Digests, digests_of

FILES = {
    "pyproject.toml": b"[project]\nname = 'own'\nscripts = 'tools/build_hook.py'\n", "own/__init__.py": b"", "own/words.py": b"x = 1\n",
    "own/about.py": b"VERSION = 3\n", "own/data.txt": b"data", "tools/build_hook.py": b"", "task.py": b""}


def digests(files: dict[str, bytes]) -> Digests:
    sizes = {path: (len(content), hash(content)) for path, content in files.items()}
    return digests_of({"pyproject.toml": files["pyproject.toml"].decode()}, sizes, files.__getitem__)


@pytest.mark.parametrize(("changes", "same"), [
    ({}, (True, True, True)),
    ({"own/words.py": b"x = 2\n"}, (True, True, False)),
    ({"own/__init__.py": b"import os\n"}, (True, True, False)),
    ({"own/__init__.py": b"__version__ = 4\n"}, (True, False, False)),
    ({"own/about.py": b"VERSION = 4\n"}, (True, False, False)),
    ({"own/data.txt": b"more"}, (True, False, False)),
    ({"tools/build_hook.py": b"import os\n"}, (True, False, False)),
    ({"task.py": b"import os\n"}, (True, False, False)),
    ({"own/new.py": b""}, (True, False, False)),
    ({"pyproject.toml": b"[project]\nname = 'other'\n"}, (False, False, False)),
])
def test_a_digest_changes_with_what_it_is_of(changes: dict[str, bytes], same: tuple[bool, bool, bool]) -> None:
    before, after = digests(FILES), digests({**FILES, **changes})

    assert tuple(map(str.__eq__, astuple(before), astuple(after))) == same


def test_names_that_are_no_text_have_a_digest_too() -> None:
    assert digests({**FILES, "own/\udcff.txt": b""}) != digests(FILES)
