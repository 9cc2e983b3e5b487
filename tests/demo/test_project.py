"""The project that the demo submits."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from api.demo.project import FILES, write_project

QUICK = "tests/test_captions.py"


def test_the_project_has_one_mistake_that_its_tests_find(tmp_path: Path) -> None:
    project = write_project(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", QUICK], cwd=project, capture_output=True, text=True,
        check=False)

    assert done.returncode == 1
    assert "1 failed, 4 passed" in done.stdout


def test_changes_to_the_project_are_kept(tmp_path: Path) -> None:
    changed = write_project(tmp_path) / "captions.py"
    changed.write_text("# mine\n")

    again = write_project(tmp_path)

    assert changed.read_text() == "# mine\n"
    assert sorted(str(file.relative_to(again)) for file in again.rglob("*.py")) == sorted(FILES)
