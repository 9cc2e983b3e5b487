"""Files to compare as the pool gets them."""
from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256


@dataclass
class File:
    """A file in memory; `before_read` is called whenever some of it is read."""

    content: bytes
    before_read: Callable[[], object] = lambda: None
    missing_at_end: int = 0
    reads: list[int] = field(default_factory=list)

    @cached_property
    def name(self) -> str:
        """A name that stands for the content."""
        return sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)

    def read(self, start: int, length: int) -> bytes:
        """Some of it."""
        self.before_read()
        self.reads.append(start)
        return self.content[:self.size - self.missing_at_end][start:start + length]


def shuffled(size: int, seed: int) -> File:
    """Lines of a few thousand words in no order: two such files take git's algorithm many seconds from 10 MB on."""
    words = [b"%x\n" % random.Random(number).getrandbits(40) for number in range(4000)]
    choice = random.Random(seed)
    return File(b"".join(choice.choices(words, k=size // 11)))


def unique(size: int, seed: int) -> File:
    """Lines that no other file has."""
    choice = random.Random(seed)
    return File(b"".join(b"%x\n" % choice.getrandbits(72) for _ in range(size // 19)))
