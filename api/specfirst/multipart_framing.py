"""Normalizes a multipart body for the parser: no preamble, CRLF line ends."""
from __future__ import annotations

import re
from collections.abc import Iterator

from api.domain.runs.worker_message import Malformed

# What may stand before the first boundary (RFC 2046 has it ignored), and the headers of one part.
MAX_PREAMBLE_LENGTH = MAX_HEADERS_LENGTH = 64 * 1024
MAX_LINE_LENGTH = 600
_DASHED_LINE = re.compile(rb"(?:\A|(?<=\n))(--[^\r\n]{0,500})(\r?\n)")


class MultipartFraming:
    """Takes a body in pieces of any size and gives it back; contents of parts are never touched.

    Which line ends a body has is told by its first boundary. The parser takes CRLF, so that such a body passes as it is.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + boundary
        self._buffer = b""
        self._skipped = 0
        self._step = self._preamble

    def feed(self, chunk: bytes) -> bytes:
        """What the parser gets for this piece. Raises Malformed where no boundary comes, or headers have no end."""
        self._buffer += chunk
        return b"".join(self._steps())

    def _steps(self) -> Iterator[bytes]:
        while (written := self._step()) is not None:
            yield written

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _preamble(self) -> bytes | None:
        boundaries = (self._delimiter, self._delimiter + b"--")
        found = next((line for line in _DASHED_LINE.finditer(self._buffer) if line[1].rstrip(b" \t") in boundaries), None)
        if found is None:
            # The boundary's line may still be on its way.
            self._skipped += len(self._take(max(0, len(self._buffer) - MAX_LINE_LENGTH)))
            if self._skipped > MAX_PREAMBLE_LENGTH:
                raise Malformed("body")
            return None
        self._take(found.start(1))
        self._step = self._passed_on if found[2] == b"\r\n" else self._header_line
        return b""

    def _passed_on(self) -> bytes | None:
        return self._take(len(self._buffer)) or None

    def _header_line(self) -> bytes | None:
        line, newline, _ = self._buffer.partition(b"\n")
        if line == self._delimiter + b"--":
            self._step = self._nothing
            return self._take(len(line)) + b"\r\n"
        if not newline:
            if len(line) > MAX_HEADERS_LENGTH:
                raise Malformed("body")
            return None
        self._take(len(line) + 1)
        if not line:
            self._step = self._content
        return line.rstrip(b" \t") + b"\r\n"

    def _content(self) -> bytes | None:
        end = self._buffer.find(b"\n" + self._delimiter)
        if end < 0:
            return self._take(max(0, len(self._buffer) - len(self._delimiter))) or None
        content = self._take(end)
        self._take(1)
        self._step = self._header_line
        return content + b"\r\n"

    def _nothing(self) -> bytes | None:
        self._buffer = b""
        return None
