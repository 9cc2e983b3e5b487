"""Reduces what a log sends to a terminal to text and colours, since its writer is not trusted."""
from __future__ import annotations

import re

# A whole sequence: CSI, a string such as a title's, another escape, or a lone control character. Colours are CSI … m.
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,100}[ -/]{0,10}[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]{0,1000}(?:\x07|\x1b\\|\x9c)|\x1b[ -/]{0,10}[0-Z\\^-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,100}m")
# A sequence that may go on in the next piece.
_BEGUN = re.compile(r"\x1b(?:\[[0-?]{0,100}[ -/]{0,10}|[\]PX^_][^\x07\x1b\x9c]{0,1000}\x1b?|[ -/]{0,10})\Z")
LONGEST = 1100
RESET = "\x1b[0m"


class ColoursOnly:
    """Filters the pieces of one log; a sequence may begin in one piece and end in another."""

    def __init__(self) -> None:
        self._kept = ""
        self._is_coloured = False

    def filter(self, text: str) -> str:
        """The text with its colours, without all else that a terminal would obey."""
        text = self._kept + text
        begun = _BEGUN.search(text, max(0, len(text) - LONGEST))
        self._kept = "" if begun is None else text[begun.start():]
        return _SEQUENCE.sub(self._reduced, text[:len(text) - len(self._kept)])

    def end(self) -> str:
        """What brings the terminal's own colours back."""
        return RESET if self._is_coloured else ""

    def _reduced(self, sequence: re.Match[str]) -> str:
        if _COLOUR.fullmatch(sequence[0]) is None:
            return ""
        self._is_coloured = sequence[0] not in (RESET, "\x1b[m")
        return sequence[0]
