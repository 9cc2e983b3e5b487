"""Where the parts of divided runs are kept."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from api.services.runs.shard_files import ShardFiles
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.files.incoming import FileStore
from tests.builders import NOW


def parts_in(folder: Path) -> ShardFiles:
    """The files of divided runs, in a folder that is only made with the first of them."""
    files = FileStore(folder)
    local = LocalBackend(files.root, lambda ticket: "")
    return ShardFiles(Archive([local], clock=lambda: NOW, link_lifetime=timedelta(hours=1), send_on=lambda _: None), files)
