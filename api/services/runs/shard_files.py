"""Files of a run that its machines send in parts, one for each shard: the log, and what the tests printed."""
from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime

from api.domain.errors import Unavailable, Unprocessable
from api.domain.runs.progress import LateEventKind
from api.domain.runs.worker_message import ArtifactKind
from api.services.runs.run_files import PIECE, append_log, place_artifact, place_log
from api.services.runs.worker_access import WorkerRun
from api.storage.files import paths
from api.storage.files.appending import new_part
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.runs.leases import Shard
from api.storage.runs.progress import record_late_event

LOG, LOG_LIMIT = "log", "log_bytes"
KINDS = LOG, str(ArtifactKind.COMBINED_STDOUT)
# Up to so many bytes a log is joined whenever there is more of it, and else when a machine ends its part.
LIVE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """Keeps parts, and joins them into the files of the whole run."""

    archive: Archive
    files: FileStore

    def append_log(self, run: WorkerRun, shard: Shard, start: int, chunk: bytes, now: datetime, *, limit: int) -> int:
        """Within a transaction that has locked the run: append to the log of a shard, which is the run's where it has one. How long it is.

        Raises Conflict where bytes before `start` are missing, and Unprocessable beyond `limit` bytes.
        """
        name = paths.log_name(run.run_id) if shard.count == 1 else paths.shard_file_name(run.run_id, shard.number, LOG)
        # What a disk lost that was cut off is missing, whatever was written down of it.
        size = min(shard.log_bytes, self._size(name)) if shard.log_bytes else 0
        rest = new_part(size, start, chunk)
        if size + len(rest) > limit:
            raise Unprocessable("The log is larger than the server keeps.", {"rule": LOG_LIMIT}, remedy="Send no more of it.")
        if rest:
            append_log(self.archive, self.files, name, size, rest)
            if shard.count > 1:
                self.join_log(run, shard.count, now, limit=LIVE_BYTES)
            elif run.status.is_finished:
                record_late_event(run.run_id, LateEventKind.LOG_REPLACED, now)
        return size + len(rest)

    def _size(self, name: str) -> int:
        return self.archive.look([name])[name].size or 0

    def place(self, run_id: int, shard: int, kind: str, incoming: IncomingFile) -> None:
        """Within a transaction that has locked the run: keep a part; a later one replaces it."""
        self.archive.keep(paths.shard_file_name(run_id, shard, kind), incoming)

    def join(self, run: WorkerRun, shards: int, now: datetime) -> None:
        """Within a transaction that has locked the run: put what there is of each part into the run's files."""
        if shards > 1:
            self.join_log(run, shards, now)
            with self.files.receive() as joined:
                if self._write(joined, run.run_id, shards, ArtifactKind.COMBINED_STDOUT, None):
                    place_artifact(self.archive, run.run_id, ArtifactKind.COMBINED_STDOUT, joined)

    def join_log(self, run: WorkerRun, shards: int, now: datetime, *, limit: int | None = None) -> None:
        """`join` for the log alone, if its parts have at most `limit` bytes together."""
        with self.files.receive() as joined:
            if self._write(joined, run.run_id, shards, LOG, limit):
                place_log(self.archive, run, joined, now)

    def remove(self, run_id: int, shards: int) -> None:
        """Remove the parts of a run that no machine has a part in any more."""
        with suppress(Unavailable):
            for name in (paths.shard_file_name(run_id, shard, kind) for shard in range(shards) for kind in KINDS) if shards > 1 else ():
                self.archive.remove(name)

    def _write(self, joined: IncomingFile, run_id: int, shards: int, kind: str, limit: int | None) -> bool:
        """Whether there was anything to join that is within the limit."""
        with ExitStack() as held:
            names = [paths.shard_file_name(run_id, shard, kind) for shard in range(shards)]
            parts = [(shard, part) for shard, name in enumerate(names) if (part := held.enter_context(self.archive.hold(name)))]
            if not parts or limit is not None and sum(part.size for _, part in parts) > limit:
                return False
            for shard, part in parts:
                joined.write(f"=== Shard {shard + 1} of {shards}\n".encode())
                for start in range(0, part.size, PIECE):
                    joined.write(part.read(start, PIECE))
            joined.make_durable()
            return True
