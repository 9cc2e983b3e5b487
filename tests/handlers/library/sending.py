"""Files that are sent to the library, and what stands on the disk afterwards."""
from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.handlers.site import Client, Site

SAMPLES = "/api/v1/samples"
MEDIA = b"\x47" * 400


def send(client: Client, content: bytes = MEDIA, file: str = "news.ts", path: str = SAMPLES, **fields: str) -> Any:
    """Send a file, and return the answer."""
    return client.post(path, files={"file": (file, content)}, data=fields)


def digest_of(content: bytes) -> str:
    """The SHA-256 (hex) of what is sent."""
    return sha256(content).hexdigest()


def stored(site: Site) -> set[str]:
    """The files of the library, and those that are on their way; without media info, which is made at a time of its own."""
    folders = (site.files / "TestFiles", site.files / "TempFiles")
    found = {path.relative_to(site.files).as_posix() for folder in folders for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith("TestFiles/media/")}
