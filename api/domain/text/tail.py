"""The end of a program's output, as text."""
from __future__ import annotations

from codecs import BOM_UTF8

from api.domain.text.decoding import MARK, Encoding, decode_line, without_colours
from api.domain.text.log import LineFacts, facts_of
from api.domain.text.log_level import LogLevel

TAIL_BYTES = 4096
# A worker that dies may print a good deal behind the line that says why.
ERROR_BYTES = 64 << 10
ERRORS = frozenset({LogLevel.ERROR, LogLevel.CRITICAL})
CONTINUATION = bytes(range(0x80, 0xC0))


def decode_tail(content: bytes, *, is_whole: bool, wide: Encoding | None = None) -> str:
    """The text of a log's last bytes: of UTF-16 as that, else each line UTF-8 or cp1252. Half a character at the start is left out.

    Never longer than the bytes are.
    """
    if wide is not None:
        return content.decode(wide, "replace").removeprefix(MARK if is_whole else "")
    if not is_whole:
        stripped = content.lstrip(CONTINUATION)
        content = stripped if len(content) - len(stripped) < 4 else content
    else:
        content = content.removeprefix(BOM_UTF8)
    return "\n".join(map(decode_line, content.split(b"\n")))


def last_error_line(text: str) -> str | None:
    """The last line of a log's end that tells of an error, without its colours; None where none does."""
    lines = (without_colours(line).removesuffix("\r") for line in reversed(text.split("\n")))
    return next((line for line in lines if facts_of(line, LineFacts()).level in ERRORS), None)
