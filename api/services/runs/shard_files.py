"""Files of a run that its machines send in parts, one for each shard: the log, and what the tests printed."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from api.domain.errors import NotFound, Unavailable, Unprocessable
from api.domain.files.storage_status import StorageStatus
from api.domain.runs.worker_message import ArtifactKind
from api.services.runs.run_files import append_log, note_late_log
from api.services.runs.worker_access import WorkerRun, lock_worker_run
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.appending import new_part
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.files.stored_file import AWAY, Found
from api.storage.runs.leases import Shard, count_shards, has_shards_left, is_due_to_join
from api.storage.runs.worker_secrets import find_platform

HEADER, LOG, LOG_LIMIT = "header", "log", "log_bytes"
KINDS = LOG, str(ArtifactKind.COMBINED_STDOUT)
# Up to so many bytes a log is joined while it grows, so often, and else when the last machine ends its part.
LIVE_BYTES, LIVE_INTERVAL = 8 << 20, timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Parts:
    """What there is of the parts of a run's file: names in the order of the whole, and their bytes together."""

    names: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """Keeps parts, and joins them into the files of the whole run."""

    archive: Archive
    files: FileStore

    @contextmanager
    def staged(self, chunk: bytes) -> Iterator[IncomingFile | None]:
        """For the length of a transaction that appends a chunk: the chunk as a file, where a disk cannot be written to instead."""
        if self.archive.has_disk:
            yield None
            return
        with self.files.receive() as incoming:
            incoming.write(chunk)
            with self.archive.staged(incoming):
                yield incoming

    def append_log(
        self, run: WorkerRun, shard: Shard, start: int, chunk: bytes, staged: IncomingFile | None, now: datetime, *, limit: int,
    ) -> int:
        """Within a transaction that has locked the run: append to the log of a shard, which is the run's where it has one. How long it is.

        Raises Conflict where bytes before `start` are missing, and Unprocessable beyond the shard's share of `limit` bytes.
        """
        name = paths.log_name(run.run_id) if shard.count == 1 else paths.shard_file_name(run.run_id, shard.number, LOG)
        # What a disk lost that was cut off is missing, whatever was written down of it.
        size = min(shard.log_bytes, self.archive.grown_to(name)) if shard.log_bytes else 0
        rest = new_part(size, start, chunk)
        _require_share(shard, size + len(rest), limit)
        if rest:
            append_log(self.archive, self.files, name, size, rest, staged)
            if shard.count > 1:
                if not size:
                    self._keep_header(run.run_id, shard)
                if is_due_to_join(run.run_id, now, LIVE_INTERVAL):
                    self._join(run, shard.count, LOG, now, limit=LIVE_BYTES)
            else:
                note_late_log(run, now)
        return size + len(rest)

    def place(self, run_id: int, shard: Shard, kind: str, incoming: IncomingFile, *, limit: int) -> None:
        """Within a transaction that has locked the run: keep a part; a later one replaces it.

        Raises Unprocessable beyond the shard's share of `limit` bytes.
        """
        _require_share(shard, incoming.size, limit)
        self._keep_header(run_id, shard)
        self.archive.keep(paths.shard_file_name(run_id, shard.number, kind), incoming)

    def join(self, run: WorkerRun, shards: int, now: datetime) -> None:
        """Within a transaction that has locked a run that no machine has a part in any more: put what there is of each into its files."""
        for kind in KINDS if shards > 1 else ():
            self._join(run, shards, kind, now)
        self.archive.end_growth(paths.log_name(run.run_id))

    def remove(self, run_id: int) -> None:
        """Remove the parts of a run that no machine has a part in any more; what stays is removed by `remove_left`."""
        with suppress(Unavailable):
            self.archive.remove_all(paths.shard_folder(run_id))

    def remove_left(self, now: datetime) -> None:
        """Remove the parts of all runs that are over: of those that lost their last machine, and where a removal was cut off.

        Raises Unavailable.
        """
        for folder in sorted(self.archive.folders(f"{paths.SHARDS}/")):
            if folder.isdecimal() and transact(partial(self._finish, int(folder), now)):
                self.remove(int(folder))

    def _finish(self, run_id: int, now: datetime) -> bool:
        """Within a transaction: whether no part of a run will come any more; its files have all of them then."""
        try:
            lock_worker_run(run_id, now)
        except NotFound:
            return True
        if has_shards_left(run_id):
            return False
        for kind in KINDS:
            parts, name = self._parts(run_id, count_shards(run_id), kind), self._name(run_id, kind)
            # Of parts that were joined and then removed in part there are fewer bytes than in the file.
            if parts.size > self._size(name):
                self.archive.compose(parts.names, name)
        return True

    def _join(self, run: WorkerRun, shards: int, kind: str, now: datetime, *, limit: int | None = None) -> None:
        parts, name = self._parts(run.run_id, shards, kind), self._name(run.run_id, kind)
        if not parts.names or limit is not None and parts.size > limit:
            return
        if kind == LOG and self._size(name) not in (0, parts.size):
            note_late_log(run, now)
        self.archive.compose(parts.names, name)

    def _parts(self, run_id: int, shards: int, kind: str) -> Parts:
        pairs = [
            (paths.shard_file_name(run_id, shard, HEADER), paths.shard_file_name(run_id, shard, kind)) for shard in range(shards)]
        found = self._look(name for pair in pairs for name in pair)
        names = tuple(name for pair in pairs if all(found[name].where for name in pair) for name in pair)
        return Parts(names, sum(found[name].size or 0 for name in names))

    def _keep_header(self, run_id: int, shard: Shard) -> None:
        with self.files.receive() as header:
            header.write(f"=== Shard {shard.number + 1} of {shard.count}\n".encode())
            self.archive.keep(paths.shard_file_name(run_id, shard.number, HEADER), header)

    def _name(self, run_id: int, kind: str) -> str:
        return paths.log_name(run_id) if kind == LOG else paths.artifact_name(run_id, ArtifactKind(kind), find_platform(run_id))

    def _size(self, name: str) -> int:
        return self._look([name])[name].size or 0

    def _look(self, names: Iterable[str]) -> Mapping[str, Found]:
        """`Archive.look`, of files that are on the disk if there is one. Raises Unavailable where a bucket that is alone is away."""
        found = self.archive.look(names)
        if not self.archive.has_disk and any(not each.where and each.status is not StorageStatus.MISSING for each in found.values()):
            raise Unavailable(AWAY)
        return found


def _require_share(shard: Shard, size: int, limit: int) -> None:
    """Raise Unprocessable where one machine has more than its share of a file of the run, which all its machines make."""
    if size > limit // shard.count:
        raise Unprocessable("The log is larger than the server keeps.", {"rule": LOG_LIMIT}, remedy="Send no more of it.")
