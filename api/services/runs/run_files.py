"""Keeps the files of a run in the store, by whichever protocol they come, under names that the sender has no say in."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from api.domain.runs.expected_tests import ExpectedOutput
from api.domain.runs.progress import LateEventKind
from api.domain.runs.worker_message import ArtifactKind
from api.services.runs.worker_access import WorkerRun
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.runs.progress import has_late_event, record_late_event
from api.storage.runs.worker_secrets import find_platform
from api.storage.text.log_windows import Readable

T = TypeVar("T")

PIECE = 4 << 20


def take_file(archive: Archive, incoming: IncomingFile, take: Callable[[], T], *, name: str | None = None) -> T:
    """Take a report with a file, in a transaction; while the database is locked, the file is only given its name.

    Its bytes are on the disk, or in the bucket, before there is a row of it, and its name is before the sender hears of it. Whoever is
    cut off in between has heard nothing and sends again: a file without its row is found in its place, a row without its file gets it.
    `name` is the one that it is to have, if no other content has it.
    """
    with archive.staged(incoming, name):
        taken = transact(take)
    incoming.sync_name()
    return taken


def output_name(output: ExpectedOutput, incoming: IncomingFile) -> str | None:
    """The name of what came out in place of a baseline, by its content."""
    return paths.result_name(incoming.digest, output.extension)


def place_output(archive: Archive, output: ExpectedOutput, incoming: IncomingFile) -> str:
    """Within a transaction: keep what came out in place of a baseline. Returns its hash."""
    name = output_name(output, incoming)
    if name is not None:
        archive.keep(name, incoming)
    return incoming.digest


def place_artifact(archive: Archive, run_id: int, kind: ArtifactKind, incoming: IncomingFile) -> None:
    """Within a transaction: keep a file of a run as a whole; a later one replaces it."""
    archive.keep(paths.artifact_name(run_id, kind, find_platform(run_id)), incoming)


def place_test_log(archive: Archive, run_id: int, regression_id: int, incoming: IncomingFile) -> None:
    """Within a transaction: keep what a test printed; a later log replaces it."""
    archive.keep(paths.test_log_name(run_id, regression_id), incoming)


def append_log(archive: Archive, files: FileStore, name: str, size: int, rest: bytes, staged: IncomingFile | None) -> None:
    """Within a transaction: have these bytes behind the first `size` ones of a log that grows; without any, begin it anew.

    `staged` is a file of them where a bucket is alone, so that it only has to be put behind what is there.
    """
    if size and archive.append(name, size, rest, staged):
        return
    if not size and staged is not None and staged.size == len(rest):
        archive.keep(name, staged)
        return
    with files.receive() as incoming:
        if size:
            _copy(archive, name, size, incoming)
        incoming.write(rest)
        archive.keep(name, incoming)
        incoming.sync_name()


def _copy(archive: Archive, name: str, size: int, incoming: IncomingFile) -> None:
    with archive.hold(name) as there:
        for start in range(0, size, PIECE):
            incoming.write(there.read(start, min(PIECE, size - start)) if there else b"")


def place_log(archive: Archive, run: WorkerRun, incoming: IncomingFile, now: datetime) -> None:
    """Within a transaction: keep a run's log; a later one replaces it, which is noted where the run is over."""
    name = paths.log_name(run.run_id)
    if run.status.is_finished and _is_another(archive, name, incoming):
        note_late_log(run, now)
    archive.keep(name, incoming)


def note_late_log(run: WorkerRun, now: datetime) -> None:
    """Within a transaction: note that the log of a run changed after the run's end; once, however often it does."""
    if run.status.is_finished and not has_late_event(run.run_id, LateEventKind.LOG_REPLACED):
        record_late_event(run.run_id, LateEventKind.LOG_REPLACED, now)


def _is_another(archive: Archive, name: str, incoming: IncomingFile) -> bool:
    """Whether there is a file of this name with another content."""
    with archive.hold(name) as present:
        if present is None:
            return False
        return present.size != incoming.size or _digest(present) != incoming.digest


def _digest(file: Readable) -> str:
    hashed = sha256()
    for start in range(0, file.size, PIECE):
        hashed.update(file.read(start, PIECE))
    return hashed.hexdigest()
