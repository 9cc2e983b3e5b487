"""Pools of comparing processes that are made to hang, die and babble."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from api.diffs.channel import View
from api.diffs.pool import DiffPool

VIEW = View(context_lines=3, unified=False, name="output.srt")
UNIFIED = View(context_lines=3, unified=True, name="output.srt")
HANGS = (sys.executable, "-S", "-c", "import time; time.sleep(3600)")
DIES = (sys.executable, "-S", "-c", "")
# A process that answers, but not as it should.
BABBLES = (sys.executable, "-S", "-c", "import os, time; os.write(0, b'no such answer' * 9); time.sleep(3600)")
MakePool = Callable[..., DiffPool]


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
