"""The platform's file store on the local disk: where each file lies, and how one comes in whole or not at all."""
from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from api.domain.worker_message import ArtifactKind
from api.domain.worker_suite import dotted

EXTENSION = re.compile(r"\.[A-Za-z0-9_-]{1,30}(?:\.[A-Za-z0-9_-]{1,30})?\Z")
DIGEST = re.compile(r"[0-9a-fA-F]{64}\Z")
INCOMING = "TempFiles"


class Incoming:
    """A file on its way in: hashed while it is written, moved to its place in one step, gone if it never gets there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb", buffering=0)
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what was written so far."""
        return self._hash.hexdigest()

    def place(self, target: Path) -> None:
        """Make the file durable and move it to its place, over whatever is there."""
        os.fsync(self._file.fileno())
        self._file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._path, target)

    def discard(self) -> None:
        """Forget the file, unless it was placed."""
        self._file.close()
        with suppress(FileNotFoundError):
            self._path.unlink()


class FileStore:
    """The files below one root folder, SAMPLE_REPOSITORY. No name that comes from outside ever becomes part of a path."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def prepare(self) -> None:
        """Make the folders that there must be."""
        for name in ("TestFiles", "TestResults", "LogFiles", "test_artifacts", INCOMING, "vm_data"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def open_incoming(self) -> Incoming:
        """A new file in TempFiles under a name of its own; the caller places or discards it."""
        folder = self.root / INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        return Incoming(folder / f"upload-{uuid4().hex}")

    @contextmanager
    def receive(self) -> Iterator[Incoming]:
        """`open_incoming`, discarded at the end unless it was placed."""
        incoming = self.open_incoming()
        try:
            yield incoming
        finally:
            incoming.discard()

    def result_path(self, digest: str, extension: str) -> Path:
        """Where an expected or actual output lies, by its hash. Raises ValueError for what is no SHA-256."""
        if not DIGEST.match(digest):
            raise ValueError("not a SHA-256")
        return self.root / "TestResults" / (digest.lower() + _safe_extension(extension))

    def sample_path(self, digest: str, extension: str) -> Path:
        """Where a media sample lies; the extension may lack its dot. Raises ValueError for what is no hash."""
        if not re.match(r"[0-9a-fA-F]{1,128}\Z", digest):
            raise ValueError("not a hash")
        return self.root / "TestFiles" / (digest + _safe_extension(dotted(extension)))

    def log_path(self, run_id: int) -> Path:
        """Where a run's log lies."""
        return self.root / "LogFiles" / f"{run_id:d}.txt"

    def test_log_path(self, run_id: int, regression_id: int) -> Path:
        """Where the log of one regression test of a run lies."""
        return self.root / "LogFiles" / f"{run_id:d}" / f"{regression_id:d}.txt"

    def artifact_path(self, run_id: int, kind: ArtifactKind, platform: str) -> Path:
        """Where a file of a run lies; its name is fixed, never the client's."""
        binary = "ccextractorwinfull.exe" if platform == "windows" else "ccextractor"
        names = {ArtifactKind.BINARY: binary, ArtifactKind.COMBINED_STDOUT: "combined_stdout.log", ArtifactKind.COREDUMP: "coredump"}
        return self.root / "test_artifacts" / f"{run_id:d}" / names[kind]

    def suite_folder(self, platform: str, run_id: int) -> Path:
        """Where a run's worker finds what it is to execute. `platform` is one of the two platforms' names."""
        return self.root / "vm_data" / f"{platform}-{run_id:d}" / "ci-tests"

    def write_suite(self, platform: str, run_id: int, files: Mapping[str, bytes]) -> None:
        """Put a run's suite in place, file by file, the list of all (`TestAll.xml`) last."""
        folder = self.suite_folder(platform, run_id)
        for name in sorted(files, key=lambda each: each == "TestAll.xml"):
            with self.receive() as incoming:
                incoming.write(files[name])
                incoming.place(folder / Path(name).name)

    def is_writable(self) -> bool:
        """Whether a file can be made in the store just now."""
        try:
            with self.receive() as incoming:
                incoming.write(b"probe")
        except OSError:
            return False
        return True


def _safe_extension(extension: str) -> str:
    return extension if EXTENSION.match(extension) else ""
