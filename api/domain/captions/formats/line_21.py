"""The bytes of line 21 (CEA-608), of which SCC and raw files are made."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import takewhile

from api.domain.captions.cue import Cue

_WITHOUT_PARITY = bytes(byte & 0x7F for byte in range(256))
_PRINTED = 0x20
# On either channel: "resume caption loading", "end of caption", which shows what was loaded, "erase displayed memory", and the erasing of
# what is not displayed.
_LOADS = frozenset({"1420", "1c20"})
_SHOWS = frozenset({"142f", "1c2f"})
_ERASES = frozenset({"142c", "1c2c"})
_CHANGES = _SHOWS | _ERASES
_OF_THE_SCREEN = _CHANGES | {"142e", "1c2e"}


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


def on_screen(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Cues at the times when they are shown, not when they are loaded, and with those at which the screen is cleared for their ends."""
    screen = _Screen()
    for cue in cues:
        for part in _parts(cue):
            yield from screen.take(part)
    yield from screen.clear()


def _parts(cue: Cue) -> Iterator[Cue]:
    """What is done to the screen before a text is loaded at the same time, and the rest."""
    words = cue.settings.split()
    before = list(takewhile(_OF_THE_SCREEN.__contains__, words))
    if cue.lines and _CHANGES.intersection(before) and _LOADS.intersection(words[len(before):len(before) + 1]):
        yield replace(cue, lines=(), settings=" ".join(before))
        cue = replace(cue, settings=" ".join(words[len(before):]))
    yield cue


class _Screen:
    """What is shown, and what is loaded to be shown next."""

    def __init__(self) -> None:
        self._shown: Cue | None = None
        self._loaded: Cue | None = None

    def take(self, cue: Cue) -> Iterator[Cue]:
        """The cues that are over with this one, which may be without text."""
        words = frozenset(cue.settings.split())
        if not cue.lines and not words:
            # Padding is no cue.
            return
        if not cue.lines and words <= _OF_THE_SCREEN:
            yield from self._controlled(cue, words)
        elif cue.lines and words & _LOADS and not words & _SHOWS:
            if self._loaded is not None:
                yield from self.clear()
            self._loaded = cue
        else:
            yield from self.clear()
            self._shown = cue

    def clear(self) -> Iterator[Cue]:
        """All cues that are there."""
        yield from (cue for cue in (self._shown, self._loaded) if cue is not None)
        self._shown = self._loaded = None

    def _controlled(self, cue: Cue, words: frozenset[str]) -> Iterator[Cue]:
        shows = bool(words & _SHOWS)
        if not shows and self._loaded is not None and not self._is_shown():
            # Some writers load a text and never show it.
            yield from self._show(self._loaded.start)
        is_known = self._is_shown() or shows and self._loaded is not None
        self._end(cue.start)
        if shows:
            yield from self._show(cue.start)
        if not is_known:
            yield from self.clear()
            self._shown = cue

    def _is_shown(self) -> bool:
        return self._shown is not None and bool(self._shown.lines) and self._shown.end is None

    def _end(self, time: int | None) -> None:
        if self._shown is not None and self._is_shown():
            self._shown = replace(self._shown, end=time)

    def _show(self, time: int | None) -> Iterator[Cue]:
        if self._loaded is not None:
            if self._shown is not None:
                yield self._shown
            self._shown, self._loaded = replace(self._loaded, start=time), None
