"""Descendants of a process, from /proc."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def descendants(pid: int, *, skip: int = 0) -> list[int]:
    """All processes below `pid`, nearest first, without the nearest `skip` generations."""
    found: list[int] = []
    generation = [pid]
    depth = 0
    while generation:
        generation = [child for each in generation for child in _children(each)]
        depth += 1
        if depth > skip:
            found += generation
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children
