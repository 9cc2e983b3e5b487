"""How to start a module of this package as a child process, with a minimal environment."""
from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def module_command(module: str) -> list[str]:
    """The command line of a module that needs the standard library alone; site packages are not imported."""
    return [sys.executable, "-S", "-P", "-m", module]


def module_environment() -> dict[str, str]:
    """A minimal environment for such a program, since ours holds secrets."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT)}
