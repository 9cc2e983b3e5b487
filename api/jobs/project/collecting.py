"""Collects reports, coverage and artifacts from a workspace, whose content is not trusted."""
from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from api.domain.jobs.artifact_limit import NOTHING_KEPT, ArtifactLimit
from api.host.permissions import PRIVATE
from api.jobs.files import AttemptFiles, put
from api.jobs.project.keeping import ArtifactLimits, Keeper
from api.jobs.project.open_folder import SAFE_FLAGS, OpenFolder
from api.jobs.project.python_runtime import REPORT, RESULTS

MAX_DEPTH = 32
MAX_NAME_LENGTH = 1024
MAX_ENTRIES = 200_000
NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]")


def collect(workspace: Path, files: AttemptFiles, patterns: Sequence[str], limits: ArtifactLimits) -> Keeper:
    """Copy matching files into the attempt's folder, and write its manifest; returns what was kept. The job must have ended.

    Raises OSError, for instance on a broken disk; then there is no manifest.
    """
    shutil.rmtree(files.artifacts, ignore_errors=True)
    PRIVATE.make_folder(files.artifacts)
    keeper = Keeper(files.artifacts, limits)
    with suppress(FileNotFoundError), OpenFolder(workspace) as root:
        for name in sorted(_matching(root, patterns), key=lambda each: (each != REPORT, each)):
            keeper.keep(root, name)
    hit = [each.value for each in ArtifactLimit if each in keeper.limits_hit]
    put(files.manifest, {
        "artifacts": keeper.kept, "junit": keeper.report and keeper.report.as_json(), "left_out": keeper.left_out, "limits_hit": hit})
    return keeper


def read_collected(attempt: AttemptFiles) -> Mapping[str, Any]:
    """What was collected of an attempt on this host: `artifacts`, `junit`, `left_out`, `limits_hit`; nothing before that."""
    try:
        found: Mapping[str, Any] = json.loads(attempt.manifest.read_bytes())
    except FileNotFoundError:
        return NOTHING_KEPT
    return {**NOTHING_KEPT, **found}


def _matching(root: OpenFolder, patterns: Sequence[str]) -> Iterator[str]:
    """The files that match the patterns, and our own report."""
    wanted = tuple(_expression(pattern) for pattern in patterns)
    for name in islice(_walk(root), MAX_ENTRIES):
        if name == REPORT or not name.startswith(f"{RESULTS}/") and any(each.fullmatch(name) for each in wanted):
            yield name


def _walk(root: OpenFolder) -> Iterator[str]:
    waiting = [""]
    while waiting:
        above = waiting.pop()
        for entry, is_folder in _entries(root, above):
            name = f"{above}{entry}"
            if len(name) > MAX_NAME_LENGTH:
                continue
            if is_folder and name.count("/") < MAX_DEPTH:
                waiting.append(f"{name}/")
            elif not is_folder:
                yield name


def _entries(root: OpenFolder, folder: str) -> list[tuple[str, bool]]:
    """The files and folders in a folder, in order, without links, devices, pipes and unpresentable names."""
    found = []
    with suppress(OSError):
        opened = root.open(folder, SAFE_FLAGS | os.O_DIRECTORY)
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if _is_presentable(entry.name) and (is_folder or entry.is_file(follow_symlinks=False)):
                        found.append((entry.name, is_folder))
                        if len(found) > MAX_ENTRIES:
                            break
        finally:
            os.close(opened)
    return sorted(found)


def _is_presentable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return NO_NAME.search(name) is None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """A glob pattern of paths as a regular expression: `*` and `?` match within a name, `**` any folders."""
    words = {"**/": "(?:.+/)?", "**": ".+", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)), re.DOTALL)
