"""The store in a Google Cloud Storage bucket. Every call has a timeout; the library's own retries are off."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import google.auth
from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed, RequestRangeNotSatisfiable
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Blob, Bucket, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.oauth2.service_account import Credentials
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from api.domain.files.attachment import content_disposition
from api.storage.files.backends import BUCKET, Stat, TicketLink, Unreachable, checked, signed_url_for, staged_name
from api.storage.files.gzip_objects import GZIP, GzipObjects

GOOGLE = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
UPLOAD_TIMEOUT = 60.0
PIECE = 8 << 20
OCTETS = "application/octet-stream"
FAULTS = (GoogleAPIError, GoogleAuthError, RequestException, InvalidResponse, DataCorruption)
# So many objects a bucket composes at once.
COMPOSED = 32
NO_BUCKET = "bucket does not exist"


class BucketBackend:
    """The bucket. Its addresses are signed by the account's own key (V4); without one they lead through this server."""

    name = BUCKET

    def __init__(
        self, bucket: Bucket, *, signer: Signing | None, endpoint: str, link: TicketLink, clock: Callable[[], datetime], timeout: float,
    ) -> None:
        self._bucket, self._signer, self._endpoint, self._link, self._clock = bucket, signer, endpoint, link, clock
        self._limits: Any = {"timeout": timeout, "retry": None}
        self._packed = GzipObjects()

    def stat(self, name: str) -> Stat | None:
        """What is stored under a name now; the generation is both version and identity, since objects never grow."""
        blob = self._blob(name)
        try:
            with _answering():
                blob.reload(**self._limits)
        except FileNotFoundError:
            return None
        size, generation = int(blob.size), str(blob.generation)
        if blob.content_encoding == GZIP:
            size = self._packed.size(name, generation, size, partial(self._read_stored, name, generation))
        return Stat(size, generation, generation)

    def stat_many(self, wanted: Iterable[str]) -> Mapping[str, Stat | None]:
        """`stat` of many names, one after the other."""
        found = {}
        for name in wanted:
            with suppress(Unreachable):
                found[name] = self.stat(name)
        return found

    def read(self, name: str, start: int, length: int, identity: str | None = None) -> bytes:
        """Bytes of an object; of one that is stored packed, bytes of what it stands for."""
        if length <= 0:
            return b""
        blob = self._blob(name)
        content = self._download(blob, start, length, identity)
        # Behind the end of what is stored there may be more of what it stands for.
        if blob.content_encoding != GZIP and (content or not start):
            return content
        with _answering():
            blob.reload(if_generation_match=None if identity is None else int(identity), **self._limits)
        if blob.content_encoding != GZIP:
            return content
        generation = str(blob.generation)
        return self._packed.read(name, generation, start, length, partial(self._read_stored, name, generation))

    def _read_stored(self, name: str, generation: str, start: int, length: int) -> bytes:
        return self._download(self._blob(name), start, length, generation)

    def _download(self, blob: Blob, start: int, length: int, generation: str | None) -> bytes:
        try:
            with _answering():
                content: bytes = blob.download_as_bytes(
                    start=start, end=start + length - 1, if_generation_match=None if generation is None else int(generation),
                    raw_download=True, checksum=None, single_shot_download=True, **self._limits)
        except RequestRangeNotSatisfiable:
            return b""
        return content

    def put(self, name: str, source: Path) -> None:
        """Store a file; the bucket refuses what does not arrive as it was sent."""
        blob = self._blob(name)
        # In pieces, so that each has a time limit of its own; an object exists once the last one is there.
        blob.chunk_size = PIECE
        with _answering(), source.open("rb") as file:
            blob.upload_from_file(
                file, size=os.fstat(file.fileno()).st_size, content_type=OCTETS, checksum="crc32c", retry=None, timeout=UPLOAD_TIMEOUT)

    def sign(self, name: str, *, filename: str, content_type: str, expires_at: datetime) -> str:
        """An address at the bucket that hands the object out as an attachment."""
        ticket = signed_url_for(name, filename, content_type, expires_at)
        if self._signer is None:
            return self._link(ticket)
        address: str = self._blob(name).generate_signed_url(
            version="v4", method="GET", expiration=expires_at - self._clock(), credentials=self._signer,
            api_access_endpoint=self._endpoint, response_disposition=content_disposition(filename), response_type=content_type)
        return address

    def delete(self, name: str) -> None:
        """Remove an object."""
        with suppress(FileNotFoundError), _answering():
            self._blob(name).delete(**self._limits)

    def copy(self, name: str, target: str) -> None:
        """Copy an object within the bucket, which moves no bytes to here."""
        with _answering():
            self._bucket.copy_blob(self._blob(name), self._bucket, checked(target), **self._limits)

    def compose(self, sources: Sequence[str], target: str) -> None:
        """Have the bucket make an object of others, of more than it takes at once by way of objects in between."""
        between: list[str] = []
        names = [*sources]
        with _answering():
            while len(names) > COMPOSED:
                between.append(staged_name(self._clock()))
                self._compose(names[:COMPOSED], between[-1])
                names[:COMPOSED] = [between[-1]]
            self._compose(names, target)
        for name in between:
            self.delete(name)

    def _compose(self, sources: Sequence[str], target: str) -> None:
        blob = self._blob(target)
        blob.content_type = OCTETS
        blob.compose([self._blob(name) for name in sources], **self._limits)

    def list(self, prefix: str) -> Iterator[str]:
        """The names of all objects that begin with a prefix, a thousand by each request."""
        with _answering():
            found = self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken", **self._limits)
            yield from (blob.name for blob in found)

    def folders(self, prefix: str) -> Iterator[str]:
        """What the names of objects have up to the next slash, a thousand by each request."""
        with _answering():
            found = self._bucket.list_blobs(prefix=prefix, delimiter="/", fields="prefixes,nextPageToken", **self._limits)
            for page in found.pages:
                yield from sorted(each.removeprefix(prefix).removesuffix("/") for each in page.prefixes)

    def changed_at(self, prefix: str) -> datetime | None:
        """When the newest of the objects came."""
        with _answering():
            found = self._bucket.list_blobs(prefix=prefix, fields="items(name,updated),nextPageToken", **self._limits)
            return max((blob.updated for blob in found if blob.updated is not None), default=None)

    def delete_all(self, prefix: str) -> None:
        """Remove all objects whose names begin so."""
        for name in [*self.list(prefix)]:
            self.delete(name)

    def probe(self) -> None:
        """Raise Unreachable unless the bucket is there and may be read."""
        with _answering():
            next(iter(self._bucket.list_blobs(max_results=1, fields="items(name)", **self._limits)), None)

    def _blob(self, name: str) -> Blob:
        return self._bucket.blob(checked(name))


def open_bucket(
    name: str, *, endpoint: str, key_file: Path | None, link: TicketLink, clock: Callable[[], datetime], timeout: float, threads: int,
) -> BucketBackend:
    """The bucket of this name, without asking it anything yet.

    The key file is a service account's; without one the environment's own credentials are used. An `endpoint` other than
    Google's is an emulator, which gets no credentials; the key then only signs addresses. Raises ValueError where there are
    no credentials, or none that can be read.
    """
    try:
        given = Credentials.from_service_account_file(str(key_file), scopes=[SCOPE]) if key_file else None  # type: ignore[no-untyped-call]
        access = AnonymousCredentials() if endpoint else given or google.auth.default(scopes=[SCOPE])[0]  # type: ignore[no-untyped-call]
    except (OSError, ValueError, GoogleAuthError) as wrong:
        raise ValueError("the bucket's credentials cannot be read") from wrong
    transport = AuthorizedSession(access, refresh_timeout=timeout, max_refresh_attempts=1)  # type: ignore[no-untyped-call]
    # Threads share the session; its pool must have room for all, or connections are made anew each time.
    transport.mount("https://", HTTPAdapter(pool_maxsize=threads))
    transport.mount("http://", HTTPAdapter(pool_maxsize=threads))
    client = Client(
        project="-", credentials=access, _http=transport, client_options={"api_endpoint": endpoint} if endpoint else None)
    signer = given or (access if isinstance(access, Signing) else None)
    return BucketBackend(
        client.bucket(name), signer=signer, endpoint=endpoint or GOOGLE, link=link, clock=clock, timeout=timeout)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn whatever the client raises into the two errors of a store."""
    try:
        yield
    except RequestRangeNotSatisfiable:
        raise
    except (NotFound, PreconditionFailed) as gone:
        # A bucket that is not there says nothing about its objects.
        if NO_BUCKET in str(gone):
            raise Unreachable("the bucket does not exist") from gone
        raise FileNotFoundError("no such object") from gone
    except FAULTS as fault:
        raise Unreachable(type(fault).__name__) from fault
