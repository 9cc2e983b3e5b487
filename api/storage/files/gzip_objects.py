"""Objects of a bucket with `Content-Encoding: gzip`, read decompressed; a few are cached on this host."""
from __future__ import annotations

import os
import tempfile
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

GZIP = "gzip"
GZIP_FORMAT = 16 + zlib.MAX_WBITS
PIECE = 8 << 20
KEPT = 4
MAX_BYTES = 1 << 30
SMALL = 1 << 20
# A stream of gzip ends with its content's length, modulo 2^32.
TRAILER = 4

ReadPacked = Callable[[int, int], bytes]


class _Unpacked:
    """One object's content in a file without a name, which is closed when nobody reads it any more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.size = 0
        self._descriptor: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the content is there."""
        return self._descriptor is not None

    def fill(self, contents: Iterable[bytes], max_bytes: int) -> None:
        """Write the content. Raises OSError where it is too large, or the disk full."""
        with tempfile.TemporaryFile() as file:
            for content in contents:
                self.size += file.write(content)
                if self.size > max_bytes:
                    raise OSError("a packed object is too large")
            file.flush()
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, start: int, length: int) -> bytes:
        """A part of the content."""
        assert self._descriptor is not None
        return os.pread(self._descriptor, length, start)


class GzipObjects:
    """Unpacks packed objects once each; `read` of an object takes an offset and a length, and gives its bytes as they are stored."""

    def __init__(self, kept: int = KEPT, max_bytes: int = MAX_BYTES) -> None:
        self._kept, self._most_bytes = kept, max_bytes
        self._lock = threading.Lock()
        self._objects: OrderedDict[tuple[str, str], _Unpacked] = OrderedDict()

    def size(self, name: str, generation: str, packed_size: int, read: ReadPacked) -> int:
        """How many bytes the object stands for. A large one is taken by the word of its last bytes, so that nobody waits."""
        if packed_size <= SMALL:
            return self._unpacked(name, generation, read).size
        return int.from_bytes(read(packed_size - TRAILER, TRAILER), "little")

    def read(self, name: str, generation: str, start: int, length: int, read: ReadPacked) -> bytes:
        """A part of the content. Raises OSError for an object that unpacks to more than this host keeps."""
        return self._unpacked(name, generation, read).read(start, length)

    def _unpacked(self, name: str, generation: str, read: ReadPacked) -> _Unpacked:
        with self._lock:
            found = self._objects.setdefault((name, generation), _Unpacked())
            self._objects.move_to_end((name, generation))
            while len(self._objects) > self._kept:
                self._objects.popitem(last=False)
        with found.lock:
            if not found.is_whole:
                found.size = 0
                found.fill(_contents(read), self._most_bytes)
        return found


def _contents(read: ReadPacked) -> Iterator[bytes]:
    """The content, member after member, as far as it can be unpacked; what is no gzip at all comes as it is."""
    unpacker, at, is_packed = zlib.decompressobj(GZIP_FORMAT), 0, False
    while piece := read(at, PIECE):
        at += len(piece)
        while piece:
            try:
                content = unpacker.decompress(piece, PIECE)
            except zlib.error:
                if not is_packed:
                    yield from _pieces(read)
                return
            is_packed = True
            yield content
            piece = unpacker.unconsumed_tail or unpacker.unused_data
            if unpacker.eof:
                unpacker = zlib.decompressobj(GZIP_FORMAT)


def _pieces(read: ReadPacked) -> Iterator[bytes]:
    at = 0
    while piece := read(at, PIECE):
        at += len(piece)
        yield piece
