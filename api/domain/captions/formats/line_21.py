"""The bytes of line 21 (CEA-608), of which SCC and raw files are made."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from api.domain.captions.cue import Cue

_WITHOUT_PARITY = bytes(byte & 0x7F for byte in range(256))
_PRINTED = 0x20
# "Erase displayed memory" on either channel, once or twice, as it is sent.
_ERASES = frozenset({"142c", "142c 142c", "1c2c", "1c2c 1c2c"})


def _pairs(content: bytes) -> list[bytes]:
    plain = content.translate(_WITHOUT_PARITY)
    return [plain[start:start + 2] for start in range(0, len(plain) - 1, 2)]


def line_21_text(content: bytes) -> str:
    """The characters of pairs of bytes; a pair whose first byte is below 0x20 is a control word."""
    shown = b"".join(pair for pair in _pairs(content) if pair[0] >= _PRINTED)
    return shown.replace(b"\0", b"").decode("ascii")


def control_words(content: bytes) -> str:
    """The control words among pairs of bytes, in hexadecimal without parity, bounded."""
    return " ".join(pair.hex() for pair in _pairs(content) if 0 < pair[0] < _PRINTED)[:200]


def line_21_cue(start: int, content: bytes, time_form: str = "") -> Cue:
    """The cue of pairs of bytes that were sent at a time; without lines where they are control words alone."""
    text = line_21_text(content)
    return Cue(start, None, (text,) if text else (), settings=control_words(content), time_form=time_form)


def with_ends(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Cues with the times at which the screen was cleared for their ends."""
    held: Cue | None = None
    for cue in cues:
        if held is not None and held.lines and held.end is None and not cue.lines and cue.settings in _ERASES:
            held = replace(held, end=cue.start)
            continue
        if held is not None:
            yield held
        held = cue
    if held is not None:
        yield held
