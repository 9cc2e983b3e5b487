"""Line 21 captions (CEA-608) of Scenarist files, those that are shown at once when they are complete."""
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.demo.extractor.track import Cue, milliseconds

LINE = re.compile(r"(?m)^(\d\d):(\d\d):(\d\d)[:;](\d\d)\t([0-9a-f ]{4,9999})$")
FRAME_MILLISECONDS = 33
PARITY = 0x7F7F
LOAD, CLEAR_LOADED, CLEAR, SHOW = 0x1420, 0x142E, 0x142C, 0x142F
# The rows that address codes name, by the first byte; the second row of each pair where the second byte says so.
ROWS = {0x11: (1, 2), 0x12: (3, 4), 0x15: (5, 6), 0x16: (7, 8), 0x17: (9, 10), 0x10: (11, 11), 0x13: (12, 13), 0x14: (14, 15)}
LETTERS = dict(zip("*\\^_`{|}~\x7f", "áéíóúç÷Ññ█", strict=True))
SIGNS = "®°½¿™¢£♪à\u00a0èâêîôû"


@dataclass
class Screen:
    """The rows of a caption that is being loaded, and whether what comes is italic."""

    rows: dict[int, str] = field(default_factory=dict)
    row: int = 15
    italic: bool = False

    def take(self, code: int) -> None:
        """Take a pair of bytes that is no command."""
        first, second = code >> 8, code & 0xFF
        if first >= 0x20:
            self._write("".join(LETTERS.get(chr(byte), chr(byte)) for byte in (first, second) if byte >= 0x20))
        elif first == 0x11 and 0x30 <= second <= 0x3F:
            self._write(SIGNS[second - 0x30])
        elif first == 0x11 and 0x20 <= second <= 0x2F:
            self._slant(second & 0x0E == 0x0E)
        elif first in ROWS and second >= 0x40:
            self._slant(False, wide=False)
            self.row = ROWS[first][second >> 5 & 1]

    def _write(self, text: str) -> None:
        self.rows[self.row] = self.rows.get(self.row, "") + text

    def _slant(self, italic: bool, *, wide: bool = True) -> None:
        """Turn to italics or back; the code for it takes a cell of the row if it is `wide`."""
        tag = "" if italic is self.italic else "<i>" if italic else "</i>"
        self.italic = italic
        if tag or wide:
            self._write(tag + " " * wide)

    @property
    def text(self) -> str:
        """The rows from the top down."""
        if self.italic:
            self._slant(False, wide=False)
        return "\n".join(self.rows[row].strip() for row in sorted(self.rows) if self.rows[row].strip())

    @property
    def place(self) -> int:
        """Where the rows stand, on a numeric keypad."""
        lowest = max(self.rows)
        return 7 if lowest <= 5 else 4 if lowest <= 10 else 1


def scenarist(text: str) -> Iterator[Cue]:
    """The captions, each shown until it is taken away or another takes its place."""
    loading, shown, since = Screen(), None, 0
    for now, code in _codes(text):
        if code in (CLEAR, SHOW):
            if shown:
                yield Cue(since, now, shown.text, shown.place)
            loading, shown, since = (Screen(), loading, now) if code == SHOW else (loading, None, now)
        elif code in (LOAD, CLEAR_LOADED):
            loading = Screen()
        else:
            loading.take(code)


def _codes(text: str) -> Iterator[tuple[int, int]]:
    """The pairs of bytes without parity, each with the time of its line, and once where it is sent twice, as commands are."""
    for hours, minutes, seconds, frame, words in LINE.findall(text):
        now, before = milliseconds(hours, minutes, seconds, "0") + int(frame) * FRAME_MILLISECONDS, 0
        for code in (int(word, 16) & PARITY for word in words.split()):
            if code < 0x2000 and code == before:
                before = 0
                continue
            before = code
            yield now, code
