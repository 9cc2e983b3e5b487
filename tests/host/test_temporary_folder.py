"""Temporary folders of runs: removed at the end, and after workers that were killed."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from api.host.temporary_folder import run_folder, sweep


def test_a_folder_is_gone_after_its_run_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")

    with run_folder(tmp_path / "runs", 7) as folder:
        locked = folder / "locked"
        locked.mkdir()
        (locked / "file").write_text("x")
        (folder / "link").symlink_to(tmp_path)
        locked.chmod(0)

    assert list((tmp_path / "runs").iterdir()) == []
    assert (tmp_path / "kept").exists()


def test_a_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    with run_folder(tmp_path, 7) as folder:
        assert sweep(tmp_path) == 0
        assert folder.exists()


def test_the_folder_of_a_killed_worker_is_swept(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from api.host.temporary_folder import run_folder\n"
        "with run_folder(Path(sys.argv[1]), 7): os.kill(os.getpid(), signal.SIGKILL)")
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    left = len(list(tmp_path.iterdir()))

    removed = sweep(tmp_path)

    assert (left, removed) == (1, 1)
    assert list(tmp_path.iterdir()) == []
