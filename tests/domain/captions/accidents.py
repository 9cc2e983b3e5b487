"""Files of captions that met with accidents."""
from __future__ import annotations

import random

from api.domain.captions.cue import Format
from tests.domain.captions.writers import CUES, written

FILES = tuple(written(format, cues) for format in Format for cues in (CUES, CUES[:1], ()))
SPLICES = (b"-->", b"\n", b"\n\n", b"<p ", b"<i>", b"</p>", b"<SYNC start=", b"|", b"&lt;",
    b"\\N", b"{\\i1}", b"\xff", b"\0", b"\xb9", b"9" * 30)
SWAPS = ((b":", b"."), (b",", b"."), (b"\n", b"\r\n"), (b" ", b""), (b"<", b"&"), (b"-->", b"->"), (b"0", "¹".encode()), (b"\n", b"\n\n"))


def mutated(chance: random.Random) -> tuple[bytes, bytes]:
    """A file, and what some accidents made of it."""
    expected = chance.choice(FILES)
    actual = bytearray(expected)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        start = chance.randrange(len(actual) + 1)
        end = min(len(actual), start + chance.randrange(1, 60))
        accident = chance.randrange(6)
        if accident == 0:
            actual[start:start + 1] = bytes([chance.randrange(256)])
        elif accident == 1:
            actual[start:start] = chance.choice(SPLICES)
        elif accident == 2:
            del actual[start:end]
        elif accident == 3:
            actual[start:start] = actual[end:end + 400]
        elif accident == 4:
            del actual[max(start, len(actual) // 2):]
        else:
            actual = actual.replace(*chance.choice(SWAPS))
    return expected, bytes(actual)
