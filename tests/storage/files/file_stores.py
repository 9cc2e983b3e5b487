"""Stores of files to try: the disk, a bucket at an emulator, and archives of either or both."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from api.domain.auth.signing import SigningKey
from api.domain.files.signed_url import SignedUrl
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.backends import Backend, LocalBackend
from api.storage.files.bucket import open_bucket
from api.storage.files.incoming import FileStore
from tests.storage.files.emulator import BUCKET, Emulator

KEY = SigningKey(b"a secret of these tests")
SITE = "https://ci.example.test/downloads/"
CONTENT = b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello.\r\n\x00\xff\n"
NAME = paths.result_name(sha256(CONTENT).hexdigest(), ".srt") or ""
LOG = paths.log_name(7)
SOON = timedelta(hours=1)
TIMEOUT = 0.3

every_store = pytest.mark.parametrize("store", ["local", "gcs"], indirect=True)
every_archive = pytest.mark.parametrize("kept", ["local", "gcs", "both"], indirect=True)


def now() -> datetime:
    return datetime.now(UTC)


def link(ticket: SignedUrl) -> str:
    return SITE + ticket.sealed(KEY)


def bucket_at(endpoint: str, emulator: Emulator, *, name: str = BUCKET, timeout: float = 10.0, signed: bool = True) -> Backend:
    return open_bucket(
        name, endpoint=endpoint, key_file=emulator.key_file if signed else None, link=link, clock=now, timeout=timeout, threads=4)


@dataclass
class Kept:
    """An archive, its stores, and what it sent on."""

    archive: Archive
    stores: list[Backend]
    files: FileStore
    sent_on: list[str]

    def receive(self, name: str, content: bytes) -> None:
        with self.files.receive() as incoming:
            incoming.write(content)
            self.archive.keep(name, incoming)
        for sent in self.sent_on if len(self.stores) > 1 else ():
            for store in self.stores:
                if store.name == "gcs":
                    store.put(sent, self.files.root / sent)


def archive_of(stores: list[Backend], send_on: Callable[[str], None] = lambda name: None) -> Archive:
    return Archive(stores, clock=now, link_lifetime=SOON, send_on=send_on)


class Counting(LocalBackend):
    """A disk that counts what is read of it."""

    reads = 0

    def read(self, name: str, start: int, length: int, identity: str | None = None) -> bytes:
        """Bytes of a file."""
        self.reads += 1
        return super().read(name, start, length, identity)


def source_file(folder: Path, content: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(content)
    return path


def put(store: Backend, name: str, content: bytes, folder: Path) -> None:
    store.put(name, source_file(folder, content))
