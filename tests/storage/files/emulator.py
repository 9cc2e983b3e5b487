"""A bucket on this machine: the emulator, taught what it lacks and the real one has."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

from tests.storage.files.signed_addresses import fault_of

BUCKET = "ci-files"
PARTS = "/download/storage/v1/b/"
OBJECTS = "/storage/v1/b/"
UPLOADS = "/upload/"


class Outage:
    """What keeps the emulator from answering: `uploads` is set while it takes these, `left` is how many requests it answers yet."""

    def __init__(self) -> None:
        self.uploads = threading.Event()
        self.uploads.set()
        self.left: int | None = None

    def has_begun(self) -> bool:
        """Whether one more request is not answered."""
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0


@dataclass(frozen=True)
class Emulator:
    """The emulator that runs, and the key whose signatures it honours."""

    endpoint: str
    port: int
    key_file: Path
    public_key: RSAPublicKey
    storage: Any
    # What it was asked, by method and path.
    requests: list[str]
    outage: Outage

    @contextmanager
    def holding_uploads(self) -> Iterator[None]:
        """Take uploads meanwhile, and answer them afterwards."""
        self.outage.uploads.clear()
        try:
            yield
        finally:
            self.outage.uploads.set()

    @contextmanager
    def failing_after(self, requests: int) -> Iterator[None]:
        """Answer so many requests meanwhile, and fail the others."""
        self.outage.left = requests
        try:
            yield
        finally:
            self.outage.left = None

    def names(self) -> list[str]:
        """The names of all objects."""
        return sorted(each["name"] for each in self.storage.get_file_list(BUCKET)[0])

    def put(self, name: str, content: bytes, **described: str) -> None:
        """Store an object behind the client's back, with further properties such as its `contentEncoding`."""
        generation = str(int(self._generation(name)) + 1)
        described |= {
            "kind": "storage#object", "name": name, "bucket": BUCKET, "generation": generation, "metageneration": "1",
            "size": str(len(content)), "contentType": "application/octet-stream", "crc32c": "", "md5Hash": ""}
        self.storage.create_file(BUCKET, name, content, described)

    def content(self, name: str) -> bytes | None:
        """What is stored under a name."""
        try:
            found: bytes = self.storage.get_file(BUCKET, name)
        except NotFound:
            return None
        return found

    def clear(self) -> None:
        """Remove all objects."""
        self.storage.wipe(keep_buckets=True)

    def _generation(self, name: str) -> str:
        try:
            return str(self.storage.get_file_obj(BUCKET, name)["generation"])
        except NotFound:
            return "1000"


@contextmanager
def running_emulator(folder: Path) -> Iterator[Emulator]:
    """The emulator on a free port, with an empty bucket and a service account made on the spot."""
    private = generate_private_key(65537, 2048)
    key_file = folder / "service-account.json"
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    key_file.write_text(json.dumps({
        "type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem,
        "client_email": "ci@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.invalid/token"}))
    storage = Storage(use_memory_fs=True)
    buckets.create_bucket(BUCKET, storage)
    lock, requests, outage = threading.Lock(), list[str](), Outage()

    class Handler(_Handler):
        def __init__(self, *args: Any) -> None:
            self.public_key, self.lock, self.requests, self.outage = private.public_key(), lock, requests, outage
            super().__init__(storage, *args)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    port = server.server_address[1]
    try:
        yield Emulator(f"http://127.0.0.1:{port}", port, key_file, private.public_key(), storage, requests, outage)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(RequestHandler):  # type: ignore[misc]
    """The emulator's handler with what it lacks: preconditions, ends of files, and signatures that count."""

    public_key: RSAPublicKey
    lock: threading.Lock
    requests: list[str]
    outage: Outage
    encoding: str | None = None

    def end_headers(self) -> None:
        """The headers, with the coding in which an object's bytes are stored."""
        if self.encoding:
            self.send_header("Content-Encoding", self.encoding)
        super().end_headers()

    def parse_request(self) -> bool:
        """Count what is asked."""
        is_whole: bool = super().parse_request()
        self.requests.append(f"{self.command} {self.path}")
        if self.outage.has_begun():
            self.close_connection = True
            self._refuse(503, "The service is not available.")
            return False
        return is_whole

    def do_GET(self) -> None:
        with self.lock:
            self.encoding = None
            refused = self._refusal()
            if refused:
                self._refuse(*refused)
            else:
                super().do_GET()

    def do_POST(self) -> None:
        if self.path.startswith(UPLOADS):
            self.outage.uploads.wait()
        with self.lock:
            super().do_POST()

    def do_PUT(self) -> None:
        with self.lock:
            super().do_PUT()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _refusal(self) -> tuple[int, str] | None:
        parts = urlsplit(self.path)
        if parts.path.startswith(f"/{BUCKET}/"):
            fault = fault_of(self.path, self.headers["Host"], self.public_key)
            return (403, fault) if fault else None
        for prefix in (PARTS, OBJECTS):
            if parts.path.startswith(prefix):
                return self._refusal_of_object(parts.path.removeprefix(prefix), parse_qs(parts.query))
        return None

    def _refusal_of_object(self, path: str, query: dict[str, list[str]]) -> tuple[int, str] | None:
        bucket, _, name = path.partition("/o/")
        if bucket.removesuffix("/o") != BUCKET:
            return 404, "The specified bucket does not exist."
        try:
            found = self.storage.get_file_obj(BUCKET, unquote(name)) if name else None
        except NotFound:
            return 404, f"No such object: {path}"
        if found and query.get("ifGenerationMatch", [found["generation"]]) != [found["generation"]]:
            return 412, "At least one of the pre-conditions you specified did not hold."
        start = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
        if found and "Range" in self.headers and int(start) >= int(found["size"]):
            return 416, "Request range not satisfiable"
        if found and self.path.startswith(PARTS):
            self.encoding = found.get("contentEncoding")
        return None

    def _refuse(self, status: int, message: str) -> None:
        body = json.dumps({"error": {"code": status, "message": message, "errors": [{"message": message}]}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
