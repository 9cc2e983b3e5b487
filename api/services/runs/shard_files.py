"""Files of a run that is divided among machines, of which each sends a part: the log, and what the tests printed."""
from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime

from api.domain.errors import Unavailable
from api.domain.runs.worker_message import ArtifactKind
from api.services.runs.run_files import PIECE, place_artifact, place_log
from api.services.runs.worker_access import WorkerRun
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile

LOG = "log"
KINDS = LOG, str(ArtifactKind.COMBINED_STDOUT)
# Up to so many bytes a log is joined whenever there is more of it, and else when a machine ends its part.
LIVE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """Keeps parts, and joins them into the files of the whole run."""

    archive: Archive
    files: FileStore

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
