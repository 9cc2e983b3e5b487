"""Compares the outputs of a regression test with its baselines."""
from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.domain.runs.worker_suite import SuiteFile
from api.system import WITHOUT_LINKS


@dataclass(frozen=True)
class Produced:
    """An output that was produced: where it lies, and whether it is its baseline to the byte."""

    output_id: int
    path: Path
    sha256: str
    matches: bool


def compare_outputs(files: Sequence[SuiteFile], folder: Path) -> tuple[Produced, ...]:
    """Return the checked outputs that exist in `folder`; one that was not produced is simply left out.

    Only regular files count: a program under test could leave a link to any file of the host, which would then be sent away.
    """
    produced = []
    for file in files:
        path = folder / file.name
        digest = None if file.ignored else _sha256(path)
        if digest is not None and file.output_id is not None:
            produced.append(Produced(file.output_id, path, digest, digest == file.baseline))
    return tuple(produced)


def _sha256(path: Path) -> str | None:
    try:
        if path.is_symlink():
            return None
        descriptor = os.open(path, os.O_RDONLY | WITHOUT_LINKS)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
