"""Files that are sent to the library, and what stands on the disk afterwards."""
from __future__ import annotations

import time
from hashlib import sha256
from typing import Any

from tests.handlers.site import Client, Site

SAMPLES = "/api/v1/samples"
MEDIA = b"\x47" * 400
# Seconds in which the file of media info, which a thread of the server writes, must have come to its place.
AWAITED = 10


def send(client: Client, content: bytes = MEDIA, file: str = "news.ts", path: str = SAMPLES, **fields: str) -> Any:
    """Send a file, and return the answer."""
    return client.post(path, files={"file": (file, content)}, data=fields)


def digest_of(content: bytes) -> str:
    """The SHA-256 (hex) of what is sent."""
    return sha256(content).hexdigest()


def stored(site: Site) -> set[str]:
    """The files of the library, and those that nobody takes from where they came in; without media info, which is made meanwhile."""
    samples, coming = site.files / "TestFiles", site.files / "TempFiles"
    until = time.monotonic() + AWAITED
    while any(coming.glob("*")) and time.monotonic() < until:
        time.sleep(0.01)
    found = {path.relative_to(site.files).as_posix() for folder in (samples, coming) for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith("TestFiles/media/")}
